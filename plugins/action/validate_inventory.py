# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of validate_inventory."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import BaseActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.inventory_problems import inventory_problems
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_rules import (
    TerraformError,
    broken_rules,
)

Json = dict[str, Any]


class ActionModule(BaseActionModule):
    """Reads the inventory's variables and the project's files."""

    _requires_connection = False
    ERRORS = (TerraformError,)
    PURPOSE = "evaluate the rules in variables.tf with Terraform"

    def answer(self, arguments: Json) -> Json:
        """Return what is wrong."""
        evaluate = partial(broken_rules, kept=Path(arguments["cache"]) if arguments["cache"] else None)
        hostvars = self._templar.available_variables["hostvars"]
        problems = inventory_problems(hostvars, Path(arguments["project"]), arguments["sources"], evaluate)
        return {"changed": False, "problems": problems}
