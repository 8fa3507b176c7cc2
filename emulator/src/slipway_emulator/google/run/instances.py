"""Instances of a revision: containers that are started, probed, kept alive, and stopped when no request is left.

And tasks of a job, which run to their end.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import http.client
import logging
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import Mount

from slipway_emulator.google.api import Json
from slipway_emulator.google.artifact_registry.docker_registry import DockerRegistry
from slipway_emulator.google.iam.permissions import SCOPE
from slipway_emulator.google.iam.policies import run_agent
from slipway_emulator.google.iam.tokens import DOCKER_USER, Caller, Tokens
from slipway_emulator.google.logging.api import Logging
from slipway_emulator.google.messages import duration_seconds
from slipway_emulator.google.run.networks import Networks
from slipway_emulator.google.run.services import quantity
from slipway_emulator.google.run.volumes import archive, files_of
from slipway_emulator.google.secret_manager.api import AccessError, SecretManager
from slipway_emulator.network import ENGINE_ERRORS, ContainerNetwork

_LOG = logging.getLogger(__name__)
# How often an instance is looked at: a probe waits no longer for its first success than it must.
_LOOK_SECONDS = 0.5
# "Cloud Run sends a SIGTERM ... and after 10 seconds a SIGKILL" (Container runtime contract).
_STOP_SECONDS = 10
_LONGEST_DRAIN_SECONDS = 60.0
_SHARES_OF_A_CPU = 1024
# How much of a container's output is kept when it goes.
_MOST_LINES = 500
_REVISION_LABEL, _TASK_LABEL = "run.googleapis.com/revision", "run.googleapis.com/task"
_ATTEMPT_LABEL = "run.googleapis.com/task_attempt"
# How long a container without a startup probe and without a port has to be alive; Cloud Run says nothing of it.
_ALIVE_SECONDS = 5.0
# What the service, worker pool or job of something that runs is called, by the collection that it is in.
_OWNERS = {"services": "service", "workerPools": "worker-pool", "jobs": "job"}


class StartError(Exception):
    """A revision does not start.

    Args:
        message: what the condition says.
        reason: its `reason` or `revisionReason` (google.cloud.run.v2.Condition).
    """

    def __init__(self, message: str, reason: Mapping[str, str]) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


MISSING: Mapping[str, str] = {"reason": "CONTAINER_MISSING"}
_UNHEALTHY = {"revisionReason": "HEALTH_CHECK_CONTAINER_ERROR"}


@dataclasses.dataclass
class Instance:
    """A running copy of a revision: its containers, which share a network, and where it answers.

    Attributes:
        containers: Docker's objects, the one that serves first.
        host: address of the one that serves.
        port: the port it serves at; 0 where it serves nobody.
        source: where the edge connects from.
        requests: how many are under way.
    """

    containers: list[Any]
    host: str
    port: int
    source: tuple[str, int] | None
    requests: int = 0


class Instances:
    """Starts and stops instances.

    Args:
        client: a client of the engine.
        network: the network that containers join.
        mark: the label by which what a rehearsal leaves behind is found.
        registry_address: host and port that the names of images in Artifact Registry begin with.
        images: what is there.
        tokens: for the engine's own log-in.
        logs: where what containers have said is kept.
        secrets: what of the environment is read when a container starts.
        networks: knows which VPC network a revision is in.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        network: ContainerNetwork,
        mark: Mapping[str, str],
        registry_address: str,
        images: DockerRegistry,
        tokens: Tokens,
        logs: Logging,
        secrets: SecretManager,
        networks: Networks,
    ) -> None:
        self._client = client
        self._network = network
        self._mark = dict(mark)
        self._registry = registry_address
        self._images = images
        self._tokens = tokens
        self._logs = logs
        self._secrets = secrets
        self._networks = networks

    async def start(self, revision: Json) -> Instance:
        """Start one, and wait until its startup probe succeeds.

        Args:
            revision: with `name` and the template's fields.

        Raises:
            StartError: an image is missing, a container ends, or the probe fails.
        """
        containers: list[Any] = []
        try:
            instance: Instance = await _to_the_end(self._run, revision, containers, _contract(revision["name"]))
            await self._await_startup(instance, revision)
        except BaseException:
            await _to_the_end(self._remove, containers)
            raise
        return instance

    async def stop(self, instance: Instance) -> None:
        """Stop one, after the requests that are under way."""
        deadline = time.monotonic() + _LONGEST_DRAIN_SECONDS
        try:
            while instance.requests and time.monotonic() < deadline:
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await _to_the_end(self._stop, instance.containers)

    async def check(self, record: Json) -> None:
        """Look whether the images and the secrets of a job's template are there.

        Args:
            record: with `name` and the template's fields.

        Raises:
            StartError: one is not.
        """
        project = record["name"].split("/")[1]
        for container in record["containers"]:
            await _to_the_end(self._environment, record, container)
            await _to_the_end(self._pull, container["image"], run_agent(project))

    async def run(self, task: Json, attempt: int, count: int) -> int | None:
        """Run a task of a job once.

        Args:
            task: with `name`, `index` and the template's fields.
            attempt: how often it was run before.
            count: how many tasks the execution has.

        Returns:
            Its exit code; None where it was not done in its time.

        Raises:
            StartError: it does not start.
        """
        contract = _contract(task["name"]) | {
            "CLOUD_RUN_TASK_INDEX": str(task.get("index", 0)),
            "CLOUD_RUN_TASK_ATTEMPT": str(attempt),
            "CLOUD_RUN_TASK_COUNT": str(count),
        }
        containers: list[Any] = []
        try:
            await _to_the_end(self._run, task, containers, contract)
            deadline = time.monotonic() + duration_seconds(task["timeout"])
            while time.monotonic() < deadline:
                if await asyncio.to_thread(_has_ended, containers):
                    return int(containers[0].attrs["State"]["ExitCode"])
                await asyncio.sleep(_LOOK_SECONDS)
            return None
        finally:
            await _to_the_end(self._stop, containers)

    async def await_end(self, instance: Instance, revision: Json) -> str:
        """Wait until an instance ends by itself or its liveness probe fails.

        Returns:
            Why it must be replaced.
        """
        probes = [
            [container["livenessProbe"], 0, time.monotonic() + container["livenessProbe"].get("initialDelaySeconds", 0)]
            for container in revision["containers"]
            if "livenessProbe" in container
        ]
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                if await asyncio.to_thread(_has_ended, instance.containers):
                    return "its container has ended"
            except ENGINE_ERRORS:
                # An engine that does not answer says nothing about its containers.
                continue
            for entry in probes:
                probe, failures, due = entry
                if time.monotonic() < due:
                    continue
                succeeded = await asyncio.to_thread(_probe, probe, instance)
                entry[1:] = [0 if succeeded else failures + 1, time.monotonic() + probe["periodSeconds"]]
                if entry[1] >= probe["failureThreshold"]:
                    return f"its liveness probe failed {entry[1]} times"

    def _run(self, record: Json, started: list[Any], contract: dict[str, str]) -> Instance:
        """Start the containers of an instance or a task; those that have begun are in the list whatever comes."""
        serving = next((c for c in record["containers"] if c.get("ports")), record["containers"][0])
        others = [c for c in record["containers"] if c is not serving]
        port = serving["ports"][0]["containerPort"] if serving.get("ports") else 0
        own = contract | ({"PORT": str(port)} if port else {})
        vpc, hosts = self._networks.reached(record)
        # Names that are made later are for the instances that are started later.
        network = {"network": self._network.name, "extra_hosts": hosts}
        self._run_container(record, serving, network, own, started)
        # The containers of an instance reach each other at localhost.
        beside = {"network_mode": f"container:{started[0].id}"}
        for container in others:
            self._run_container(record, container, beside, own, started)
        started[0].reload()
        host = self._network.join(started[0], vpc) if vpc else self._network.put_outside(started[0])
        return Instance(started, host, port, self._network.source)

    def _run_container(
        self, record: Json, container: Json, network: Json, contract: dict[str, str], started: list[Any]
    ) -> None:
        environment, files = self._environment(record, container)
        name = record["name"]
        _, project, _, _, collection, owner, *_ = name.split("/")
        image = self._pull(container["image"], run_agent(project))
        limits = container["resources"]["limits"]
        of = {_TASK_LABEL: name, _ATTEMPT_LABEL: contract["CLOUD_RUN_TASK_ATTEMPT"]} if collection == "jobs" else {}
        try:
            created = self._client.containers.create(
                image,
                entrypoint=container.get("command") or None,
                command=container.get("args") or None,
                working_dir=container.get("workingDir") or None,
                environment=environment | contract,
                labels=self._mark
                | (of or {_REVISION_LABEL: name})
                | {f"run.googleapis.com/{_OWNERS[collection]}": owner},
                mem_limit=int(quantity(limits["memory"]) or 0),
                # A share, not a ceiling: a part of a rehearsal machine's core would measure the machine.
                cpu_shares=max(2, int((quantity(limits["cpu"]) or 1) * _SHARES_OF_A_CPU)),
                # Cloud Run's own checks are the only ones; an image's HEALTHCHECK is Docker's alone.
                healthcheck={"test": ["NONE"]},
                # What the image has in the folder of a volume is hidden, and the volume goes with its container.
                mounts=[
                    Mount(mount["mountPath"], None, type="volume", no_copy=True)
                    for mount in container.get("volumeMounts", [])
                ],
                **network,
            )
            started.append(created)
            if files:
                # Who inspects the container does not see them.
                created.put_archive("/", archive(files))
            created.start()
        except APIError as error:
            raise StartError(f"Application failed to start: {error.explanation}", _UNHEALTHY) from error

    def _environment(self, revision: Json, container: Json) -> tuple[dict[str, str], dict[str, tuple[int, str]]]:
        """The variables and the files of a container, with the secrets that the revision's account may read.

        "Configure secrets for services": all of them are read before a container starts.

        Raises:
            StartError: of some it may not, or there is none.
        """
        values, problems = {}, []
        own = revision["name"].split("/")[1]

        def read(wanted: str, version: str) -> str:
            # Of another project it is named in full.
            *of, secret = wanted.split("/")
            return self._secrets.read(revision["serviceAccount"], of[1] if of else own, secret, version)

        for position, variable in enumerate(container.get("env", [])):
            name = variable["name"]
            if "valueSource" not in variable:
                values[name] = str(variable.get("value", ""))
                continue
            wanted = variable["valueSource"]["secretKeyRef"]
            try:
                values[name] = read(wanted["secret"], wanted.get("version", "latest"))
            except AccessError as error:
                place = f"containers[{revision['containers'].index(container)}].env[{position}]"
                problems.append(f"spec.template.spec.{place}.value_from.secret_key_ref.name: {error}")
        files, more = files_of(revision, container, read)
        if problems or more:
            raise StartError("\n".join([*problems, *more]), {"reason": "SECRETS_ACCESS_CHECK_FAILED"})
        return values, files

    def _pull(self, image: str, agent: str) -> str:
        missing = StartError(f"Image '{image}' not found.", MISSING)
        credentials = None
        if image.startswith(f"{self._registry}/"):
            # Docker's cache may have what the registry has lost.
            name, _, digest = image.removeprefix(f"{self._registry}/").partition("@")
            name, _, tag = name.partition(":")
            if self._images.digest(name, digest or tag or "latest") is None:
                raise missing
            token = self._tokens.issue(Caller(agent, frozenset([f"{SCOPE}cloud-platform"])))
            credentials = {"username": DOCKER_USER, "password": token}
        try:
            self._client.images.pull(image, auth_config=credentials)
        except (ImageNotFound, NotFound):
            raise missing from None
        except DockerException as error:
            if not credentials:
                with contextlib.suppress(DockerException):
                    # A public image that this machine has and no registry gives it.
                    self._client.images.get(image)
                    return image
            raise StartError(f"Image '{image}' cannot be pulled: {error}", MISSING) from error
        return image

    def _stop(self, containers: list[Any]) -> None:
        for container in containers:
            with contextlib.suppress(*ENGINE_ERRORS):
                container.stop(timeout=_STOP_SECONDS)
        self._remove(containers)

    def _remove(self, containers: list[Any]) -> None:
        for container in reversed(containers):
            with contextlib.suppress(*ENGINE_ERRORS):
                self._keep_output(container)
            self._network.forget_outside(container)
            try:
                container.remove(v=True, force=True)
            except NotFound:
                continue
            except ENGINE_ERRORS:
                _LOG.exception("container %s was not removed", container.id)

    def _keep_output(self, container: Any) -> None:
        for stream in ("stdout", "stderr"):
            wanted = {"stdout": stream == "stdout", "stderr": stream == "stderr"}
            output = container.logs(timestamps=True, tail=_MOST_LINES, **wanted).decode("utf-8", "replace")
            name = container.labels.get(_TASK_LABEL) or container.labels[_REVISION_LABEL]
            attempt = int(container.labels.get(_ATTEMPT_LABEL, "0"))
            self._logs.write(name, container.id, stream, output, attempt)

    async def _await_startup(self, instance: Instance, revision: Json) -> None:
        for container in sorted(revision["containers"], key=lambda c: not c.get("ports")):
            probe = container.get("startupProbe")
            if not probe:
                if not instance.port:
                    await self._await_life(instance)
                continue
            await asyncio.sleep(probe.get("initialDelaySeconds", 0))
            deadline = time.monotonic() + probe["failureThreshold"] * probe["periodSeconds"]
            while not await asyncio.to_thread(_probe, probe, instance):
                ended = await asyncio.to_thread(_has_ended, instance.containers)
                if ended or time.monotonic() > deadline:
                    raise _startup_error(probe, instance.port, ended)
                await asyncio.sleep(min(_LOOK_SECONDS, probe["periodSeconds"]))

    @staticmethod
    async def _await_life(instance: Instance) -> None:
        deadline = time.monotonic() + _ALIVE_SECONDS
        while time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            if await asyncio.to_thread(_has_ended, instance.containers):
                code = instance.containers[0].attrs["State"]["ExitCode"]
                text = (
                    f"The user-provided container failed to start: it called exit({code}). Logs for this revision "
                    "might contain more information."
                )
                raise StartError(text, _UNHEALTHY)


def _contract(name: str) -> dict[str, str]:
    """Environment variables that tell a container what it is part of ("Container runtime contract").

    Args:
        name: of its revision, or of its job's task.
    """
    _, _, _, _, collection, owner, _, short, *_ = name.split("/")
    if collection == "jobs":
        return {"CLOUD_RUN_JOB": owner, "CLOUD_RUN_EXECUTION": short}
    if collection == "workerPools":
        return {"CLOUD_RUN_WORKER_POOL": owner, "CLOUD_RUN_REVISION": short}
    return {"K_SERVICE": owner, "K_REVISION": short, "K_CONFIGURATION": owner}


def _startup_error(probe: Json, port: int, ended: bool) -> StartError:
    if "tcpSocket" in probe or ended:
        return StartError(
            "The user-provided container failed to start and listen on the port defined provided by the "
            f"PORT={port} environment variable within the allocated timeout. This can happen when the container "
            "port is misconfigured or if the timeout is too short. The health check timeout can be extended. Logs for "
            "this revision might contain more information.",
            _UNHEALTHY,
        )
    return StartError(
        "The user-provided container failed the configured startup probe checks. Logs for this revision might contain "
        "more information.",
        _UNHEALTHY,
    )


def _probe(probe: Json, instance: Instance) -> bool:
    """Ask once; a gRPC probe only sees whether somebody listens."""
    timeout = probe["timeoutSeconds"]
    action = probe.get("httpGet")
    if action is None:
        try:
            port = (probe.get("tcpSocket") or probe["grpc"])["port"]
            socket.create_connection((instance.host, port), timeout, instance.source).close()
        except OSError:
            return False
        return True
    connection = http.client.HTTPConnection(
        instance.host, action["port"], timeout=timeout, source_address=instance.source
    )
    headers = {header.get("name", ""): header.get("value", "") for header in action.get("httpHeaders", [])}
    try:
        connection.request("GET", action["path"], headers={"User-Agent": "GoogleHC/1.0"} | headers)
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _has_ended(containers: list[Any]) -> bool:
    for container in containers:
        try:
            container.reload()
        except NotFound:
            return True
        if container.status in ("exited", "dead"):
            return True
    return False


async def _to_the_end(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run something in a thread; it ends before the caller goes on, even where the caller is cancelled."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
