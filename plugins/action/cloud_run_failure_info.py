# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of cloud_run_failure_info."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.advice import advice
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments.cloud_run import failed_revision
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Looks for it."""

    PURPOSE = "read why {service} failed, or a worker pool beside it"

    def answer(self, arguments: Json) -> Json:
        """Return the report."""
        cloud = GoogleCloud()
        found = [cloud.get("cloud_run_v2", name) for name in (arguments["service"], *arguments["worker_pools"])]
        report = [line for owner in found if owner for line in failed_revision(cloud, owner)]
        return {"changed": False, "report": [*report, *advice("\n".join(report))]}
