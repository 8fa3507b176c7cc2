"""Filters that finish what an interrupted run began."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Json = dict[str, Any]


def terraform_processes(key: str) -> list[int]:
    """Ids of the Terraform processes on this machine that may be at work on a state.

    A Terraform whose TF_DATA_DIR names another state is left out; one without TF_DATA_DIR was started by
    hand and may be at work on any. Processes of other users are not looked into.

    Args:
        key: key of the state, `<environment>/<owner>/<layer>`.
    """
    processes = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() != "terraform\n":
                continue
            environment = (process / "environ").read_bytes().decode(errors="replace").split("\0")
        except (PermissionError, FileNotFoundError, ProcessLookupError):
            continue
        if environment == [""]:
            # It has ended, and nobody has asked for its exit status yet.
            continue
        directory = next((line for line in environment if line.startswith("TF_DATA_DIR=")), None)
        if directory is None or directory.endswith(f"/{key}/data"):
            processes.append(int(process.name))
    return sorted(processes)


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


def import_blocks(orphans: list[Json]) -> Json:
    """A Terraform file in JSON that imports resources.

    Args:
        orphans: `address` and `id` of each.
    """
    return {"import": [{"to": orphan["address"], "id": orphan["id"]} for orphan in orphans]}


class FilterModule:
    """The filters, by the names playbooks use."""

    def filters(self) -> Json:
        return {
            "import_blocks": import_blocks,
            "plan_creations": plan_creations,
            "terraform_processes": terraform_processes,
        }
