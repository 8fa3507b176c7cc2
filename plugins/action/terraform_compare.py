"""Action plugin of terraform_compare: a task runs one module after the other, this runs several at once."""

from __future__ import annotations

import copy
import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.provision.plugins.filter.terraform import has_changes

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "layers": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "inputs_file": {"type": "path", "required": True},
            "arguments": {"type": "dict", "required": True},
            "environment": {"type": "dict", "required": True},
        },
    }
}

Json = dict[str, Any]


class ActionModule(ActionBase):
    """Plans the layers."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return which layers have no changes, and with which inputs."""
        result: Json = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec=_ARGUMENTS)

        def compare(layer: Json) -> tuple[str, str] | None:
            """Name of the layer and digest of its inputs, where it has no changes."""
            inputs = Path(layer["inputs_file"]).read_bytes()
            # What another run writes meanwhile is neither read nor overwritten.
            with tempfile.TemporaryDirectory() as folder:
                copied = Path(folder, "terraform.tfvars.json")
                copied.write_bytes(inputs)
                files = {"variables_files": [str(copied)], "plan_file": str(Path(folder, "plan"))}
                planned = self._plan(layer["arguments"] | files, layer["environment"], task_vars)
            if planned.get("failed") or has_changes(planned["stdout"]):
                return None
            return layer["name"], hashlib.sha256(inputs).hexdigest()

        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            unchanged = dict(filter(None, pool.map(compare, arguments["layers"])))
        return result | {"changed": False, "unchanged": unchanged}

    def _plan(self, arguments: Json, environment: Json, task_vars: Json | None) -> Json:
        """What community.general.terraform returns."""
        # A task's environment is the same for all that it runs, so each plan has a task of its own.
        action = copy.copy(self)
        action._task = self._task.copy()
        action._task.environment = [*self._task.environment, environment]
        action._task.check_mode = False
        action._task.diff = False
        action._connection = copy.copy(self._connection)
        # It knows the folder for temporary files, and each plan needs its own.
        action._connection._shell = copy.copy(self._connection._shell)
        action._connection._shell.tmpdir = None
        try:
            planned: Json = action._execute_module("community.general.terraform", arguments, task_vars=task_vars)
        finally:
            action.cleanup()
        return planned
