"""The life of an ECS task: watched while it runs, replaced when it fails, stopped without losing a request."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import docker
from docker.errors import DockerException, NotFound
from ministack.core import container_reaper
from ministack.core.concurrency import resource_lock, spawn_background
from ministack.core.responses import new_uuid, now_iso, request_scope
from ministack.services import ecs, ecs_metadata

from slipway_emulator.ecs.network_interfaces import forget_interface
from slipway_emulator.ecs.records import cluster_name, registrations, service_key, service_of
from slipway_emulator.ecs.task_definitions import inactive
from slipway_emulator.elbv2.target_health import HEALTHY, UNHEALTHY, TargetHealth, deregistration_delay_seconds
from slipway_emulator.network import ContainerNetwork

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

_TICK_SECONDS = 0.5
# How long a task without any health check must run before it counts as started.
_STEADY_SECONDS = 3.0
# How long a stopped container is kept for its last log lines.
_LAST_LINES_SECONDS = 5.0
# "Stopped tasks only appear in the returned results for at least one hour" (DescribeTasks).
_STOPPED_KEPT_SECONDS = 3600.0
_INVALID = "InvalidParameterException"

Json = dict[str, Any]
Response = tuple[int, Json, bytes]
Function = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class ContainerState:
    """What the engine says of one container.

    Attributes:
        exited: whether its process has ended.
        health: `healthy`, `unhealthy`, `starting`, or None where it has no health check.
    """

    exited: bool
    health: str | None


class ContainerStates:
    """The state of all containers of tasks, read from the engine in one call and kept for a moment.

    Args:
        client: a client of the engine.
        clock: monotonic seconds.
    """

    _KEPT_SECONDS = 0.4

    def __init__(self, client: docker.DockerClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._read = float("-inf")
        self._states: dict[str, ContainerState] = {}

    def get(self, container_id: str) -> ContainerState | None:
        """The state of a container, or None when the engine has none of that id.

        Raises:
            docker.errors.DockerException: the engine does not answer.
        """
        with self._lock:
            # A container that started a moment ago is not in an older listing.
            if container_id not in self._states or self._clock() - self._read > self._KEPT_SECONDS:
                self._states = self._list()
                self._read = self._clock()
            return self._states.get(container_id)

    def _list(self) -> dict[str, ContainerState]:
        labels = ["ministack=ecs", f"{container_reaper.INSTANCE_LABEL}={container_reaper.instance_id()}"]
        found = self._client.api.containers(all=True, filters={"label": labels})
        return {entry["Id"]: _state(entry["State"], entry["Status"]) for entry in found}


def _state(state: str, status: str) -> ContainerState:
    # The listing has health in words only: "Up 3 minutes (healthy)" (Docker Engine API, ContainerList).
    _, _, health = status.partition("(")
    known = {"healthy)": HEALTHY, "unhealthy)": UNHEALTHY, "health: starting)": "starting"}
    return ContainerState(exited=state in ("exited", "dead"), health=known.get(health))


class _Supervisor:
    """Follows one task from its start to its end."""

    def __init__(
        self, task: Json, client: docker.DockerClient, containers: ContainerStates, health: TargetHealth
    ) -> None:
        self._task = task
        self._client = client
        self._containers = containers
        self._health = health
        self._started = time.monotonic()

    def run(self) -> None:
        while ecs._task_is_active(self._task["taskArn"], self._task):
            try:
                states = [self._containers.get(identifier) for identifier in list(self._task["_docker_ids"])]
            except DockerException:
                # An engine that does not answer says nothing about its containers.
                time.sleep(_TICK_SECONDS)
                continue
            if self._has_exited(states):
                self._stop("Essential container in task exited", "EssentialContainerExited")
                return
            service = service_of(self._task)
            problem, ready = self._verdict(states, service)
            if problem and service:
                if self._stop(problem, "ServiceSchedulerInitiated"):
                    ecs._record_service_task_failure(self._task)
                return
            if ready and service:
                self._certify(service)
            time.sleep(_TICK_SECONDS)

    def _has_exited(self, states: list[ContainerState | None]) -> bool:
        """Note which containers have ended; whether the task ends with them."""
        ended = [state is None or state.exited for state in states]
        essential = self._task["_container_essentials"]
        for index in [index for index, over in enumerate(ended) if over]:
            note_end(self._client, self._task["containers"][index], self._task["_docker_ids"][index])
        return bool(ended) and (all(ended) or any(e and essential[i] for i, e in enumerate(ended)))

    def _verdict(self, states: list[ContainerState | None], service: Json | None) -> tuple[str | None, bool]:
        """What is wrong with the task, if anything, and whether it is ready for work."""
        age = time.monotonic() - self._started
        in_grace = service is not None and age < float(service.get("healthCheckGracePeriodSeconds") or 0)
        container = self._show_health(states)
        if container == UNHEALTHY and not in_grace:
            return "Task failed container health checks", False
        ready = container in (None, HEALTHY) and age >= _STEADY_SECONDS
        for group, address, port in registrations(self._task):
            state, _, description = self._health.describe(group, {"Id": address, "Port": port})
            if state == UNHEALTHY and not in_grace:
                if service:
                    _tell(
                        service, f"(port {port}) is unhealthy in (target-group {group}) due to (reason {description})."
                    )
                return f"Task failed ELB health checks in (target-group {group})", False
            ready = ready and state == HEALTHY
        return None, ready

    def _show_health(self, states: list[ContainerState | None]) -> str | None:
        """Put each container's health on the record; the worst of them, None where nobody checks."""
        shown = {HEALTHY: "HEALTHY", UNHEALTHY: "UNHEALTHY"}
        known = []
        for index, state in enumerate(states):
            if state and state.health:
                known.append(state.health)
                self._task["containers"][index]["healthStatus"] = shown.get(state.health, "UNKNOWN")
        worst = next((health for health in (UNHEALTHY, "starting", HEALTHY) if health in known), None)
        self._task["healthStatus"] = shown.get(worst or "", "UNKNOWN")
        return worst

    def _certify(self, service: Json) -> None:
        """Count the task as healthy, and its deployment as complete when it was the last one missing."""
        key, deployment = service_key(self._task), ecs._primary_deployment(service)
        if not self._task.get("_startup_stable"):
            ecs._record_service_task_healthy(key, self._task)
        elif not deployment or deployment.get("rolloutState") != "IN_PROGRESS":
            return
        cluster = cluster_name(self._task)
        ecs._refresh_service_state(cluster, self._task["group"])
        ecs._reconcile_service_tasks(cluster, key)
        ecs._complete_service_deployment(cluster, key, expected_deployment_id=self._task.get("_deployment_id"))

    def _stop(self, reason: str, code: str) -> bool:
        """Stop the task; whether nobody else had."""
        if not ecs._mark_task_stopped(self._task["taskArn"], self._task, reason, code):
            return False
        ecs._cleanup_task_resources(self._task, self._client)
        return True


def _tell(service: Json, what: str) -> None:
    """Put an event on a service's record, as "Amazon ECS service event messages" has it."""
    event = {"id": new_uuid(), "createdAt": now_iso(), "message": f"(service {service['serviceName']}) {what}"}
    service["events"].insert(0, event)


def note_end(client: docker.DockerClient, container: Json, container_id: str) -> None:
    """Put how a container ended on its record.

    Args:
        client: a client of the engine.
        container: the container's record on its task.
        container_id: the engine's id of it.
    """
    if container.get("exitCode") is not None:
        return
    container["lastStatus"] = "STOPPED"
    try:
        state = client.api.inspect_container(container_id)["State"]
    except NotFound:
        container["reason"] = "CannotInspectContainerError: the container is gone"
        return
    except DockerException as error:
        container["reason"] = f"CannotInspectContainerError: {error}"
        return
    container["exitCode"] = state["ExitCode"]
    if state["OOMKilled"]:
        container["reason"] = "OutOfMemoryError: Container killed due to memory usage"


class _LogForwarding:
    """One thread for each container whose output goes to CloudWatch Logs."""

    def __init__(self) -> None:
        self._threads: dict[str, threading.Thread] = {}

    def start(self, container: Any, cdef: Json, task_id: str) -> None:
        """Forward a container's output; MiniStack's own function tells nobody of its thread."""
        config = ecs._awslogs_config(cdef, task_id, container.id)
        if config:
            region = config["region"] or ecs.get_region()
            self._threads[container.id] = spawn_background(
                ecs._forward_awslogs,
                container,
                config,
                ecs.get_account_id(),
                region,
                thread_name=f"ecs-logs-{task_id[:8]}-{cdef['name']}",
            )

    def finish(self, container_id: str) -> None:
        """Wait for the last lines of a container that has ended."""
        thread = self._threads.pop(container_id, None)
        if thread:
            thread.join(_LAST_LINES_SECONDS)


class _Stopping:
    """Takes a task from RUNNING to STOPPED, as "Task lifecycle" tells: out of the load balancer first."""

    def __init__(
        self,
        client: docker.DockerClient,
        network: ContainerNetwork,
        health: TargetHealth,
        logs: _LogForwarding,
    ) -> None:
        self._client = client
        self._network = network
        self._health = health
        self._logs = logs

    def begin(self, task_arn: str, task: Json, reason: str, stop_code: str, exit_code: int | None = None) -> bool:
        """Decide that a task stops, and take it out of its target groups.

        Returns:
            Whether it was this call that decided it.
        """
        # A guess, made before the container has ended; the engine will tell.
        del exit_code
        with resource_lock("ecs-task", task_arn):
            if not ecs._task_is_active(task_arn, task):
                return False
            ecs._bump_task_version(task)
            task |= {
                "desiredStatus": "STOPPED",
                "lastStatus": "DEACTIVATING",
                "stoppingAt": ecs._iso(),
                "stoppedReason": reason,
                "stopCode": stop_code,
            }
        ecs_metadata.set_task_status(task_arn, known_status="DEACTIVATING", desired_status="STOPPED")
        cluster = cluster_name(task)
        ecs._recount_cluster(cluster)
        ecs._refresh_service_state(cluster, task.get("group", ""))
        if stop_code in ("EssentialContainerExited", "TaskFailedToStart"):
            ecs._record_service_task_failure(task)
        elif stop_code == "UserInitiated" and service_of(task):
            ecs._reconcile_service_tasks(cluster, service_key(task))
        return True

    def clean_up(self, task: Json, _docker_client: Any, extra_container: Any = None) -> None:
        """Stop and remove a task's containers, in the background: nobody who stops a task waits for that."""
        with resource_lock("ecs-task", task["taskArn"]):
            identifiers, task["_docker_ids"] = list(task.get("_docker_ids") or []), []
            tokens, task["_metadata_tokens"] = list(task.get("_metadata_tokens") or []), []
            task["_clean_ups"] = task.get("_clean_ups", 0) + 1
        for token in tokens:
            ecs_metadata.unregister_token(token)
        if extra_container is not None and extra_container.id not in identifiers:
            identifiers.append(extra_container.id)
        thread_name = f"ecs-stop-{task['taskArn'].rsplit('/', 1)[-1][:8]}"
        spawn_background(self._end, task, identifiers, thread_name=thread_name)

    def _end(self, task: Json, identifiers: list[str]) -> None:
        try:
            self._end_containers(task, identifiers)
        finally:
            self._mark_stopped(task)

    def _end_containers(self, task: Json, identifiers: list[str]) -> None:
        for group, address, port in registrations(task):
            self._health.drain(group, address, port, deregistration_delay_seconds(group))
        with resource_lock("ecs-task", task["taskArn"]):
            if task["lastStatus"] == "DEACTIVATING":
                task["lastStatus"] = "STOPPING"
        timeouts = task.get("_stop_timeouts_seconds", {})
        for record, identifier in zip(task["containers"], identifiers, strict=False):
            try:
                container = self._client.containers.get(identifier)
                container.stop(timeout=timeouts.get(record["name"]))
                # The engine gives its address to the next one.
                task.get("_addresses", {}).pop(identifier, None)
                self._network.changed()
                note_end(self._client, record, identifier)
                self._logs.finish(identifier)
                container.remove(v=True, force=True)
            except DockerException:
                # It is gone already, or the engine is; MiniStack's reaper looks again.
                continue

    def _mark_stopped(self, task: Json) -> None:
        with resource_lock("ecs-task", task["taskArn"]):
            task["_clean_ups"] -= 1
            if task["_clean_ups"] or task["desiredStatus"] != "STOPPED" or task["lastStatus"] == "STOPPED":
                return
            for container in task["containers"]:
                container["lastStatus"] = "STOPPED"
            ecs._bump_task_version(task)
            forget_interface(task)
            task |= {"executionStoppedAt": ecs._iso(), "stoppedAt": ecs._iso(), "lastStatus": "STOPPED"}
            task["_forget_at"] = time.monotonic() + _STOPPED_KEPT_SECONDS
        ecs_metadata.set_task_status(task["taskArn"], known_status="STOPPED", desired_status="STOPPED")
        ecs_metadata.set_all_container_status(task["taskArn"], "STOPPED")
        ecs._recount_cluster(cluster_name(task))
        if task.get("_public_address"):
            self._network.release_public_address(task["_public_address"])
        if service_of(task):
            # The last task of a failed deployment takes the deployment along.
            ecs._complete_service_deployment(cluster_name(task), service_key(task))
        for arn, other in ecs._tasks.items():
            if other.get("_forget_at", float("inf")) < time.monotonic():
                ecs._tasks.pop(arn, None)


class Tasks:
    """Watches and stops tasks as the ECS agent does.

    Args:
        client: a client of the engine that runs the containers.
        network: gets the public addresses of stopped tasks back.
        health: the load balancers' opinion of each task.
    """

    def __init__(self, client: docker.DockerClient, network: ContainerNetwork, health: TargetHealth) -> None:
        self._client = client
        self._containers = ContainerStates(client)
        self._health = health
        self.logs = _LogForwarding()
        self.stopping = _Stopping(client, network, health, self.logs)

    def watch(self, task: Json, _docker_client: Any, account_id: str, region: str) -> None:
        """Follow a task that has started, on a thread of its own."""
        supervisor = _Supervisor(task, self._client, self._containers, self._health)

        def run() -> None:
            with request_scope(account_id, region):
                supervisor.run()

        spawn_background(run, thread_name=f"ecs-supervisor-{task['taskArn'].rsplit('/', 1)[-1][:8]}")


def run_task(original: Function, parts: Parts) -> Function:
    def run_task(data: Json) -> Response:
        # A service's own tasks go on: it "can still scale up or down" (DeregisterTaskDefinition).
        refusal = None if "_deploymentId" in data else inactive(data.get("taskDefinition") or "", _INVALID)
        network = (data.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        # Whoever starts the tasks waits for this.
        with parts.ecs_scheduling:
            response: Response = refusal or original(data)
            for task in json.loads(response[2]).get("tasks", []):
                parts.late.changed(task["taskArn"])
                ecs._tasks[task["taskArn"]]["_network_configuration"] = network
        return response

    return run_task


def describe_tasks(original: Function, parts: Parts) -> Function:
    def describe_tasks(data: Json) -> Response:
        response: Response = original(data)
        if response[0] != 200:
            return response
        answer = json.loads(response[2])
        late = [task["taskArn"] for task in answer["tasks"] if parts.late.seen(task["taskArn"], task) is None]
        answer["tasks"] = [task for task in answer["tasks"] if task["taskArn"] not in late]
        answer["failures"] += [{"arn": arn, "reason": "MISSING"} for arn in late]
        return response[0], response[1], json.dumps(answer).encode()

    return describe_tasks


def watch(_original: Function, parts: Parts) -> Function:
    return parts.tasks.watch


def leave_to_supervisor(_original: Function, _: Parts) -> Function:
    def leave_to_supervisor(_task: Json, _docker_client: Any = None) -> None:
        """In place of a look at the engine each time somebody describes a task."""

    return leave_to_supervisor


def forward_logs(_original: Function, parts: Parts) -> Function:
    return parts.tasks.logs.start


def begin_stopping(_original: Function, parts: Parts) -> Function:
    return parts.tasks.stopping.begin


def clean_up(_original: Function, parts: Parts) -> Function:
    return parts.tasks.stopping.clean_up
