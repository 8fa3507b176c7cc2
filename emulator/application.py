"""The rehearsal cloud as one ASGI application: gateway and load balancers, told apart by their port."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import docker

from emulator.network import ContainerNetwork
from emulator.settings import Settings

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def configure_ministack(settings: Settings, network: ContainerNetwork) -> None:
    """Say to MiniStack where it lives; it reads its environment when it is first imported."""
    os.environ.update(
        GATEWAY_PORT=str(settings.gateway_port),
        # Databases answer at their own address on the containers' network, port 5432, for both sides.
        DOCKER_NETWORK=settings.network_name,
        MINISTACK_HOST=network.gateway,
        MINISTACK_REGION=settings.region,
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
    )


def create(settings: Settings, network: ContainerNetwork) -> Application:
    """The application, with everything MiniStack lacks in place.

    Args:
        settings: ports, which tell listeners from the gateway.
        network: the network rehearsed containers join.
    """
    configure_ministack(settings, network)
    from ministack import app as ministack

    from emulator import alarms, application_autoscaling, ecs, edge, load_balancers, registry

    health = load_balancers.TargetHealth()
    load_balancers.install(health)
    ecs.install(network, health)
    alarms.install()
    registry.install(f"127.0.0.1:{settings.gateway_port}")
    autoscaling = application_autoscaling.ApplicationAutoScaling()
    application_autoscaling.install(autoscaling)
    listener_ports = {settings.http_port, settings.https_port}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if scope["server"][1] in listener_ports:
                await edge.handle(scope, receive, send)
                return
            if application_autoscaling.is_meant(scope):
                await application_autoscaling.handle(autoscaling, scope, receive, send)
                return
        if scope["type"] == "lifespan":
            health.start()
        await ministack.app(scope, receive, send)

    return application


def engine() -> docker.DockerClient:
    """A client of the Docker Engine that `DOCKER_HOST` names, or the local one.

    Raises:
        docker.errors.DockerException: no engine answers.
    """
    client = docker.from_env(timeout=20)
    client.ping()
    return client
