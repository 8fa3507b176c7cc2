# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of ecs_task_definition_family."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

with suppress(ImportError):  # AwsActionModule says what is missing
    from botocore.config import Config

# DeleteTaskDefinitions: "You can specify up to 10 task definitions as a list".
_MOST_AT_ONCE = 10

Json = dict[str, Any]


def revisions(ecs: Any, family: str, status: str) -> list[str]:
    """ARNs of a family's revisions.

    Args:
        ecs: client of ECS.
        family: the family.
        status: the status that they have.
    """
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status=status)
    arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
    return [arn for arn in arns if arn.rpartition("/")[2].rpartition(":")[0] == family]


def families(ecs: Any, prefix: str) -> list[str]:
    """Families with revisions whose names begin with something.

    Args:
        ecs: client of ECS.
        prefix: what the names begin with.
    """
    list_families = ecs.get_paginator("list_task_definition_families").paginate
    pages = [page for status in ("ACTIVE", "INACTIVE") for page in list_families(familyPrefix=prefix, status=status)]
    return sorted({family for page in pages for family in page["families"]})


def delete(ecs: Any, active: list[str], inactive: list[str]) -> None:
    """Deregister revisions, and delete them with those that were deregistered before.

    Raises:
        ActionError: ECS keeps one.
    """
    for arn in active:
        ecs.deregister_task_definition(taskDefinition=arn)
    arns = [*inactive, *active]
    for first in range(0, len(arns), _MOST_AT_ONCE):
        answer = ecs.delete_task_definitions(taskDefinitions=arns[first : first + _MOST_AT_ONCE])
        if answer["failures"]:
            kept = "; ".join(f"{failure['arn']}: {failure.get('reason')}" for failure in answer["failures"])
            raise ActionError(f"ECS does not delete {kept}")


class ActionModule(AwsActionModule):
    """Deletes the revisions."""

    PURPOSE = "delete the revisions of {family}"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return what was deleted."""
        # Each revision is a call, of which AWS takes few in a second.
        ecs = session.client("ecs", config=Config(retries={"mode": "adaptive", "max_attempts": 20}))
        prefix = arguments["family_prefix"]
        deleted = [arguments["family"], *(families(ecs, prefix) if prefix else [])]
        active, inactive = (
            [arn for family in deleted for arn in revisions(ecs, family, status)] for status in ("ACTIVE", "INACTIVE")
        )
        if not self._task.check_mode:
            delete(ecs, active, inactive)
        return {"changed": bool(active or inactive), "arns": [*inactive, *active]}
