# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of cloud_storage_bucket."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.state_store import CloudStorageStore
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule, holds

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Makes or deletes the bucket."""

    REQUIRED_IF = (("state", "present", ("project", "location")),)
    PURPOSE = "look after the bucket {name}"

    def answer(self, arguments: Json) -> Json:
        """Return whether that was to be done."""
        store = CloudStorageStore.of_environment(arguments["name"])
        return {"changed": self._bring(store, store.bucket(), arguments)}

    def _bring(self, store: CloudStorageStore, bucket: Json | None, arguments: Json) -> bool:
        if arguments["state"] == "absent":
            if bucket is not None and not self._task.check_mode:
                store.delete_bucket()
            return bucket is not None
        wanted = {
            "iamConfiguration": {
                "publicAccessPrevention": "enforced",
                "uniformBucketLevelAccess": {"enabled": True},
            },
            "labels": arguments["labels"],
            "versioning": {"enabled": True},
        }
        if bucket is None:
            if not self._task.check_mode:
                store.create_bucket(arguments["project"], wanted | {"location": arguments["location"]})
            return True
        lacking = {name: value for name, value in wanted.items() if not holds(bucket.get(name), value)}
        if lacking and not self._task.check_mode:
            store.patch_bucket(lacking)
        return bool(lacking)
