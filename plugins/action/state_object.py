# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of state_object."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.state_store import Store, open_store
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]


def put(store: Store, key: str, content: Json, check_mode: bool) -> bool:
    """Have an object hold something, and tell whether it did not before.

    Args:
        store: the bucket.
        key: key of the object.
        content: what it is to hold, as JSON.
        check_mode: whether to look only.

    Raises:
        ActionError: somebody else writes it at this moment.
        StoreError: the bucket cannot be written to.
    """
    found, wanted = store.read(key), json.dumps(content, sort_keys=True).encode()
    if found and found.content == wanted:
        return False
    if not check_mode and not store.write(key, wanted, found.version if found else None):
        raise ActionError(f"somebody else writes {store.url}/{key} at this moment")
    return True


class ActionModule(AwsActionModule):
    """Writes or deletes the object."""

    PURPOSE = "change the bucket of the states"
    REQUIRED_IF = (("state", "present", ("content",)),)

    def act(self, session: Any, arguments: Json) -> Json:
        """Return whether there was something to write or to delete."""
        store = open_store(arguments["store"], arguments["bucket"], lambda: session.client("s3"))
        if arguments["state"] == "present":
            return {"changed": put(store, arguments["key"], arguments["content"], self._task.check_mode)}
        found = store.read(arguments["key"])
        if found and not self._task.check_mode:
            store.delete(arguments["key"], found.version)
        return {"changed": found is not None}
