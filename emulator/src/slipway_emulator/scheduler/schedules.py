"""Schedules that are kept only if EventBridge Scheduler would, and run their tasks as their roles."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecs, scheduler

from slipway_emulator.iam.checks import checks
from slipway_emulator.iam.requests import Request
from slipway_emulator.protocols.json import broken_constraints
from slipway_emulator.scheduler.expressions import ExpressionError, next_run, zone_of

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]
Function = Callable[..., Any]

_TICK_SECONDS = 1
# What a target without a policy has (RetryPolicy, EventBridge Scheduler API reference).
_MOST_ATTEMPTS, _OLDEST_SECONDS = 185, 86400
# "exponential backoff" (the same); here always the same.
_RETRY_SECONDS = 10

_MODEL = ServiceModel(Loader().load_service_model("scheduler", "service-2"), "scheduler")
_logger = logging.getLogger(__name__)


def create(original: Function, parts: Parts) -> Function:
    def create_schedule(name: str, body: Json) -> Response:
        refusal: Response = _refusal("CreateSchedule", name, body, parts) or original(name, body)
        return refusal

    return create_schedule


def update(original: Function, parts: Parts) -> Function:
    def update_schedule(name: str, body: Json) -> Response:
        response: Response = _refusal("UpdateSchedule", name, body, parts) or original(name, body)
        return response

    return update_schedule


def _refusal(operation: str, name: str, body: Json, parts: Parts) -> Response | None:
    """What EventBridge Scheduler has against a schedule; None when nothing."""
    shape = _MODEL.operation_model(operation).input_shape
    if problem := broken_constraints({**body, "Name": name}, shape):
        return _invalid(problem)
    target = body.get("Target") or {}
    try:
        zone = zone_of(body.get("ScheduleExpressionTimezone") or "UTC")
        next_run(body.get("ScheduleExpression") or "", zone, datetime.now(UTC))
    except ExpressionError as error:
        return _invalid(str(error))
    if not parts.roles.trusts(target.get("RoleArn") or "", "scheduler.amazonaws.com", _source(body)):
        return _invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
    if ":ecs:" in target.get("Arn", "") and not (target.get("EcsParameters") or {}).get("TaskDefinitionArn"):
        return _invalid("EcsParameters with a TaskDefinitionArn is required for a target of Amazon ECS.")
    if ":ecs:" not in target.get("Arn", ""):
        return _invalid("the rehearsal runs tasks of Amazon ECS only")
    return None


def _invalid(message: str) -> Response:
    response: Response = scheduler._error(400, "ValidationException", message)
    return response


def _source(schedule: Json) -> dict[str, str]:
    """What EventBridge Scheduler says of itself ("Confused deputy prevention in EventBridge Scheduler")."""
    group = f"schedule-group/{schedule.get('GroupName') or 'default'}"
    account = get_account_id()
    return {"aws:SourceAccount": account, "aws:SourceArn": f"arn:aws:scheduler:{get_region()}:{account}:{group}"}


class Runs:
    """Which schedules have run, and which have to.

    Args:
        parts: of the emulator.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # By account, region, and group and name: the schedule as it was, and the time after which it runs. Of one that
        # ECS has not started yet: its time, how often that was tried, and when it will be.
        self._after: dict[tuple[str, str, str], tuple[Json, datetime]] = {}
        self._late: dict[tuple[str, str, str], tuple[datetime, int, datetime]] = {}

    def tick(self) -> None:
        """Run what is due."""
        now = datetime.now(UTC)
        for key, schedule in list(scheduler._schedules._data.items()):
            with request_scope(key[0], key[1]):
                known, after = self._after.get(key, ({}, now))
                if known is not schedule:
                    # A change begins anew.
                    self._late.pop(key, None)
                    after = datetime.fromtimestamp(schedule["LastModificationDate"], UTC)
                run = next_run(schedule["ScheduleExpression"], zone_of(schedule["ScheduleExpressionTimezone"]), after)
                if run and run <= now and schedule["State"] == "ENABLED":
                    self._late[key] = run, 0, now
                    after = now
                self._after[key] = schedule, after
                if key in self._late:
                    self._try(key, schedule, now)

    def _try(self, key: tuple[str, str, str], schedule: Json, now: datetime) -> None:
        run, attempts, at = self._late[key]
        if now < at:
            return
        problem = start(schedule, self._parts)
        policy = schedule["Target"].get("RetryPolicy") or {}
        oldest = timedelta(seconds=policy.get("MaximumEventAgeInSeconds", _OLDEST_SECONDS))
        if problem and attempts < policy.get("MaximumRetryAttempts", _MOST_ATTEMPTS) and now < run + oldest:
            _logger.warning("schedule %s is tried again: %s", key[2], problem)
            self._late[key] = run, attempts + 1, now + timedelta(seconds=_RETRY_SECONDS)
            return
        if problem:
            _logger.warning("schedule %s is dropped: %s", key[2], problem)
        del self._late[key]


def start(schedule: Json, parts: Parts) -> str:
    """Run the task of a schedule; why that is not possible, empty where it was."""
    target = schedule["Target"]
    role, name = target["RoleArn"], schedule["Name"]
    if not parts.roles.trusts(role, "scheduler.amazonaws.com", _source(schedule)):
        return f"EventBridge Scheduler may not assume {role}"
    parameters = _parameters(target, name)
    request = Request("ecs:RunTask", parameters)
    for check in checks(request, "*", get_region(), get_account_id()):
        if denial := parts.roles.denial(role, name[:64], check.action, check.resource, check.context):
            return denial
    status, _, body = ecs._run_task(parameters)
    answer = json.loads(body)
    if status != 200 or answer["failures"]:
        return f"{answer.get('__type', '')} {answer.get('message') or answer.get('failures')}".strip()
    return ""


def _parameters(target: Json, name: str) -> Json:
    """The parameters of RunTask."""
    given = target["EcsParameters"]
    definition = ecs._task_defs.get(ecs._resolve_td_key(given["TaskDefinitionArn"])) or {}
    found: Json = {
        "cluster": target["Arn"],
        "count": given.get("TaskCount", 1),
        "enableExecuteCommand": given.get("EnableExecuteCommand", False),
        "group": given.get("Group") or f"family:{definition.get('family', '')}",
        "startedBy": f"chronos-schedule/{name}",
        "taskDefinition": given["TaskDefinitionArn"],
    }
    if given.get("LaunchType"):
        found["launchType"] = given["LaunchType"]
    if given.get("CapacityProviderStrategy"):
        found["capacityProviderStrategy"] = given["CapacityProviderStrategy"]
    if network := (given.get("NetworkConfiguration") or {}).get("awsvpcConfiguration"):
        members = {"Subnets": "subnets", "SecurityGroups": "securityGroups", "AssignPublicIp": "assignPublicIp"}
        found["networkConfiguration"] = {
            "awsvpcConfiguration": {members[member]: value for member, value in network.items()}
        }
    if given.get("PropagateTags") == "TASK_DEFINITION":
        found["tags"] = list(ecs._tags.get(given["TaskDefinitionArn"]) or [])
    if target.get("Input"):
        found["overrides"] = json.loads(target["Input"])
    return found


def look(_original: Function, parts: Parts) -> Function:
    runs, stopped = Runs(parts), threading.Event()
    # Nothing starts any more once the emulator ends.
    parts.at_stop.insert(0, stopped.set)

    def look() -> None:
        while not stopped.wait(_TICK_SECONDS):
            try:
                runs.tick()
            except Exception:
                # One that cannot be run must not keep the others from it.
                _logger.exception("schedules were not looked at")

    return look
