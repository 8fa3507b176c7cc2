"""Action plugin of terraform_compare: a task runs one module after the other, this runs several at once."""

from __future__ import annotations

import copy
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.plugins.action import ActionBase

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "layers": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "arguments": {"type": "dict", "required": True},
            "environment": {"type": "dict", "required": True},
        },
    }
}

# Terraform says so at the beginning of a line; elsewhere it is somebody's text.
_NO_CHANGES = re.compile(r"^No changes\.", re.MULTILINE)

Json = dict[str, Any]


class ActionModule(ActionBase):
    """Plans the layers."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return which layers have no changes."""
        result: Json = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec=_ARGUMENTS)

        def has_no_changes(layer: Json) -> bool:
            planned = self._plan(layer, task_vars)
            return not planned.get("failed") and bool(_NO_CHANGES.search(planned["stdout"]))

        layers = arguments["layers"]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            unchanged = list(pool.map(has_no_changes, layers))
        names = [layer["name"] for layer, is_unchanged in zip(layers, unchanged, strict=True) if is_unchanged]
        return result | {"changed": False, "unchanged": names}

    def _plan(self, layer: Json, task_vars: Json | None) -> Json:
        """What community.general.terraform returns for a layer."""
        # A task's environment is the same for all that it runs, so each plan has a task of its own.
        action = copy.copy(self)
        action._task = self._task.copy()
        action._task.environment = [*self._task.environment, layer["environment"]]
        action._task.check_mode = False
        action._task.diff = False
        action._connection = copy.copy(self._connection)
        # It knows the folder for temporary files, and each plan needs its own.
        action._connection._shell = copy.copy(self._connection._shell)
        action._connection._shell.tmpdir = None
        try:
            planned: Json = action._execute_module(
                "community.general.terraform", layer["arguments"], task_vars=task_vars
            )
        finally:
            action.cleanup()
        return planned
