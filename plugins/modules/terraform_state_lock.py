#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: clear the lock that a killed Terraform left on its state. Its action plugin does the work."""

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
  region:
    description: AWS region of the bucket; another store does not need it.
    type: str
    required: true
author: Slipway (@slipway)
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
