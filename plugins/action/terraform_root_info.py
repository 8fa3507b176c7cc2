"""Action plugin of terraform_root_info."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.provision.plugins.plugin_utils.action import argument_spec
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_files import declared_variables
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_root import fingerprint

Json = dict[str, Any]


class ActionModule(ActionBase):
    """Reads the root module."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return what it declares, and its fingerprint."""
        result: Json = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec=argument_spec(self))
        try:
            variables = sorted(declared_variables(Path(arguments["path"])))
        except FileNotFoundError:
            return result | {"failed": True, "msg": f"{arguments['path']} holds no variables.tf"}
        return result | {
            "changed": False,
            "variables": variables,
            "fingerprint": fingerprint(arguments["path"], arguments["backend"]),
        }
