# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of unmanaged_resources_info."""

from __future__ import annotations

from functools import cache
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule, aws_session
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud
from ansible_collections.slipway.provision.plugins.plugin_utils.unmanaged_resources import aws, google

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Finds the resources."""

    PURPOSE = "find what an interrupted run left"

    def answer(self, arguments: Json) -> Json:
        """Return what exists."""
        creations = arguments["creations"]
        if not creations:
            found = []
        elif arguments["cloud"] == "aws":
            found = aws.find_unmanaged(cache(aws_session(arguments["region"]).client), creations)
        else:
            found = google.find_unmanaged(GoogleCloud(), arguments["project"], creations)
        return {"changed": False, "resources": found}
