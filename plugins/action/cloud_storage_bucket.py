"""Action plugin of cloud_storage_bucket."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.provision.plugins.module_utils.state_store import CloudStorageStore, StoreError
from ansible_collections.slipway.provision.plugins.plugin_utils.action import argument_spec
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import task_environment

Json = dict[str, Any]


def holds(settings: Any, wanted: Any) -> bool:
    """Whether settings are as wanted; members that nobody asked for do not count."""
    if isinstance(wanted, dict):
        return isinstance(settings, dict) and all(holds(settings.get(name), value) for name, value in wanted.items())
    return bool(settings == wanted)


class ActionModule(ActionBase):
    """Makes or deletes the bucket."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return whether that was to be done."""
        result: Json = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(
            argument_spec=argument_spec(self), required_if=[("state", "present", ["project", "location"])]
        )
        try:
            with task_environment(self):
                store = CloudStorageStore.of_environment(arguments["name"])
                return result | {"changed": self._bring(store, store.bucket(), arguments)}
        except StoreError as error:
            return result | {"failed": True, "msg": f"could not look after the bucket {arguments['name']}: {error}"}

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
