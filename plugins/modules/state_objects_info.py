#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: read JSON objects of the bucket of the states. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_objects_info
short_description: Read JSON objects of the bucket of Terraform's states
description:
  - Returns what small JSON objects of a bucket hold, such as Terraform states and records.
  - An object that does not exist is no error, nor is a bucket that does not exist.
  - Changes nothing, and does the same in check mode.
options:
  store:
    description: Where the bucket is, Amazon S3 or Cloud Storage of Google.
    type: str
    choices: [s3, gcs]
    default: s3
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  keys:
    description: Keys of the objects.
    type: list
    elements: str
    required: true
  member:
    description: Return this member of each object, instead of the whole.
    type: str
  list_keys:
    description: Whether to return what the bucket holds too.
    type: bool
    default: false
  excluded_prefix:
    description: Leave keys that begin with this out of what O(list_keys) returns.
    type: str
  region:
    description: AWS region of the bucket; another store does not need it.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read the outputs of a layer
  slipway.provision.state_objects_info:
    bucket: slipway-dev-state
    keys: [dev/tasks/data]
    member: outputs
    region: us-east-1
  register: states
"""

RETURN = r"""
bucket_exists:
  description: Whether there is such a bucket.
  type: bool
  returned: always
first_keys:
  description: The bucket's keys; the first three at the most.
  type: list
  elements: str
  returned: when O(list_keys) is set
objects:
  description: What each object holds, by its key; those that do not exist are left out.
  type: dict
  returned: always
"""
