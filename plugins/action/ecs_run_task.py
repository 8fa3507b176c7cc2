# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of ecs_run_task: runs on the controller, so that the log can be shown as it comes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.ecs_tasks import LATE_SECONDS, describe_tasks

_POLL_SECONDS = 0.5
_LAST_LINES_SECONDS = 10
_RESULT_SECONDS = 60
_NEW_ROLE_SECONDS = 30
# What ECS says of a role that was made seconds ago ("Changes that I make are not always immediately visible", IAM).
_NEW_ROLE = re.compile(r"iam:PassRole on resource|Role is not valid")
_CONTAINER = "task"
_PART_OF_RESULT = re.compile(r"slipway-result (\d+)/(\d+) (.*)")

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
        definition = _register(ecs, task_definition(arguments))
        try:
            return _run(ecs, session.client("logs"), definition, arguments)
        finally:
            # It is a means to this one run.
            ecs.deregister_task_definition(taskDefinition=definition["taskDefinitionArn"])


def _register(ecs: Any, definition: Json) -> Json:
    """Register a task definition; try again, for half a minute at most, while ECS does not know a new role of it."""
    deadline = time.monotonic() + _NEW_ROLE_SECONDS
    while True:
        try:
            registered: Json = ecs.register_task_definition(**definition)["taskDefinition"]
            return registered
        except ecs.exceptions.ClientError as error:
            if not _NEW_ROLE.search(str(error)) or time.monotonic() > deadline:
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
    started = ecs.run_task(
        cluster=arguments["cluster"],
        taskDefinition=definition["taskDefinitionArn"],
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": arguments["subnets"],
                "securityGroups": arguments["security_groups"],
                "assignPublicIp": "ENABLED" if arguments["assign_public_ip"] else "DISABLED",
            }
        },
    )
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
            ecs.stop_task(cluster=arguments["cluster"], task=arn, reason="ran longer than it may")
            message = f"task {arn} still ran after {arguments['timeout_seconds']} s and was stopped"
            return {"failed": True, "msg": message, "task_arn": arn}
        time.sleep(_POLL_SECONDS)
    # AWS may add containers, such as GuardDuty's agent, at any place.
    container: Json = next((one for one in task["containers"] if one["name"] == _CONTAINER), {})
    code = container.get("exitCode")
    result: Json = {"changed": True, "task_arn": arn, "exit_code": code}
    log.show_rest(with_result=arguments["expect_result"] and code is not None)
    if log.result is not None:
        result["result"] = json.loads(log.result)
    last = "\n".join(log.last_lines)
    if code != 0:
        reason = container.get("reason") or task.get("stoppedReason") or "no reason given"
        ending = "did not start" if code is None else f"ended with exit code {code}"
        return result | {"failed": True, "msg": f"task {arn} {ending} ({reason}). Its last lines:\n{last}"}
    if arguments["expect_result"] and log.result is None:
        message = f"the result of the task {arn} is not in its log in {log.group}. Its last lines:\n{last}"
        return result | {"failed": True, "msg": message}
    return result


class _Log:
    """The log stream of a task's container, shown line by line but for the lines that hold its result."""

    def __init__(self, logs: Any, arguments: Json, task_arn: str) -> None:
        self._logs = logs
        self.group = arguments["log_group"]
        self._stream = f"{arguments['log_stream_prefix']}/{_CONTAINER}/{task_arn.rsplit('/', 1)[-1]}"
        self._token: str | None = None
        self._parts: dict[int, str] = {}
        self._how_many_parts = 0
        self.last_lines: list[str] = []

    @property
    def result(self) -> str | None:
        """The result that the task has written; None while a part of it is missing."""
        if not self._parts or len(self._parts) < self._how_many_parts:
            return None
        return "".join(self._parts[number] for number in sorted(self._parts))

    def show(self) -> bool:
        """Print the lines that are new; whether there were any."""
        lines = list(self._new_lines())
        shown = []
        for line in lines:
            if part := _PART_OF_RESULT.fullmatch(line):
                self._parts[int(part[1])], self._how_many_parts = part[3], int(part[2])
            else:
                shown.append(line)
                display.display(f"    {line}")
        self.last_lines = (self.last_lines + shown)[-20:]
        return bool(lines)

    def show_rest(self, *, with_result: bool) -> None:
        """Print what arrives after the end: CloudWatch Logs has the last lines a little later.

        Args:
            with_result: whether to wait for a result.
        """
        deadline = time.monotonic() + (_RESULT_SECONDS if with_result else _LAST_LINES_SECONDS)
        while not self.show() and not self._is_enough(with_result) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        while self.show() or (with_result and self.result is None and time.monotonic() < deadline):
            time.sleep(_POLL_SECONDS)

    def _is_enough(self, with_result: bool) -> bool:
        return self.result is not None if with_result else bool(self.last_lines)

    def _new_lines(self) -> Iterator[str]:
        request: Json = {"logGroupName": self.group, "logStreamName": self._stream, "startFromHead": True}
        if self._token:
            request["nextToken"] = self._token
        try:
            answer = self._logs.get_log_events(**request)
        except self._logs.exceptions.ResourceNotFoundException:
            return
        self._token = answer["nextForwardToken"]
        yield from (event["message"] for event in answer["events"])
