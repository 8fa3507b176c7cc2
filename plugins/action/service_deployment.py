# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of service_deployment."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Deployment, Request

_PACKAGE = "ansible_collections.slipway.provision.plugins.plugin_utils.deployments"
_FOLDER = Path(__file__).parents[1] / "plugin_utils/deployments"

Json = dict[str, Any]


def deployment_of(platform: str) -> type[Deployment]:
    """What follows deployments to a platform.

    Args:
        platform: its name.

    Raises:
        ActionError: there is no such platform.
    """
    known = sorted(file.stem for file in _FOLDER.glob("[a-z]*.py"))
    if platform not in known:
        raise ActionError(f"there is no platform {platform}; it must be one of {', '.join(known)}")
    found: type[Deployment] = importlib.import_module(f"{_PACKAGE}.{platform}").Deployment
    return found


class ActionModule(CloudActionModule):
    """Follows the deployment, and proves what runs."""

    PURPOSE = "follow the deployment"

    def answer(self, arguments: Json) -> Json:
        """Return what runs, and where it is reached."""
        deployment = deployment_of(arguments["platform"])
        _, _, digest = arguments["image"].partition("@")
        if not digest:
            raise ActionError(f"image is {arguments['image']}; it must name its digest: <repository>@sha256:<digest>")
        request = Request(
            outputs=arguments["outputs"],
            image_digest=digest,
            timeout_seconds=arguments["timeout_seconds"],
            region=arguments["region"],
            check_mode=self._task.check_mode,
        )
        result: Json = deployment(request).run()
        return result
