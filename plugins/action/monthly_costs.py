# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of monthly_costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import BaseActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.costs import CostsError, as_table, monthly_costs

Json = dict[str, Any]


class ActionModule(BaseActionModule):
    """Reads the inventory's variables and the project's files."""

    _requires_connection = False
    ERRORS = (CostsError,)
    PURPOSE = "compute what the inventory costs"

    def answer(self, arguments: Json) -> Json:
        """Return the costs."""
        costs = monthly_costs(self._templar.available_variables["hostvars"], Path(arguments["project"]))
        return {
            "changed": False,
            "costs": [
                {"host": cost.host, "item": cost.item, "number": cost.number, "usd": round(cost.total, 2)}
                for cost in costs
            ],
            "usd": round(sum(cost.total for cost in costs), 2),
            "table": as_table(costs),
        }
