"""Filters that finish what an interrupted run began."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# Terraform's subcommands that write a state.
_WRITING = frozenset({"apply", "destroy", "import", "refresh", "state", "taint", "untaint"})


def terraform_processes(key: str, bucket: str) -> list[int]:
    """Ids of the Terraform processes of this machine that may write a state.

    Whoever started them: what counts is the backend that their working folder is initialised for. Those of
    other users cannot be looked into, and are left out.

    Args:
        key: key of the state.
        bucket: bucket of the state.
    """
    return sorted(
        int(process.name) for process in Path("/proc").glob("[0-9]*") if _state_of(_backend(process)) == (bucket, key)
    )


def _state_of(backend: Json) -> tuple[str | None, str | None]:
    """Bucket and key of a state, which the S3 backend calls `key` and the GCS backend `prefix`."""
    return backend.get("bucket"), backend.get("key") or backend.get("prefix")


def _backend(process: Path) -> Json:
    """The backend's configuration of a Terraform that may write a state; empty for any other process."""
    try:
        if (process / "comm").read_text() != "terraform\n":
            return {}
        words = (process / "cmdline").read_text(errors="replace").split("\0")[1:]
        if next((word for word in words if not word.startswith("-")), None) not in _WRITING:
            return {}
        # A process that has ended, but whose exit status nobody has asked for yet, has neither of the two.
        folder = (process / "cwd").readlink()
        environment = (process / "environ").read_text(errors="replace").split("\0")
        names = [line.removeprefix("TF_DATA_DIR=") for line in environment if line.startswith("TF_DATA_DIR=")]
        initialised = folder / next(iter(names), ".terraform") / "terraform.tfstate"
        configuration: Json = json.loads(initialised.read_text())["backend"]["config"]
    except (OSError, KeyError, ValueError):
        return {}
    return configuration


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
