# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filters that finish what an interrupted run began."""

from __future__ import annotations

from typing import Any

# Types that layers create before the predecessor goes, and of which there is one of a name at a time.
OF_ONE_NAME = frozenset(
    ("aws_apprunner_vpc_connector", "aws_db_parameter_group", "aws_lb_target_group", "aws_security_group")
)

Json = dict[str, Any]


def plan_creations(plan: Json) -> list[Json]:
    """Address, type and known values of each resource that a plan would create.

    Args:
        plan: the plan as `terraform show -json` prints it.
    """
    return [
        {"address": change["address"], "type": change["type"], "values": change["change"]["after"]}
        for change in plan.get("resource_changes", [])
        if change["mode"] == "managed" and change["change"]["actions"] == ["create"]
    ]


def kept_failures(plan: Json) -> list[str]:
    """Addresses of what a plan would replace because its creation failed, and cannot.

    A service refuses to be deleted where the failed creation has written its protection into the state. What is created
    before its predecessor goes finds its name taken by the failed one. What holds data is left to the guard.

    Args:
        plan: the plan as `terraform show -json` prints it.
    """
    return [
        change["address"]
        for change in plan.get("resource_changes", [])
        if change.get("action_reason") == "replace_because_tainted"
        and (
            (change["type"] in OF_ONE_NAME and change["change"]["actions"] == ["create", "delete"])
            or (
                change["type"] == "google_cloud_run_v2_service"
                and change["change"]["before"].get("deletion_protection")
            )
        )
    ]


def import_blocks(resources: list[Json]) -> Json:
    """A Terraform file in JSON that imports resources.

    Args:
        resources: `address` and `id` of each.
    """
    return {"import": [{"to": resource["address"], "id": resource["id"]} for resource in resources]}


class FilterModule:
    """The filters, by the names playbooks use."""

    def filters(self) -> Json:
        return {
            "import_blocks": import_blocks,
            "kept_failures": kept_failures,
            "plan_creations": plan_creations,
        }
