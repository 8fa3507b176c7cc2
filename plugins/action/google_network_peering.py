# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of google_network_peering."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Removes it."""

    PURPOSE = "remove the peering {name} of the network {network}"

    def answer(self, arguments: Json) -> Json:
        """Remove the peering, where there is one, and wait until it is gone."""
        cloud, path = GoogleCloud(), f"projects/{arguments['project']}/global/networks/{arguments['network']}"
        network = cloud.get("compute", path) or {}
        peerings = [peering["name"] for peering in network.get("peerings", [])]
        is_there = arguments["name"] in peerings
        if is_there and not self._task.check_mode:
            operation = cloud.change("POST", "compute", f"{path}/removePeering", {"name": arguments["name"]})
            cloud.wait_for("compute", operation, f"projects/{arguments['project']}/global/operations/")
        return {"changed": is_there, "peerings": [name for name in peerings if name != arguments["name"]]}
