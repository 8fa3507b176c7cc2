"""Action plugin of validate_inventory."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.provision.plugins.plugin_utils.action import argument_spec
from ansible_collections.slipway.provision.plugins.plugin_utils.inventory_problems import inventory_problems
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_rules import (
    TerraformError,
    broken_rules,
)

Json = dict[str, Any]


class ActionModule(ActionBase):
    """Reads the inventory's variables and the project's files."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return what is wrong."""
        result: Json = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec=argument_spec(self))
        evaluate = partial(broken_rules, kept=Path(arguments["cache"]) if arguments["cache"] else None)
        hostvars = (task_vars or {})["hostvars"]
        try:
            problems = inventory_problems(hostvars, Path(arguments["project"]), arguments["sources"], evaluate)
        except TerraformError as error:
            raise AnsibleActionFail(f"Terraform could not evaluate the rules in variables.tf: {error}") from error
        return result | {"changed": False, "problems": problems}
