"""Action plugin of ecs_run_task: runs on the controller, so that the log can be shown as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.ecs_tasks import LATE_SECONDS, describe_tasks

_POLL_SECONDS = 0.5
_LAST_LINES_SECONDS = 10

Json = dict[str, Any]
display = Display()


class ActionModule(AwsActionModule):
    """Starts the task, follows its log and judges its end."""

    PURPOSE = "run the task"

    def act(self, session: Any, arguments: Json) -> Json:
        """Run the task and return how it ended."""
        if self._task.check_mode:
            return {"changed": True, "msg": f"would run {arguments['task_definition']}"}
        return _run(session.client("ecs"), session.client("logs"), arguments)


def _run(ecs: Any, logs: Any, arguments: Json) -> Json:
    definition = ecs.describe_task_definition(taskDefinition=arguments["task_definition"])["taskDefinition"]
    started = ecs.run_task(
        cluster=arguments["cluster"],
        taskDefinition=arguments["task_definition"],
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
        return {"failed": True, "msg": f"ECS did not start {arguments['task_definition']}: {reasons}"}
    arn = started["tasks"][0]["taskArn"]
    own = definition["containerDefinitions"][0]
    log = _Log(logs, own, arn)
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
    log.show_rest()
    # AWS may add containers, such as GuardDuty's agent, at any place.
    container: Json = next((one for one in task["containers"] if one["name"] == own["name"]), {})
    code = container.get("exitCode")
    result = {"changed": True, "task_arn": arn, "exit_code": code}
    if code != 0:
        reason = container.get("reason") or task.get("stoppedReason") or "no reason given"
        ending = "did not start" if code is None else f"ended with exit code {code}"
        last = "\n".join(log.last_lines)
        return result | {"failed": True, "msg": f"task {arn} {ending} ({reason}). Its last lines:\n{last}"}
    return result


class _Log:
    """The log stream of a task's container, shown line by line."""

    def __init__(self, logs: Any, container: Json, task_arn: str) -> None:
        options = container["logConfiguration"]["options"]
        self._logs = logs
        self.group = options["awslogs-group"]
        self._stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task_arn.rsplit('/', 1)[-1]}"
        self._token: str | None = None
        self.last_lines: list[str] = []

    def show(self) -> bool:
        """Print the lines that are new; whether there were any."""
        lines = list(self._new_lines())
        for line in lines:
            display.display(f"    {line}")
        self.last_lines = (self.last_lines + lines)[-20:]
        return bool(lines)

    def show_rest(self) -> None:
        """Print what arrives after the end: CloudWatch Logs has the last lines a little later."""
        deadline = time.monotonic() + _LAST_LINES_SECONDS
        while not self.show() and not self.last_lines and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        while self.show():
            time.sleep(_POLL_SECONDS)

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
