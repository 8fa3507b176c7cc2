"""The action ecs_task_definition_family, against moto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from moto import mock_aws

from plugins.action.ecs_task_definition_family import delete, families, revisions


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("ecs", region_name="us-east-1")


def register(ecs: Any, family: str, count: int) -> list[str]:
    """ARNs of new revisions."""
    container = {"name": "app", "image": "app", "memory": 128}
    answers = [ecs.register_task_definition(family=family, containerDefinitions=[container]) for _ in range(count)]
    return [answer["taskDefinition"]["taskDefinitionArn"] for answer in answers]


def test_every_revision_is_deleted(ecs: Any) -> None:
    arns, others = register(ecs, "dev-tasks", 12), register(ecs, "dev-tasks-migration", 1)
    ecs.deregister_task_definition(taskDefinition=arns[0])
    assert (revisions(ecs, "dev-tasks", "ACTIVE"), revisions(ecs, "dev-tasks", "INACTIVE")) == (arns[1:], arns[:1])
    delete(ecs, arns[1:], arns[:1])
    assert revisions(ecs, "dev-tasks", "ACTIVE") == revisions(ecs, "dev-tasks", "INACTIVE") == []
    assert revisions(ecs, "dev-tasks-migration", "ACTIVE") == others


def test_families_of_processes_are_no_other_apps(ecs: Any) -> None:
    for family in ("dev-tasks", "dev-tasks-migration", "dev-tasks-two", "dev-tasks_worker", "dev-tasks_beat"):
        register(ecs, family, 1)
    [gone] = register(ecs, "dev-tasks_gone", 1)
    ecs.deregister_task_definition(taskDefinition=gone)
    assert families(ecs, "dev-tasks_") == ["dev-tasks_beat", "dev-tasks_gone", "dev-tasks_worker"]


def test_family_that_there_is_not(ecs: Any) -> None:
    assert revisions(ecs, "dev-tasks", "ACTIVE") == []
    delete(ecs, [], [])


def test_revision_that_is_kept_is_named(ecs: Any) -> None:
    [arn] = register(ecs, "dev-tasks", 1)
    with pytest.raises(ActionError, match=f"ECS does not delete {arn}: "):
        delete(ecs, [], [arn])
