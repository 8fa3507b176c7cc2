#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: hold the deploy lock of an app or network. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deploy_lock
short_description: Let one run at a time change an app or network
description:
  - The lock is an object beside the Terraform states, written on the condition that there is none yet. It
    names the user, host and process of the run that holds it, so that whoever meets it knows whom to ask.
  - A run may acquire a lock that it holds already.
  - A lock whose process is gone from this machine is taken over. One of another machine is not, because
    nobody can tell from here whether that run is alive.
  - Under check mode nothing is locked.
options:
  store:
    description: Where the bucket is, Amazon S3 or Cloud Storage of Google.
    type: str
    choices: [s3, gcs]
    default: s3
  state:
    description: >-
      C(present) acquires the lock, C(absent) releases it when this run holds it.
    type: str
    choices: [present, absent]
    default: present
  bucket:
    description: Bucket of the Terraform states.
    type: str
    required: true
  key:
    description: Key of the lock's object.
    type: str
    required: true
  force_unlock_holder:
    description: User and host, such as C(root@build-1), whose lock is taken over although it is another host.
    type: str
    default: ""
  region:
    description: AWS region of the bucket; another store does not need it.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Acquire the deploy lock
  slipway.provision.deploy_lock:
    bucket: slipway-dev-state
    key: dev/tasks/lock
    region: us-east-1
"""

RETURN = r"""
changed:
  description: Whether the lock was acquired or released.
  type: bool
  returned: always
unfinished:
  description: Whether it was taken over from a run that did not end; a warning says whose.
  type: bool
  returned: when O(state=present)
"""
