# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of terraform_root_info."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError, BaseActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_files import declared_variables
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_root import fingerprint

Json = dict[str, Any]


class ActionModule(BaseActionModule):
    """Reads the root module."""

    def answer(self, arguments: Json) -> Json:
        """Return what it declares, and its fingerprint."""
        try:
            variables = sorted(declared_variables(Path(arguments["path"])))
        except FileNotFoundError:
            raise ActionError(f"{arguments['path']} holds no variables.tf") from None
        return {
            "changed": False,
            "variables": variables,
            "fingerprint": fingerprint(arguments["path"], arguments["backend"]),
        }
