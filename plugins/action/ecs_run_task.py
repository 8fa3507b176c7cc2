# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of ecs_run_task: runs on the controller, so that the log can be shown as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.ecs_tasks import (
    LATE_SECONDS,
    describe_tasks,
    list_tasks,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.new_roles import refused_roles
from ansible_collections.slipway.provision.plugins.plugin_utils.task_log import TaskLog

with suppress(ImportError):  # AwsActionModule says what is missing
    from botocore.exceptions import ClientError

_POLL_SECONDS = 0.5
# A container has 30 s to end by itself (stopTimeout of ContainerDefinition, Amazon ECS API reference); then Fargate
# clears up.
_STOP_SECONDS = 120
_NEW_ROLE_SECONDS = 30
_CONTAINER = "task"

Json = dict[str, Any]
display = Display()


class ActionModule(AwsActionModule):
    """Registers a task definition, starts the task, follows its log and judges its end."""

    PURPOSE = "run the task"

    def act(self, session: Any, arguments: Json) -> Json:
        """Run the task and return how it ended."""
        if self._task.check_mode:
            return {"changed": True, "msg": f"would run {arguments['family']}"}
        ecs = session.client("ecs")
        _end_earlier_tasks(ecs, arguments)
        definition = _with_new_roles(
            lambda: ecs.register_task_definition(**task_definition(arguments))["taskDefinition"]
        )
        try:
            return _run(ecs, session.client("logs"), definition, arguments)
        finally:
            # It is a means to this one run.
            ecs.deregister_task_definition(taskDefinition=definition["taskDefinitionArn"])


def _end_earlier_tasks(ecs: Any, arguments: Json) -> None:
    """Wait for tasks of the family that runs before this one have started and not waited for, since they were killed.

    Two at a time could change the same database. One that runs longer than it may is stopped, but for a dry run, which
    holds no lock: the task may be one of a run that goes on.

    Args:
        ecs: client of ECS.
        arguments: those of the action.

    Raises:
        ActionError: one does not stop.
    """
    deadline, cluster = time.monotonic() + arguments["timeout_seconds"], arguments["cluster"]
    # One that is told to stop runs on for a while, and is listed as one that has stopped.
    for desired in ("RUNNING", "STOPPED"):
        arns = list_tasks(ecs, cluster=cluster, family=arguments["family"], desiredStatus=desired)
        tasks = describe_tasks(ecs, cluster, arns)
        for arn in [task["taskArn"] for task in tasks if task["lastStatus"] != "STOPPED"]:
            display.display(f"    waits for the end of {arn}, which an earlier run has started")
            if _has_stopped(ecs, cluster, arn, deadline):
                continue
            if not arguments["stop_earlier"]:
                raise ActionError(f"the task {arn} of another run still runs; run again when it has ended")
            _stop(ecs, cluster, arn)


def _has_stopped(ecs: Any, cluster: str, arn: str, deadline: float) -> bool:
    """Wait for the end of a task; whether it came in time. One that ECS does not know has ended."""
    while any(task["lastStatus"] != "STOPPED" for task in describe_tasks(ecs, cluster, [arn])):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _stop(ecs: Any, cluster: str, arn: str) -> None:
    """Stop a task that runs longer than it may, and wait for its end.

    Raises:
        ActionError: it still runs.
    """
    ecs.stop_task(cluster=cluster, task=arn, reason="ran longer than it may")
    if not _has_stopped(ecs, cluster, arn, time.monotonic() + _STOP_SECONDS):
        raise ActionError(
            f"the task {arn} still runs {_STOP_SECONDS} s after it was told to stop; run again when "
            f"aws ecs describe-tasks --cluster {cluster} --tasks {arn} shows it as STOPPED"
        )


def _with_new_roles(call: Callable[[], Json]) -> Json:
    """Call ECS; again, for half a minute at most, while it does not know a role that was made seconds ago."""
    deadline = time.monotonic() + _NEW_ROLE_SECONDS
    while True:
        try:
            return call()
        except ClientError as error:
            if not refused_roles(str(error)) or time.monotonic() > deadline:
                raise
        time.sleep(_POLL_SECONDS)


def task_definition(arguments: Json) -> Json:
    """Arguments of RegisterTaskDefinition for the one container of the task.

    Args:
        arguments: those of the action.
    """
    return {
        "family": arguments["family"],
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": str(arguments["cpu_units"]),
        "memory": str(arguments["memory_mib"]),
        "runtimePlatform": {"cpuArchitecture": arguments["cpu_architecture"], "operatingSystemFamily": "LINUX"},
        "executionRoleArn": arguments["execution_role_arn"],
        "taskRoleArn": arguments["task_role_arn"],
        "containerDefinitions": [
            {
                "name": _CONTAINER,
                "image": arguments["image"],
                "essential": True,
                "command": arguments["command"],
                "environment": [
                    {"name": name, "value": str(value)} for name, value in sorted(arguments["environment"].items())
                ],
                "secrets": [
                    {"name": name, "valueFrom": source} for name, source in sorted(arguments["secrets"].items())
                ],
                "readonlyRootFilesystem": True,
                "user": arguments["user"],
                "linuxParameters": {
                    # Not a volume: Fargate hands an empty volume over as root's, and the user is not root.
                    "tmpfs": [
                        {
                            "containerPath": "/tmp",  # noqa: S108  (in the container, which has it alone)
                            "size": arguments["tmp_size_mib"],
                            "mountOptions": ["nodev", "nosuid"],
                        }
                    ]
                },
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": arguments["log_group"],
                        "awslogs-region": arguments["region"],
                        "awslogs-stream-prefix": arguments["log_stream_prefix"],
                    },
                },
            }
        ],
    }


def _run(ecs: Any, logs: Any, definition: Json, arguments: Json) -> Json:
    request = {
        "cluster": arguments["cluster"],
        "taskDefinition": definition["taskDefinitionArn"],
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": arguments["subnets"],
                "securityGroups": arguments["security_groups"],
                "assignPublicIp": "ENABLED" if arguments["assign_public_ip"] else "DISABLED",
            }
        },
    }
    started = _with_new_roles(lambda: ecs.run_task(**request))
    if not started["tasks"]:
        reasons = ", ".join(failure.get("reason", "unknown") for failure in started["failures"])
        return {"failed": True, "msg": f"ECS did not start {arguments['family']}: {reasons}"}
    arn = started["tasks"][0]["taskArn"]
    log = _Log(logs, arguments, arn)
    deadline = time.monotonic() + arguments["timeout_seconds"]
    while True:
        described = describe_tasks(ecs, arguments["cluster"], [arn])
        log.show()
        if not described:
            message = (
                f"ECS has not shown the task {arn}, which it started, for {LATE_SECONDS} s: whether it has done its "
                f"work is not known. See its log in {log.group}, then run again"
            )
            return {"failed": True, "msg": message, "task_arn": arn}
        task = described[0]
        if task["lastStatus"] == "STOPPED":
            break
        if time.monotonic() > deadline:
            _stop(ecs, arguments["cluster"], arn)
            message = f"task {arn} still ran after {arguments['timeout_seconds']} s and was stopped"
            return {"failed": True, "msg": message, "task_arn": arn}
        time.sleep(_POLL_SECONDS)
    # AWS may add containers, such as GuardDuty's agent, at any place.
    container: Json = next((one for one in task["containers"] if one["name"] == _CONTAINER), {})
    code = container.get("exitCode")
    result: Json = {"changed": True, "task_arn": arn, "exit_code": code}
    reason = container.get("reason") or task.get("stoppedReason") or "no reason given"
    judged: Json = log.judged(
        result,
        f"task {arn}",
        "did not start",
        reason,
        expect_result=arguments["expect_result"],
        place=f" in {log.group}",
    )
    return judged


class _Log(TaskLog):
    """The log stream of a task's container."""

    def __init__(self, logs: Any, arguments: Json, task_arn: str) -> None:
        super().__init__(_POLL_SECONDS)
        self._logs = logs
        self.group = arguments["log_group"]
        self._stream = f"{arguments['log_stream_prefix']}/{_CONTAINER}/{task_arn.rsplit('/', 1)[-1]}"
        self._token: str | None = None

    def new_lines(self) -> list[str]:
        """The lines that have come since the last call."""
        request: Json = {"logGroupName": self.group, "logStreamName": self._stream, "startFromHead": True}
        if self._token:
            request["nextToken"] = self._token
        try:
            answer = self._logs.get_log_events(**request)
        except self._logs.exceptions.ResourceNotFoundException:
            return []
        self._token = answer["nextForwardToken"]
        return [event["message"] for event in answer["events"]]
