# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of state_object."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.state_store import open_store
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]


class ActionModule(AwsActionModule):
    """Deletes the object."""

    PURPOSE = "delete from the bucket of the states"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return whether there was something to delete."""
        store = open_store(arguments["store"], arguments["bucket"], lambda: session.client("s3"))
        found = store.read(arguments["key"])
        if found and not self._task.check_mode:
            store.delete(arguments["key"], found.version)
        return {"changed": found is not None}
