# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of ecr_image_push."""

from __future__ import annotations

import base64
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import aws_session
from ansible_collections.slipway.provision.plugins.plugin_utils.image_push import ImagePushModule


class ActionModule(ImagePushModule):
    """Pushes the image."""

    AUTHENTICATION = "basic"

    def credentials(self, arguments: dict[str, Any]) -> dict[str, str]:
        """Credentials of the account's registry, valid for 12 hours (ECR API GetAuthorizationToken)."""
        answer = aws_session(arguments["region"]).client("ecr").get_authorization_token()
        token = answer["authorizationData"][0]["authorizationToken"]
        username, _, password = base64.b64decode(token).decode().partition(":")
        return {"username": username, "password": password}
