#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: write or delete an object of the bucket of the states. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_object
short_description: Write or delete an object of the bucket of Terraform's states
description:
  - Terraform leaves an empty state where everything was destroyed. This takes it away.
  - Beside the states are records of what was done, which this writes as JSON.
  - What somebody else writes meanwhile stays. In a bucket with versions, the earlier ones stay.
  - Under check mode nothing is written or deleted.
options:
  state:
    description: Whether the object holds O(content) or is not there.
    type: str
    choices: [absent, present]
    required: true
  content:
    description: What the object holds.
    type: dict
  store:
    description: Where the bucket is, Amazon S3 or Cloud Storage of Google.
    type: str
    choices: [s3, gcs]
    default: s3
  bucket:
    description: Name of the bucket.
    type: str
    required: true
  key:
    description: Key of the object.
    type: str
    required: true
  region:
    description: AWS region of the bucket; another store does not need it.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Remove the state of a layer that was destroyed
  slipway.provision.state_object:
    bucket: slipway-dev-state
    key: dev/tasks/data
    state: absent
    region: us-east-1

- name: Record the migration
  slipway.provision.state_object:
    bucket: slipway-dev-state
    key: dev/tasks/migration
    content: {image_digest: "sha256:..."}
    state: present
    region: us-east-1
"""

RETURN = r"""
changed:
  description: Whether there was such an object, or the object was another one.
  type: bool
  returned: always
"""
