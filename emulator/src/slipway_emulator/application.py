"""The emulator as one ASGI application: gateway and load balancers, told apart by their port."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import docker

from slipway_emulator.endpoints import Receive, Scope, Send, endpoints
from slipway_emulator.network import ContainerNetwork
from slipway_emulator.settings import Settings

if TYPE_CHECKING:
    from slipway_emulator.vpc.firewall import Firewall

# The parameter of the Query protocol that names the operation.
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z]+)")

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Who runs here, for another emulator that finds the port taken.
IDENTITY_PATH = "/_slipway/identity"
# Where the credentials of a session are made to expire: POST, with the access key as the last part of the path.
_EXPIRE_PATH = "/_slipway/expire/"
# What this machine may ask and no container: these, and MiniStack's own, which tell, change and delete everything.
_CONTROL_PATHS = (IDENTITY_PATH, _EXPIRE_PATH, "/_ministack/")
# But for what MiniStack has its own containers ask: functions of Lambda, custom resources, pods.
_CONTAINER_PATHS = tuple(f"/_ministack/{name}" for name in ("lambda-layers/", "lambda-code/", "cfn-", "eks-auth/"))
# For how long AWS's tagging API lists what was deleted, at the most, where the emulator is late.
_LISTED_SECONDS = 3600


def configure_ministack(settings: Settings, network: ContainerNetwork) -> None:
    """Say to MiniStack where it lives; it reads its environment when it is first imported."""
    os.environ.update(
        GATEWAY_PORT=str(settings.gateway_port),
        # Databases answer at their own address on the containers' network, port 5432, for both sides.
        DOCKER_NETWORK=settings.network_name,
        MINISTACK_HOST=network.gateway,
        # Marks its containers, together with the port; see leftovers.py.
        MINISTACK_HOSTNAME=settings.network_name,
        MINISTACK_REGION=settings.region,
        # Policies decide. The account's administrator has these keys, whatever the user's own are.
        AUTH=str(settings.enforce_iam).lower(),
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",  # noqa: S106  (opens nothing but this emulator)
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
    )


def create(settings: Settings, client: docker.DockerClient, network: ContainerNetwork) -> Application:
    """The application, with everything MiniStack lacks in place.

    Args:
        settings: ports, which tell listeners from the gateway.
        client: a client of the engine that runs the containers.
        network: the network that containers join.

    Raises:
        slipway_emulator.network.NetworkError: the engine lets nothing be enforced; says what to do.
        slipway_emulator.overrides.IncompatibleError: MiniStack is not the version this was written for.
    """
    configure_ministack(settings, network)
    from ministack import app as ministack
    from ministack.services import rds

    from slipway_emulator import overrides
    from slipway_emulator.account.regions import Regions
    from slipway_emulator.app_runner.api import AppRunner
    from slipway_emulator.autoscaling.api import AutoScaling
    from slipway_emulator.autoscaling.groups import GroupReconciler
    from slipway_emulator.ec2.instances import Instances
    from slipway_emulator.ecr.registry import Tokens
    from slipway_emulator.ecs import services as ecs_services
    from slipway_emulator.ecs.tasks import Tasks
    from slipway_emulator.elbv2 import listeners as edge
    from slipway_emulator.elbv2.forwarding import load_balancer_source
    from slipway_emulator.elbv2.target_health import TargetHealth
    from slipway_emulator.google.cloud import GoogleCloud
    from slipway_emulator.iam.decisions import Decisions
    from slipway_emulator.iam.roles import Roles
    from slipway_emulator.late import Late, LatePolicies
    from slipway_emulator.parts import Parts
    from slipway_emulator.tagging.deleted import DeletedResources
    from slipway_emulator.vpc.firewall import Firewall

    firewall = Firewall(client, network, settings.gateway_port) if settings.enforce_network else None
    decisions, tokens = Decisions(settings.decisions_file), Tokens()
    late = Late(settings.late_seconds)
    roles = Roles(late)
    health = TargetHealth(partial(load_balancer_source, firewall))
    runner = AppRunner(client, network, settings.gateway_port, settings.registry_address, roles, tokens)
    instances = Instances(client, network, settings.gateway_port, roles)
    reconciler = GroupReconciler(instances, health)
    autoscaling = AutoScaling(reconciler, instances)
    parts = Parts(
        client=client,
        network=network,
        firewall=firewall,
        account_plan=settings.account_plan,
        enforces_quotas=settings.enforce_quotas,
        registry_address=settings.registry_address,
        registry_tokens=tokens,
        decisions=decisions,
        roles=roles,
        health=health,
        tasks=Tasks(client, network, health),
        instances=instances,
        autoscaling=autoscaling,
        app_runner=runner,
        regions=Regions(),
        deleted=DeletedResources(_LISTED_SECONDS if settings.late_seconds else 0),
        late=late,
        late_policies=LatePolicies(settings.late_seconds),
        alarm_listeners=[autoscaling.alarm_changed],
        at_stop=[ecs_services.halt, runner.halt, reconciler.stop, health.stop],
    )
    services = endpoints(parts)
    for table in overrides.tables().values():
        overrides.apply(table, parts)
    if firewall:
        parts.at_stop.append(firewall.close)
        network.changed = firewall.refresh
    settings.rds_ca_file.write_text(rds.pg_ca_cert_pem())
    parts.at_stop.append(partial(settings.rds_ca_file.unlink, missing_ok=True))
    edge.add_site(runner.has_site, runner.handle_site)
    google = GoogleCloud(settings, client, network)
    edge.add_site(google.has_site, google.handle_site)
    parts.at_stop.append(google.stop)
    listener_ports = {settings.http_port: 80, settings.https_port: 443}
    identity = {"state_directory": str(settings.state_directory), "process": os.getpid()}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(scope, receive, send)
        elif scope["type"] != "http":
            await ministack.app(scope, receive, send)
        elif scope["server"][1] in listener_ports:
            await edge.handle(scope, receive, send, listener_ports[scope["server"][1]], firewall)
        elif scope["server"][1] == settings.google_port:
            await google.handle(scope, receive, send)
        elif _is_control(scope["path"]) and network.has(scope["client"][0]):
            await ministack._send_response(send, 404, {}, b"")
        elif firewall and not await firewall.allows(
            scope["client"][0], scope["path"], scope["query_string"].decode("latin-1"), _headers(scope)
        ):
            # What drops packets says nothing.
            while (await receive())["type"] != "http.disconnect":
                continue
        else:
            parts.deleted.remember()
            await answer(scope, *(_refreshing(firewall, receive, send) if firewall else (receive, send)))
            parts.late_policies.remember()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if service := next((one for one in services if one.matches(scope)), None):
            await service.handle(scope, receive, send)
        elif scope["path"] == IDENTITY_PATH:
            content = {"Content-Type": "application/json"}
            await ministack._send_response(send, 200, content, json.dumps(identity).encode())
        elif scope["path"].startswith(_EXPIRE_PATH) and scope["method"] == "POST":
            known = roles.expire(scope["path"].removeprefix(_EXPIRE_PATH))
            await ministack._send_response(send, 204 if known else 404, {}, b"")
        else:
            await ministack.app(scope, receive, send)

    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_and_halt() -> dict[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                for stop in parts.at_stop:
                    stop()
            return message

        health.start()
        reconciler.start()
        await ministack.app(scope, receive_and_halt, send)

    return application


def _is_control(path: str) -> bool:
    """Whether a path is for whoever runs the emulator; no cloud has it."""
    return path.startswith(_CONTROL_PATHS) and not path.startswith(_CONTAINER_PATHS)


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _refreshing(firewall: Firewall, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Have a change hold before it is answered; all services that the firewall looks at have the Query protocol."""
    changes = False

    async def receive_and_look() -> dict[str, Any]:
        nonlocal changes
        message = await receive()
        action = _ACTION.search(message.get("body", b""))
        changes = changes or bool(action and not action[1].startswith((b"Describe", b"Get", b"List")))
        return message

    async def refresh_and_send(message: dict[str, Any]) -> None:
        if changes and message["type"] == "http.response.start":
            await asyncio.to_thread(firewall.refresh)
        await send(message)

    return receive_and_look, refresh_and_send
