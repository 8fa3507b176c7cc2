# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of terraform_compare: a task runs one module after the other, this runs several plans at once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.utils.multiprocessing import context
from ansible_collections.slipway.provision.plugins.plugin_utils.action import BaseActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_root import fingerprint

# How many plans run at once: more than there are processors, since a plan waits for its cloud, too, but each takes half
# a gigabyte of memory. Ansible loads this file before it starts the process of each host, so the hosts share it. A
# `throttle` would keep Ansible itself busy, on a processor that the plans could use, until the last host has its turn.
_PLANS = context.BoundedSemaphore(min(2 * len(os.sched_getaffinity(0)), 8))
_PLAN = ["terraform", "plan", "-detailed-exitcode", "-input=false", "-lock=false"]
# A plan takes as long on one processor as on two, and its threads are in the way of the others'.
_ENVIRONMENT = {"GOMAXPROCS": "1"}

Json = dict[str, Any]


class ActionModule(BaseActionModule):
    """Plans the layers."""

    def answer(self, arguments: Json) -> Json:
        """Return which layers have no changes, and with which inputs."""
        layers = arguments["layers"]
        with ThreadPoolExecutor(max_workers=max(len(layers), 1)) as pool:
            unchanged = dict(filter(None, pool.map(_compare, layers)))
        return {"changed": False, "unchanged": unchanged}


def _compare(layer: Json) -> tuple[str, str] | None:
    """Name of the layer and digest of its inputs, where it has no changes."""
    # What another run writes meanwhile is not read.
    with tempfile.NamedTemporaryFile(suffix=".tfvars.json") as copied:
        try:
            if Path(layer["initialised_file"]).read_text() != fingerprint(layer["directory"], layer["backend"]):
                return None
            inputs = Path(layer["inputs_file"]).read_bytes()
            copied.write(inputs)
            copied.flush()
            with _PLANS:
                planned = subprocess.run(
                    [*_PLAN, f"-var-file={copied.name}"],
                    cwd=layer["directory"],
                    env=_ENVIRONMENT | os.environ | {name: str(value) for name, value in layer["environment"].items()},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )
        except OSError:
            # The plan of the layer's own turn says what is wrong.
            return None
    return (layer["name"], hashlib.sha256(inputs).hexdigest()) if planned.returncode == 0 else None
