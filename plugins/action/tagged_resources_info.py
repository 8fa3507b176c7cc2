# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of tagged_resources_info."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.tagged_resources import find_kept, find_left

Json = dict[str, Any]

_POLL_SECONDS = 10


class ActionModule(AwsActionModule):
    """Lists them."""

    PURPOSE = "list tagged resources"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return what is there, and what is kept, as soon as nothing is there or the time is over."""
        client, region = cache(session.client), arguments["region"]
        named = arguments["tags"], arguments["name_prefix"], arguments["other_names"]
        deadline = time.monotonic() + arguments["timeout_seconds"]
        while True:
            kept = find_kept(client, *named, region)
            arns, unknown = find_left(client, *named, kept)
            if not arns or time.monotonic() >= deadline:
                kept_entries = [one._asdict() for one in kept]
                return {"changed": False, "arns": arns, "unknown_arns": unknown, "kept": kept_entries}
            time.sleep(_POLL_SECONDS)
