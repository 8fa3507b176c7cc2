# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of terraform_state_lock."""

from __future__ import annotations

import json
import os
import pwd
import socket
import time
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.state_store import Store, open_store
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

_POLL_SECONDS = 1.0

Json = dict[str, Any]


def clear(store: Store, key: str, processes: list[int], force_unlock_holder: str, timeout_seconds: float) -> str | None:
    """Remove a dead Terraform's lock, or wait until a living one's is gone.

    Args:
        store: the bucket of the states.
        key: key of the lock.
        processes: ids of the Terraform processes of this machine that are at work on the state.
        force_unlock_holder: `Who` of a lock that is removed although it is not this machine's.
        timeout_seconds: how long to wait.

    Returns:
        What was removed; None where the state is not locked.

    Raises:
        ActionError: somebody else's lock outlasts the wait.
    """
    who = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
    deadline = time.monotonic() + timeout_seconds
    while True:
        found = store.read(key)
        if found is None:
            return None
        lock = json.loads(found.content)
        holder = f"{lock['Who']} ({lock['Operation']}, since {lock['Created']})"
        is_ours = lock["Who"] == who
        is_stale = not processes if is_ours else lock["Who"] == force_unlock_holder
        if is_stale:
            # On the condition that it is still the lock that was looked at.
            store.delete(key, found.version)
            return f"Removed the lock that {holder} left: {store.url}/{key}"
        if time.monotonic() > deadline:
            locked = f"The state is locked by {holder}, after {timeout_seconds:.0f} s still: {store.url}/{key}."
            if is_ours:
                numbers = " or ".join(map(str, processes))
                raise ActionError(f"{locked} Wait for the end of Terraform's process {numbers}, and run again.")
            raise ActionError(
                f"{locked} Nobody can tell from here whether it is at work. Make sure that it is not, and "
                f"run again with -e slipway_force_unlock_holder={lock['Who']}"
            )
        time.sleep(_POLL_SECONDS)


class ActionModule(AwsActionModule):
    """Removes the lock, or waits until it is gone."""

    _supports_check_mode = False
    PURPOSE = "look at the state's lock"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return whether a lock was removed, and warn whose."""
        store = open_store(arguments["store"], arguments["bucket"], lambda: session.client("s3"))
        names = ("key", "processes", "force_unlock_holder", "timeout_seconds")
        removed = clear(store, *(arguments[name] for name in names))
        return {"changed": removed is not None, "warnings": [removed] if removed else []}
