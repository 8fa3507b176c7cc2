#!/usr/bin/python
"""Ansible module: clear the lock that a killed Terraform left on its state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: terraform_state_lock
short_description: Force-unlock a state whose Terraform was killed
description:
  - Terraform locks a state by an object beside it (the S3 backend with C(use_lockfile), and the GCS backend). One
    that is killed leaves the lock, and every later one fails on it.
  - Removes the lock when it was written by this user on this machine and the Terraform that wrote it is gone.
  - Any other lock is somebody's at work. It is waited for, and named in the error when it outlasts the wait.
options:
  store:
    description: Where the bucket is, Amazon S3 or Cloud Storage of Google.
    type: str
    choices: [s3, gcs]
    default: s3
  bucket:
    description: Bucket of the Terraform states.
    type: str
    required: true
  key:
    description: Key of the state's lock, such as C(dev/tasks/data.tflock).
    type: str
    required: true
  processes:
    description: Ids of the Terraform processes of this machine that are at work on the state.
    type: list
    elements: int
    required: true
  force_unlock_holder:
    description: User and host, such as C(root@build-1), whose lock is removed although it is another host.
    type: str
    default: ""
  timeout_seconds:
    description: How long to wait, in seconds, for somebody's lock.
    type: int
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author: Slipway
"""

EXAMPLES = r"""
- name: Clear the lock of a Terraform that was killed
  slipway.provision.terraform_state_lock:
    bucket: slipway-dev-state
    key: dev/tasks/data.tflock
    processes: "{{ q('slipway.provision.terraform_processes', 'dev/tasks/data', bucket='slipway-dev-state') }}"
    timeout_seconds: 300
    region: us-east-1
"""

RETURN = r"""
changed:
  description: Whether a lock was removed; a warning says whose.
  type: bool
  returned: always
"""

import json
import os
import pwd
import socket
import time
from collections.abc import Callable

from ansible.module_utils.common.warnings import warn
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.slipway.provision.plugins.module_utils.state_store import (
    STORES,
    Store,
    StoreError,
    open_store,
)

_POLL_SECONDS = 1.0


class LockError(Exception):
    """Somebody else is at work on the state; the message says who, and what to do."""


def clear(
    store: Store,
    key: str,
    processes: list[int],
    force_unlock_holder: str,
    timeout_seconds: float,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Remove a dead Terraform's lock, or wait until a living one's is gone.

    Args:
        store: the bucket of the states.
        key: key of the lock.
        processes: ids of the Terraform processes of this machine that are at work on the state.
        force_unlock_holder: `Who` of a lock that is removed although it is not this machine's.
        timeout_seconds: how long to wait.
        now, sleep: a clock, in seconds.

    Returns:
        What was removed; None where the state is not locked.

    Raises:
        LockError: somebody else's lock outlasts the wait.
    """
    who = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"
    deadline = now() + timeout_seconds
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
        if now() > deadline:
            locked = f"The state is locked by {holder}, after {timeout_seconds:.0f} s still: {store.url}/{key}."
            if is_ours:
                numbers = " or ".join(map(str, processes))
                raise LockError(f"{locked} Wait for the end of Terraform's process {numbers}, and run again.")
            raise LockError(
                f"{locked} Nobody can tell from here whether it is at work. Make sure that it is not, and "
                f"run again with -e slipway_force_unlock_holder={lock['Who']}"
            )
        sleep(_POLL_SECONDS)


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "store": {"type": "str", "choices": list(STORES), "default": "s3"},
            "bucket": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": False},
            "processes": {"type": "list", "elements": "int", "required": True},
            "force_unlock_holder": {"type": "str", "default": ""},
            "timeout_seconds": {"type": "int", "required": True},
        }
    )
    names = ("key", "processes", "force_unlock_holder", "timeout_seconds")
    try:
        store = open_store(module.params["store"], module.params["bucket"], lambda: module.client("s3"))
        removed = clear(store, *(module.params[name] for name in names))
    except LockError as error:
        module.fail_json(msg=str(error))
    except StoreError as error:
        module.fail_json(msg=f"could not look at the state's lock: {error}")
    if removed:
        warn(removed)
    module.exit_json(changed=removed is not None)


if __name__ == "__main__":
    main()
