# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""A deployment of ECS, by its id: a stable service is no proof, since the circuit breaker makes one by rolling back."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils import deployment as base
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import AwsDeployment, Origin, Request
from ansible_collections.slipway.provision.plugins.plugin_utils.ecs_tasks import (
    LATE_SECONDS,
    describe_tasks,
    list_tasks,
)

_SHOWN_TASKS = 2

Json = dict[str, Any]


class Deployment(AwsDeployment):
    """One service's deployment of one task definition.

    Args:
        request: what was deployed.
        process: the process whose service it is; empty for the web server.
    """

    def __init__(self, request: Request, process: str = "") -> None:
        super().__init__(request)
        self._ecs = self.client("ecs")
        outputs = request.outputs["processes"][process] if process else request.outputs
        self._process = process
        self._cluster, self._service = request.outputs["cluster_name"], outputs["service_name"]
        self._task_definition = outputs["task_definition_arn"]
        self._title = f"process {process} (service {self._service})" if process else f"service {self._service}"
        self._identifier = ""
        self._seen = time.monotonic()
        self._containers: dict[str, list[Json]] = {}

    @property
    def name(self) -> str:
        """Name of the service."""
        return str(self._service)

    def processes(self) -> dict[str, base.Deployment]:
        """Those of the other processes, each of which is a service."""
        # A state of before there were processes has no such output.
        return {name: Deployment(self.request, name) for name in self.request.outputs.get("processes", {})}

    def follow(self) -> str:
        """Follow the deployment until it is complete."""
        late = f"is not complete after {self.timeout_seconds} s"
        return str(self.wait_for(self._completed, lambda: self._failure(late, self._describe())))

    def running(self) -> dict[str, list[str]]:
        """Digests, and the tasks that run them."""
        found = defaultdict(list)
        for task in self.tasks("RUNNING"):
            for container in self._own_containers(task):
                if container.get("imageDigest"):
                    found[container["imageDigest"]].append(_id(task))
        return found

    def origin(self) -> Origin:
        """The service's own deployment, and who registered its task definition."""
        deployments = (self._describe() or {}).get("deployments", [])
        answer = self._ecs.describe_task_definition(taskDefinition=self._task_definition)["taskDefinition"]
        began = next((d["createdAt"] for d in deployments if d["taskDefinition"] == self._task_definition), None)
        return Origin(began or answer["registeredAt"], answer.get("registeredBy", ""))

    def tasks(self, status: str) -> list[Json]:
        """The service's tasks of a status, as DescribeTasks has them."""
        arns = list_tasks(self._ecs, cluster=self._cluster, serviceName=self._service, desiredStatus=status)
        return [task for task in describe_tasks(self._ecs, self._cluster, arns) if task["lastStatus"] == status]

    def _completed(self) -> str | None:
        """Id of the deployment where it is complete."""
        service = self._describe()
        deployments = service["deployments"] if service else []
        deployment = self._ours(deployments)
        if not service or not deployment:
            # An answer may be older than the deployment, even after one that was not.
            if time.monotonic() < self._seen + LATE_SECONDS:
                return None
            raise ActionError(self._failure("was rolled back and removed", service))
        self._seen = time.monotonic()
        if deployment["rolloutState"] == "FAILED":
            raise ActionError(self._failure(deployment["rolloutStateReason"], service))
        if deployment["status"] != "PRIMARY":
            raise ActionError(self._failure("was replaced by another deployment", service))
        others = sum(d["runningCount"] + d["pendingCount"] for d in deployments if d is not deployment)
        event = next((event["message"] for event in service.get("events", [])), "")
        ours = f"{deployment['runningCount']} of {deployment['desiredCount']} tasks run"
        self.doing = f"{ours}, {others} of earlier deployments; {event}"
        # A complete deployment may still be waiting for the last requests to the tasks it replaced.
        arrived = deployment["runningCount"] == deployment["desiredCount"] and others == 0
        return self._identifier if deployment["rolloutState"] == "COMPLETED" and arrived else None

    def _ours(self, deployments: list[Json]) -> Json | None:
        """The deployment that is followed, among those of an answer.

        A task definition can have an earlier, failed deployment too, which is all that an old answer has of it.
        """
        if self._identifier:
            return next((d for d in deployments if d["id"] == self._identifier), None)
        # The newest comes first.
        ours = next((d for d in deployments if d["taskDefinition"] == self._task_definition), None)
        is_late = time.monotonic() < self._seen + LATE_SECONDS
        if ours is None or (ours["rolloutState"] == "FAILED" and is_late):
            return None
        self._identifier = ours["id"]
        return ours

    def _describe(self) -> Json | None:
        """The service; None where there is none, or ECS does not show it yet."""
        services = self._ecs.describe_services(cluster=self._cluster, services=[self._service])["services"]
        return next((service for service in services if service["status"] == "ACTIVE"), None)

    def _failure(self, what: str, service: Json | None) -> str:
        if service is None:
            return f"there is no {self._title} in cluster {self._cluster}"
        lines = [f"The deployment of {self._task_definition} to {self._title} failed: {what}."]
        now = service["taskDefinition"]
        if now != self._task_definition:
            lines.append(f"The service was rolled back and still {'runs' if self._process else 'serves'} {now}.")
        stopped = [t for t in self.tasks("STOPPED") if t["taskDefinitionArn"] == self._task_definition]
        stopped.sort(key=lambda task: str(task.get("stoppedAt")), reverse=True)
        for task in stopped[:_SHOWN_TASKS]:
            lines.append(f"Task {_id(task)} stopped: {task.get('stoppedReason') or 'no reason given'}")
            for container in self._own_containers(task):
                code = container.get("exitCode")
                detail = container.get("reason", "")
                if code is not None or detail:
                    lines.append(f"  container {container['name']}: exit code {code} {detail}".rstrip())
                lines += self.last_lines(
                    self.request.outputs["log_group_name"], self._log_stream(task, container["name"])
                )
        # A service keeps events of earlier deployments, too.
        began = next((d["createdAt"] for d in service["deployments"] if d["id"] == self._identifier), None)
        events = [e["message"] for e in service.get("events", []) if began is None or e["createdAt"] >= began]
        # What the load balancer was answered, no task says.
        answered = [event for event in events if "is unhealthy in" in event][:1]
        lines += [f"  {event}" for event in (answered if stopped or answered else events[:3])]
        return "\n".join(lines)

    def _own_containers(self, task: Json) -> list[Json]:
        """Containers of the task definition. AWS may add others, such as GuardDuty's agent."""
        names = {container["name"] for container in self._container_definitions(task["taskDefinitionArn"])}
        return [container for container in task["containers"] if container["name"] in names]

    def _container_definitions(self, task_definition: str) -> list[Json]:
        """Containers of a task definition, which never changes and so is read once."""
        if task_definition not in self._containers:
            answer = self._ecs.describe_task_definition(taskDefinition=task_definition)
            self._containers[task_definition] = answer["taskDefinition"]["containerDefinitions"]
        return self._containers[task_definition]

    def _log_stream(self, task: Json, container: str) -> str:
        options = next(
            c.get("logConfiguration", {}).get("options", {})
            for c in self._container_definitions(task["taskDefinitionArn"])
            if c["name"] == container
        )
        return f"{options.get('awslogs-stream-prefix', '')}/{container}/{_id(task)}"


def _id(task: Json) -> str:
    return str(task["taskArn"]).rpartition("/")[2]
