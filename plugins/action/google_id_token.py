# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of google_id_token."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleSession
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Asks for it."""

    PURPOSE = "get a token for {audience}"

    def answer(self, arguments: Json) -> Json:
        """Return the token."""
        return {"changed": False, "token": GoogleSession().id_token(arguments["audience"])}
