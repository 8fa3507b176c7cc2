"""EventBridge Scheduler: what it refuses, when it runs, and that its tasks are run by a role that may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.tests.stack import CLUSTER, Client, Services, wait_until
from slipway_emulator.scheduler.expressions import ExpressionError, next_run, zone_of
from slipway_emulator.settings import Settings

Json = dict[str, Any]
GROUP = "temu-schedules"
REGION = "arn:aws:{}:us-east-1:000000000000:{}"
SOON = timedelta(seconds=3)


def at(expression: str, after: str, zone: str = "UTC") -> str:
    """When a schedule runs next, in UTC."""
    found = next_run(expression, zone_of(zone), datetime.fromisoformat(after).replace(tzinfo=UTC))
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if found else "never"


@pytest.mark.parametrize(
    ("expression", "after", "zone", "expected"),
    [
        ("rate(5 minutes)", "2026-11-30T12:00", "UTC", "2026-11-30T12:05"),
        ("rate(1 day)", "2026-11-30T12:00", "UTC", "2026-12-01T12:00"),
        ("cron(0 3 * * ? *)", "2026-11-30T12:00", "UTC", "2026-12-01T03:00"),
        ("cron(0 3 * * ? *)", "2026-11-30T12:00", "Europe/Berlin", "2026-12-01T02:00"),
        ("cron(0 3 * * ? *)", "2026-07-30T12:00", "Europe/Berlin", "2026-07-31T01:00"),
        ("cron(0 9 ? * MON-FRI *)", "2026-11-27T12:00", "UTC", "2026-11-30T09:00"),
        ("at(2026-12-01T03:00:00)", "2026-11-30T12:00", "America/New_York", "2026-12-01T08:00"),
        ("at(2026-11-01T03:00:00)", "2026-11-30T12:00", "UTC", "never"),
    ],
)
def test_runs_at_its_time_in_its_zone(expression: str, after: str, zone: str, expected: str) -> None:
    assert at(expression, after, zone) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "0 3 * * *",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "cron(0 3 * * *)",
        "cron(0 3 * * * *)",
        "cron(0 3 ? * ? *)",
        "cron(60 3 * * ? *)",
        "cron(0 3 * 13 ? *)",
        "cron(0 3 32 * ? *)",
        "at(2026-13-01T00:00:00)",
    ],
)
def test_expressions_that_there_are_not(expression: str) -> None:
    with pytest.raises(ExpressionError, match="Invalid Schedule Expression"):
        at(expression, "2026-11-30T12:00")


@pytest.fixture(scope="module")
def group(aws: Client) -> Iterator[str]:
    scheduler = aws("scheduler")
    arn = scheduler.create_schedule_group(Name=GROUP, Tags=[{"Key": "Project", "Value": "temu"}])["ScheduleGroupArn"]
    listed = aws("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "Project", "Values": ["temu"]}])
    assert arn in [one["ResourceARN"] for one in listed["ResourceTagMappingList"]]
    yield GROUP
    scheduler.delete_schedule_group(Name=GROUP)


def make_role(aws: Client, name: str, source: str, *statements: Json) -> str:
    """ARN of a role that schedules of a group may take."""
    iam = aws("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnEquals": {"aws:SourceArn": REGION.format("scheduler", f"schedule-group/{source}")}},
    }
    document = {"Version": "2012-10-17", "Statement": [trust]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
    if statements:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | one for one in statements]}
        iam.put_role_policy(RoleName=name, PolicyName="run", PolicyDocument=json.dumps(policy))
    return str(role)


def schedule(role: str, definition: str, expression: str, zone: str = "UTC") -> Json:
    """The arguments of a schedule of one task."""
    return {
        "GroupName": GROUP,
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": REGION.format("ecs", f"cluster/{CLUSTER}"),
            "RoleArn": role,
            "EcsParameters": {"TaskDefinitionArn": definition, "LaunchType": "FARGATE"},
            "RetryPolicy": {"MaximumRetryAttempts": 0},
        },
    }


def test_refuses_what_it_cannot_run(aws: Client, group: str, services: Services) -> None:
    scheduler = aws("scheduler")
    definition = services.define("temu-refused")
    role, stranger = make_role(aws, "temu-refused", group), make_role(aws, "temu-stranger", "another")
    for given, problem in (
        (schedule(role, definition, "cron(0 3 * * *)"), r"Invalid Schedule Expression cron\(0 3 \* \* \*\)"),
        (schedule(role, definition, "rate(1 day)", "Berlin"), "Invalid Schedule Expression Timezone Berlin"),
        (schedule(stranger, definition, "rate(1 day)"), "must allow AWS EventBridge Scheduler to assume the role"),
        (schedule(f"{role}-gone", definition, "rate(1 day)"), "must allow AWS EventBridge Scheduler to assume"),
        (schedule(role, definition, "rate(1 day)") | {"Name": "a" * 65}, "failed to satisfy constraint"),
    ):
        with pytest.raises(scheduler.exceptions.ClientError, match=problem):
            scheduler.create_schedule(**{"Name": "temu-refused"} | given)
    scheduler.create_schedule(Name="temu-refused", **schedule(role, definition, "rate(1 day)"))
    with pytest.raises(scheduler.exceptions.ValidationException, match="Invalid Schedule Expression"):
        scheduler.update_schedule(Name="temu-refused", **schedule(role, definition, "rate(1 moon)"))
    kept = scheduler.get_schedule(GroupName=group, Name="temu-refused")
    assert kept["ScheduleExpression"] == "rate(1 day)"


def test_task_is_run_by_the_role(aws: Client, cloud: Settings, group: str, services: Services) -> None:
    definition = services.define("temu-due", container={"command": ["sh", "-c", "echo cleaned; exit 5"]})
    run = {"Action": "ecs:RunTask", "Resource": definition}
    passing = {"Action": "iam:PassRole", "Resource": services.execution_role}
    # One may run the task, on this cluster and with its role; one may not pass the role on.
    only = {"Condition": {"ArnEquals": {"ecs:cluster": REGION.format("ecs", f"cluster/{CLUSTER}")}}}
    may = make_role(aws, "temu-may", group, run | only, passing)
    may_not = make_role(aws, "temu-may-not", group, run)
    when = (datetime.now(UTC) + SOON).strftime("at(%Y-%m-%dT%H:%M:%S)")
    for name, role in (("temu-refused-run", may_not), ("temu-due", may)):
        aws("scheduler").create_schedule(Name=name, **schedule(role, definition, when))

    def tasks(**criteria: str) -> list[str]:
        arns: list[str] = services.ecs.list_tasks(cluster=CLUSTER, family="temu-due", **criteria)["taskArns"]
        return arns

    [arn] = wait_until(lambda: tasks(desiredStatus="STOPPED"))
    task = wait_until(lambda: (one := services.task(arn))["lastStatus"] == "STOPPED" and one)
    assert (task["startedBy"], task["group"]) == ("chronos-schedule/temu-due", "family:temu-due")
    assert task["containers"][0]["exitCode"] == 5
    assert services.log(arn) == ["cleaned"]

    def refused() -> list[Json]:
        decisions = [json.loads(line) for line in cloud.decisions_file.read_text().splitlines()]
        return [one for one in decisions if ":assumed-role/temu-may-not/" in one["principal"] and not one["allowed"]]

    wait_until(refused)
    assert [(one["action"], one["resource"]) for one in refused()] == [("iam:PassRole", services.execution_role)]
    assert [*tasks(), *tasks(desiredStatus="STOPPED")] == [arn]
