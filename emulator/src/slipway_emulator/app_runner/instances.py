"""Instances of App Runner services: containers that are started, checked, kept alive, and stopped when idle.

Source of the rules: "Configuring health checks for your service", "Referencing environment variables" and "How App
Runner works with IAM" in the App Runner developer guide.
"""

from __future__ import annotations

import dataclasses
import http.client
import itertools
import logging
import shlex
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import docker
from docker.errors import DockerException, NotFound
from ministack.core import container_reaper
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import ecs

from slipway_emulator.ecr.registry import Tokens
from slipway_emulator.iam.roles import Roles
from slipway_emulator.network import ContainerNetwork

_logger = logging.getLogger(__name__)

# A new instance is looked at this often until its first verdict, whatever its interval says: waiting is the one thing
# a rehearsal may shorten.
_INITIAL_INTERVAL_SECONDS = 1.0
_TICK_SECONDS = 0.5
# From SIGTERM to SIGKILL, as on Fargate, which App Runner runs on.
_STOP_TIMEOUT_SECONDS = 30
_LONGEST_DRAIN_SECONDS = 120.0

Json = dict[str, Any]


class DeploymentError(Exception):
    """New instances did not come up; the message is the reason that the service's log gives."""


@dataclasses.dataclass(frozen=True)
class Specification:
    """What each instance of one deployment is.

    Attributes:
        image: reference by which the engine pulls it.
        command: words of the start command; empty for the image's own.
        environment: all variables, secrets included.
        port: TCP port that the application listens on.
        cpu_units: units of 1/1024 vCPU.
        memory_mib: limit of the container.
        role_arn: the instance role; empty where there is none.
        health_check: `HealthCheckConfiguration`, complete.
        connector: the VPC connector that all goes through that it connects to; None where it is in no VPC.
        count: how many instances.
    """

    image: str
    command: tuple[str, ...]
    environment: dict[str, str]
    port: int
    cpu_units: int
    memory_mib: int
    role_arn: str
    health_check: Json
    connector: Json | None
    count: int


@dataclasses.dataclass
class Instance:
    """A container that serves, or is about to."""

    identifier: str
    container: Any
    host: str
    port: int
    source: tuple[str, int] | None
    in_flight: int = 0
    failures: int = 0
    next_check: float = 0.0


class Engine:
    """Starts and stops single instances.

    Args:
        client: a client of the engine.
        network: the network that containers join.
        gateway_port: where containers find the AWS APIs, on the network's gateway.
        roles: gives instances their credentials.
        tokens: the registry's.
    """

    def __init__(
        self, client: docker.DockerClient, network: ContainerNetwork, gateway_port: int, roles: Roles, tokens: Tokens
    ) -> None:
        self._client = client
        self._network = network
        self._apis = f"http://{network.gateway}:{gateway_port}"
        self._roles = roles
        self._tokens = tokens

    def pull(self, image: str, *, private: bool) -> None:
        """Get an image from its registry; what only Docker's cache has is not there.

        Args:
            image: reference by which the engine pulls it.
            private: whether it is in ECR's private registry.

        Raises:
            DeploymentError: the registry does not give it.
        """
        try:
            self._client.images.pull(image, auth_config=self._tokens.of_service() if private else None)
        except DockerException as error:
            _logger.warning("image %s: %s", image, error)
            raise DeploymentError("Failed to pull your application image. Reason: Invalid image.") from None

    def start(self, specification: Specification, labels: dict[str, str], log_group: str) -> Instance:
        """Start an instance and forward its output; whether it works is for `await_healthy` to find out.

        Raises:
            DeploymentError: the engine cannot start it.
        """
        identifier = new_uuid().replace("-", "")
        environment = specification.environment | {"AWS_ENDPOINT_URL": self._apis}
        if specification.role_arn:
            path = self._roles.offer(specification.role_arn, identifier)
            environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{self._apis}{path}"
        container = None
        try:
            container = self._client.containers.create(
                specification.image,
                command=list(specification.command) or None,
                environment=environment,
                labels={**container_reaper.own_labels("apprunner"), **labels},
                network=self._network.name,
                mem_limit=f"{specification.memory_mib}m",
                # A share, not a ceiling: a part of a rehearsal machine's core would measure the machine.
                cpu_shares=specification.cpu_units,
                # App Runner's own checks are the only ones; an image's HEALTHCHECK is Docker's alone.
                healthcheck={"test": ["NONE"]},
            )
            container.start()
            container.reload()
        except DockerException as error:
            if container is not None:
                container.remove(v=True, force=True)
            raise DeploymentError(
                "Your application stopped or failed to start. See logs for more information. "
                f"{getattr(error, 'explanation', error)}"
            ) from None
        config = {
            "group": log_group,
            "stream": f"instance/{identifier}",
            "region": get_region(),
            "create_group": True,
        }
        spawn_background(
            ecs._forward_awslogs,
            container,
            config,
            get_account_id(),
            get_region(),
            thread_name=f"apprunner-logs-{identifier[:8]}",
        )
        host = self._network.put_outside(container, specification.connector)
        return Instance(identifier, container, host, specification.port, self._network.source)

    def await_healthy(self, instance: Instance, check: Json) -> None:
        """Wait for an instance's first verdict.

        Raises:
            DeploymentError: it ended, or failed its checks for as long as interval and unhealthy threshold allow.
        """
        deadline = time.monotonic() + check["Interval"] * check["UnhealthyThreshold"]
        successes = 0
        while True:
            code = exit_code(instance)
            if code is not None:
                raise DeploymentError(
                    "Your application stopped or failed to start. See logs for more information. "
                    f"Container exit code: {code}"
                )
            if probe(instance, check):
                successes += 1
                if successes >= check["HealthyThreshold"]:
                    return
            else:
                successes = 0
                if time.monotonic() > deadline:
                    path = f" [Path: '{check['Path']}']," if check["Protocol"] == "HTTP" else ""
                    raise DeploymentError(
                        f"Health check failed on protocol `{check['Protocol']}`{path} [Port: '{instance.port}']. "
                        "Check your configured port number. For more information, see the application logs."
                    )
            time.sleep(min(check["Interval"], _INITIAL_INTERVAL_SECONDS))

    def stop(self, instance: Instance) -> None:
        """Stop an instance after the requests that are under way, and remove it."""
        deadline = time.monotonic() + _LONGEST_DRAIN_SECONDS
        while instance.in_flight and time.monotonic() < deadline:
            time.sleep(_TICK_SECONDS)
        try:
            instance.container.stop(timeout=_STOP_TIMEOUT_SECONDS)
            instance.container.remove(v=True, force=True)
        except NotFound:
            return
        except DockerException:
            _logger.exception("instance %s was not removed", instance.identifier)
        finally:
            self._network.forget_outside(instance.container)


class Fleet:
    """The instances that serve one service.

    Args:
        engine: starts and stops them.
        labels: Docker labels that say whose they are.
        log_group: log group of the application's output.
        log_event: writes a line to the service's log.
    """

    def __init__(
        self, engine: Engine, labels: dict[str, str], log_group: str, log_event: Callable[[str], None]
    ) -> None:
        self._engine = engine
        self._labels = labels
        self._log_group = log_group
        self._log_event = log_event
        self._specification: Specification | None = None
        self._instances: list[Instance] = []
        self._turn = itertools.count()
        self._lock = threading.Lock()
        # One at a time: a deployment, or the replacement of an instance that died.
        self._changing = threading.Lock()
        self._stopping = threading.Event()

    def deploy(self, specification: Specification) -> None:
        """Start new instances beside the old ones, and switch to them when all are healthy.

        Raises:
            DeploymentError: they did not come up. The old ones go on serving.
        """
        with self._changing:
            started = self._start(specification, specification.count)
            with self._lock:
                old, self._instances = self._instances, started
                first, self._specification = self._specification is None, specification
            if first:
                self._stopping = threading.Event()
                spawn_background(self._keep, self._stopping, thread_name="apprunner-reconciler")
            self._stop(old)

    def stop(self) -> None:
        """Stop all instances after the requests that are under way."""
        with self._changing:
            self._stopping.set()
            with self._lock:
                old, self._instances, self._specification = self._instances, [], None
            self._stop(old)

    def halt(self) -> None:
        """Replace nothing any more: the engine's containers are about to go."""
        self._stopping.set()

    def acquire(self) -> Instance | None:
        """Choose the next instance for one request, in turn, and count the request as under way."""
        with self._lock:
            if not self._instances:
                return None
            instance = self._instances[next(self._turn) % len(self._instances)]
            instance.in_flight += 1
            return instance

    def release(self, instance: Instance) -> None:
        """Count one request as answered."""
        with self._lock:
            instance.in_flight -= 1

    def _start(self, specification: Specification, count: int) -> list[Instance]:
        started: list[Instance] = []
        try:
            for _ in range(count):
                started.append(self._engine.start(specification, self._labels, self._log_group))
            for instance in started:
                self._engine.await_healthy(instance, specification.health_check)
        except BaseException:
            self._stop(started)
            raise
        return started

    def _stop(self, instances: list[Instance]) -> None:
        threads = [threading.Thread(target=self._engine.stop, args=[instance]) for instance in instances]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _keep(self, stopping: threading.Event) -> None:
        """Replace instances that end or fail their checks, until the service stops."""
        while not stopping.wait(_TICK_SECONDS):
            with self._changing:
                specification = self._specification
                if specification is None or stopping.is_set():
                    continue
                for instance in list(self._instances):
                    if self._is_lost(instance, specification.health_check):
                        self._replace(instance, specification)

    def _is_lost(self, instance: Instance, check: Json) -> bool:
        try:
            if exit_code(instance) is not None:
                return True
        except DockerException:
            # An engine that does not answer says nothing about its containers.
            return False
        if time.monotonic() >= instance.next_check:
            instance.failures = 0 if probe(instance, check) else instance.failures + 1
            instance.next_check = time.monotonic() + check["Interval"]
        return bool(instance.failures >= check["UnhealthyThreshold"])

    def _replace(self, instance: Instance, specification: Specification) -> None:
        try:
            [successor] = self._start(specification, 1)
        except (DeploymentError, DockerException) as error:
            self._log_event(f"Instance {instance.identifier} cannot be replaced: {error}")
            return
        with self._lock:
            self._instances[self._instances.index(instance)] = successor
        self._stop([instance])


def exit_code(instance: Instance) -> int | None:
    """The exit code of an instance's container, None while it runs, -1 where somebody has removed it.

    Raises:
        docker.errors.DockerException: the engine does not answer.
    """
    try:
        instance.container.reload()
    except NotFound:
        return -1
    state = instance.container.attrs["State"]
    return int(state["ExitCode"]) if state["Status"] in ("exited", "dead") else None


def probe(instance: Instance, check: Json) -> bool:
    """Ask an instance once, as its service's health check says."""
    if check["Protocol"] == "TCP":
        try:
            socket.create_connection((instance.host, instance.port), check["Timeout"], instance.source).close()
        except OSError:
            return False
        return True
    connection = http.client.HTTPConnection(
        instance.host, instance.port, timeout=check["Timeout"], source_address=instance.source
    )
    try:
        connection.request("GET", check["Path"], headers={"User-Agent": "Envoy/HC"})
        return bool(connection.getresponse().status == 200)
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def words(command: str) -> tuple[str, ...]:
    """The words of a start command.

    Raises:
        ValueError: a quotation has no end.
    """
    return tuple(shlex.split(command))
