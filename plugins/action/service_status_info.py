# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of service_status_info."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Request, deployment_of, digest_of

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Looks at what runs."""

    PURPOSE = "read what runs"

    def answer(self, arguments: Json) -> Json:
        """Return what runs, since when and by whom."""
        request = Request(
            outputs=arguments["outputs"],
            image_digest=digest_of(arguments["image"]),
            timeout_seconds=0,
            region=arguments["region"],
            check_mode=True,
        )
        result: Json = deployment_of(arguments["platform"])(request).status()
        return result
