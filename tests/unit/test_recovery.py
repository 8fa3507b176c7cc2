"""What a plan says of creations that failed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from plugins.filter.recovery import OF_ONE_NAME, kept_failures

PROJECT = Path(__file__).resolve().parents[2]
# Of which there may be several of a name: certificates have none, and the others have versions.
OF_ANY_NAME = {
    "aws_acm_certificate",
    "aws_apprunner_auto_scaling_configuration_version",
    "aws_ecs_task_definition",
}
TAINTED = {
    "address": "google_cloud_run_v2_service.this",
    "type": "google_cloud_run_v2_service",
    "action_reason": "replace_because_tainted",
    "change": {"actions": ["delete", "create"], "before": {"deletion_protection": True}},
}


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (TAINTED, ["google_cloud_run_v2_service.this"]),
        (TAINTED | {"change": {"actions": ["delete", "create"], "before": {"deletion_protection": False}}}, []),
        # Its name is taken, by itself.
        (
            TAINTED | {"type": "aws_db_parameter_group", "change": {"actions": ["create", "delete"], "before": {}}},
            ["google_cloud_run_v2_service.this"],
        ),
        # There may be another certificate for the same name, and the failed one is of no use.
        (TAINTED | {"type": "aws_acm_certificate", "change": {"actions": ["create", "delete"], "before": {}}}, []),
        # What holds data is replaced only by who allows it.
        (TAINTED | {"type": "aws_db_instance"}, []),
        # Of a type without protection.
        (TAINTED | {"change": {"actions": ["delete", "create"], "before": {}}}, []),
        # Replaced because somebody asks for it: the refusal is what protection is for.
        (TAINTED | {"action_reason": "replace_because_cannot_update"}, []),
        ({"address": "x.new", "change": {"actions": ["create"], "before": None}}, []),
    ],
)
def test_only_failed_resources_that_cannot_be_replaced_are_kept(change: dict[str, Any], kept: list[str]) -> None:
    assert kept_failures({"resource_changes": [change]}) == kept
    assert kept_failures({}) == []


def test_it_is_known_of_each_type_that_is_made_before_its_predecessor_goes() -> None:
    resource = re.compile(r'^resource "(\w+)" "\w+" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
    blocks = [block for file in PROJECT.glob("terraform/**/*.tf") for block in resource.findall(file.read_text())]
    made_before = {kind for kind, text in blocks if "create_before_destroy = true" in text}
    assert made_before == OF_ONE_NAME | OF_ANY_NAME
