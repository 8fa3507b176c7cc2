# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of state_objects_info."""

from __future__ import annotations

import itertools
import json
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.state_store import Store, open_store
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]

_SHOWN_KEYS = 3


def read_objects(store: Store, keys: list[str]) -> Json:
    """What JSON objects hold, by key, without those that do not exist.

    Args:
        store: the bucket.
        keys: keys of the objects.

    Raises:
        ActionError: an object is no JSON.
        StoreError: the bucket cannot be read.
    """
    objects: Json = {}
    for key in keys:
        if (found := store.read(key)) is None:
            continue
        try:
            objects[key] = json.loads(found.content)
        except ValueError as error:
            raise ActionError(f"{store.url}/{key} is no JSON: {error}") from None
    return objects


def first_keys(store: Store, excluded_prefix: str | None = None) -> list[str]:
    """The first few keys of a bucket, which is enough to say whose they are.

    Args:
        store: the bucket.
        excluded_prefix: what keys that do not count begin with; all count without one.
    """
    keys = store.list_keys()
    counted = (key for key in keys if not (excluded_prefix and key.startswith(excluded_prefix)))
    return list(itertools.islice(counted, _SHOWN_KEYS))


class ActionModule(AwsActionModule):
    """Reads the objects."""

    PURPOSE = "read from the bucket of the states"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return what the objects hold."""
        store = open_store(arguments["store"], arguments["bucket"], lambda: session.client("s3"))
        objects = read_objects(store, arguments["keys"])
        if member := arguments["member"]:
            objects = {key: value.get(member) for key, value in objects.items()}
        result = {"changed": False, "objects": objects, "bucket_exists": bool(objects) or store.exists()}
        if arguments["list_keys"]:
            result["first_keys"] = first_keys(store, arguments["excluded_prefix"])
        return result
