# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of google_project_info."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Reads it."""

    PURPOSE = "read the Google project {project}"

    def answer(self, arguments: Json) -> Json:
        """Return the project's state."""
        return {"changed": False, "lifecycle_state": GoogleCloud().lifecycle_state(arguments["project"])}
