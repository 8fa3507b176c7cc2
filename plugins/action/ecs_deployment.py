"""Action plugin of ecs_deployment."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any, ClassVar

from ansible_collections.slipway.provision.plugins.plugin_utils.aws_action import ActionError, AwsActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.aws_logs import last_events

with suppress(ImportError):  # AwsActionModule says what is missing
    from botocore.exceptions import ClientError

_POLL_SECONDS = 1.0
_SHOWN_TASKS = 2

Json = dict[str, Any]


class Deployment:
    """One service's deployment of one task definition.

    Args:
        ecs, ec2, logs: boto3 clients.
        cluster: name of the cluster.
        service: name of the service.
        task_definition: ARN of the task definition.
        log_group: log group of its containers.
    """

    def __init__(
        self, ecs: Any, ec2: Any, logs: Any, cluster: str, service: str, task_definition: str, log_group: str
    ) -> None:
        self._ecs, self._ec2, self._logs = ecs, ec2, logs
        self._cluster, self._service = cluster, service
        self._task_definition, self._log_group = task_definition, log_group

    def wait(self, timeout_seconds: float) -> str:
        """Follow the deployment until it is complete.

        Returns:
            Its id.

        Raises:
            ActionError: it failed, was rolled back or took too long.
        """
        deadline = time.monotonic() + timeout_seconds
        identifier: str | None = None
        while True:
            service = self._describe()
            deployments = service["deployments"]
            if identifier is None:
                ours = [d for d in deployments if d["taskDefinition"] == self._task_definition]
                # The newest comes first; a task definition can have an earlier, failed deployment too.
                identifier = ours[0]["id"] if ours else None
            deployment = next((d for d in deployments if d["id"] == identifier), None)
            if deployment is None:
                raise ActionError(self._failure("was rolled back and removed", service))
            if deployment["rolloutState"] == "FAILED":
                raise ActionError(self._failure(deployment["rolloutStateReason"], service))
            if deployment["status"] != "PRIMARY":
                raise ActionError(self._failure("was replaced by another deployment", service))
            others = sum(d["runningCount"] + d["pendingCount"] for d in deployments if d is not deployment)
            arrived = deployment["runningCount"] == deployment["desiredCount"] and others == 0
            # A complete deployment may still be waiting for the last requests to the tasks it replaced.
            if deployment["rolloutState"] == "COMPLETED" and arrived:
                return str(identifier)
            if time.monotonic() > deadline:
                raise ActionError(self._failure(f"is not complete after {timeout_seconds:.0f} s", service))
            time.sleep(_POLL_SECONDS)

    def running(self) -> tuple[list[str], list[str], int]:
        """Image digests, public addresses and number of the tasks that run."""
        tasks = self._tasks("RUNNING")
        digests = {c["imageDigest"] for task in tasks for c in task["containers"] if c.get("imageDigest")}
        interfaces = [
            detail["value"]
            for task in tasks
            for attachment in task.get("attachments", [])
            for detail in attachment.get("details", [])
            if detail["name"] == "networkInterfaceId"
        ]
        addresses: list[str] = []
        if interfaces:
            answer = self._ec2.describe_network_interfaces(NetworkInterfaceIds=interfaces)
            found = (i.get("Association", {}).get("PublicIp") for i in answer["NetworkInterfaces"])
            addresses = sorted(address for address in found if address)
        return sorted(digests), addresses, len(tasks)

    def _describe(self) -> Json:
        services = self._ecs.describe_services(cluster=self._cluster, services=[self._service])["services"]
        if not services or services[0]["status"] != "ACTIVE":
            raise ActionError(f"there is no service {self._service} in cluster {self._cluster}")
        service: Json = services[0]
        return service

    def _tasks(self, status: str) -> list[Json]:
        arns = self._ecs.list_tasks(cluster=self._cluster, serviceName=self._service, desiredStatus=status)["taskArns"]
        if not arns:
            return []
        tasks: list[Json] = self._ecs.describe_tasks(cluster=self._cluster, tasks=arns)["tasks"]
        return [task for task in tasks if task["lastStatus"] == status]

    def _failure(self, what: str, service: Json) -> str:
        lines = [f"The deployment of {self._task_definition} to service {self._service} failed: {what}."]
        now = service["taskDefinition"]
        if now != self._task_definition:
            lines.append(f"The service was rolled back and still serves {now}.")
        stopped = [t for t in self._tasks("STOPPED") if t["taskDefinitionArn"] == self._task_definition]
        stopped.sort(key=lambda task: str(task.get("stoppedAt")), reverse=True)
        for task in stopped[:_SHOWN_TASKS]:
            reason = task.get("stoppedReason") or "no reason given"
            lines.append(f"Task {task['taskArn'].rsplit('/', 1)[-1]} stopped: {reason}")
            for container in task["containers"]:
                code = container.get("exitCode")
                detail = container.get("reason", "")
                if code is not None or detail:
                    lines.append(f"  container {container['name']}: exit code {code} {detail}".rstrip())
                lines += [f"  | {line}" for line in self._log_lines(task, container["name"])]
        if not stopped:
            lines += [f"  {event['message']}" for event in service.get("events", [])[:3]]
        return "\n".join(lines)

    def _log_lines(self, task: Json, container: str) -> list[str]:
        stream_end = f"/{container}/{task['taskArn'].rsplit('/', 1)[-1]}"
        definition = self._ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
        options = next(
            c.get("logConfiguration", {}).get("options", {})
            for c in definition["containerDefinitions"]
            if c["name"] == container
        )
        try:
            events = last_events(self._logs, self._log_group, options.get("awslogs-stream-prefix", "") + stream_end)
        except ClientError as error:
            # Whoever may not read a log still wants the reason.
            return [f"no log: {error}"]
        return [event["message"] for event in events] or ["no log"]


class ActionModule(AwsActionModule):
    """Follows the deployment."""

    ARGUMENTS: ClassVar = {
        "cluster": {"type": "str", "required": True},
        "service": {"type": "str", "required": True},
        "task_definition": {"type": "str", "required": True},
        "log_group": {"type": "str", "required": True},
        "timeout_seconds": {"type": "int", "default": 900},
        "region": {"type": "str", "required": True},
    }
    PURPOSE = "follow the deployment"

    def act(self, session: Any, arguments: Json) -> Json:
        """Wait until it is complete, and return what runs."""
        clients = (session.client(name) for name in ("ecs", "ec2", "logs"))
        names = ("cluster", "service", "task_definition", "log_group")
        deployment = Deployment(*clients, *(arguments[name] for name in names))
        identifier = deployment.wait(arguments["timeout_seconds"])
        digests, addresses, count = deployment.running()
        return {
            "changed": False,
            "deployment_id": identifier,
            "image_digests": digests,
            "public_addresses": addresses,
            "running_count": count,
        }
