# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Lookup of the Terraform processes of this machine that may write a state."""

from __future__ import annotations

DOCUMENTATION = r"""
name: terraform_processes
short_description: Ids of the Terraform processes of this machine that may write a state
description:
  - Whoever started them, what counts is the backend that their working directory is initialised for. Those of other
    users cannot be looked into, and are left out.
options:
  _terms:
    description: Key of the state, or what the keys of several states begin with.
    required: true
  bucket:
    description: Bucket of the state.
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Show who is at work on the states of an app
  ansible.builtin.debug:
    msg: "{{ query('slipway.provision.terraform_processes', 'dev/tasks/', bucket='slipway-dev-state') }}"
"""

RETURN = r"""
_raw:
  description: Ids of the processes, sorted.
  type: list
  elements: int
"""

import json
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

Json = dict[str, Any]

# Terraform's subcommands that write a state.
_WRITING = frozenset({"apply", "destroy", "import", "refresh", "state", "taint", "untaint"})


def terraform_processes(key: str, bucket: str) -> list[int]:
    """Ids of the Terraform processes of this machine that may write a state.

    Args:
        key: key of the state, or what the keys of several states begin with.
        bucket: bucket of the state.
    """
    processes = ((int(process.name), _backend(process)) for process in Path("/proc").glob("[0-9]*"))
    # The S3 backend calls it `key`, the GCS backend `prefix`; others, of somebody else's Terraform, have no bucket.
    states = (
        (number, backend.get("bucket"), backend.get("key") or backend.get("prefix") or "")
        for number, backend in processes
        if backend
    )
    return sorted(number for number, its_bucket, its_key in states if its_bucket == bucket and its_key.startswith(key))


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


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[str], variables: Json | None = None, **arguments: str) -> list[int]:
        """Ids of the processes."""
        return [process for key in terms for process in terraform_processes(key, arguments["bucket"])]
