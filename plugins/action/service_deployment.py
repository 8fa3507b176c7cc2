# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of service_deployment."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.advice import advice
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Request, deployment_of, digest_of

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Follows the deployment, and proves what runs."""

    PURPOSE = "follow the deployment"

    def answer(self, arguments: Json) -> Json:
        """Return what runs, and where it is reached."""
        deployment = deployment_of(arguments["platform"])
        request = Request(
            outputs=arguments["outputs"],
            image_digest=digest_of(arguments["image"]),
            timeout_seconds=arguments["timeout_seconds"],
            region=arguments["region"],
            check_mode=self._task.check_mode,
        )
        try:
            result: Json = deployment(request).run()
        except ActionError as error:
            raise ActionError("\n".join([str(error), *advice(str(error))])) from error
        return result
