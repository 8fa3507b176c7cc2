# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of artifact_registry_image_push."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud
from ansible_collections.slipway.provision.plugins.plugin_utils.image_push import ImagePushModule


class ActionModule(ImagePushModule):
    """Pushes the image."""

    AUTHENTICATION = "token"

    def credentials(self, _arguments: dict[str, Any]) -> dict[str, str]:
        """A token that is valid for minutes at the least."""
        found: dict[str, str] = GoogleCloud().docker_credentials()
        return found
