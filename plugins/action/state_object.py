"""Action plugin of state_object."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.slipway.provision.plugins.module_utils.state_store import STORES, open_store
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]


class ActionModule(AwsActionModule):
    """Deletes the object."""

    ARGUMENTS: ClassVar = {
        "state": {"type": "str", "choices": ["absent"], "required": True},
        "store": {"type": "str", "choices": list(STORES), "default": "s3"},
        "bucket": {"type": "str", "required": True},
        "key": {"type": "str", "required": True, "no_log": False},
        "region": {"type": "str", "required": True},
    }
    PURPOSE = "delete from the bucket of the states"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return whether there was something to delete."""
        store = open_store(arguments["store"], arguments["bucket"], lambda: session.client("s3"))
        found = store.read(arguments["key"])
        if found and not self._task.check_mode:
            store.delete(arguments["key"], found.version)
        return {"changed": found is not None}
