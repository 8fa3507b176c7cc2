#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: delete an object of the bucket of the states. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_object
short_description: Delete an object of the bucket of Terraform's states
description:
  - Terraform leaves an empty state where everything was destroyed. This takes it away.
  - One that somebody else writes meanwhile stays. In a bucket with versions, the earlier ones stay.
  - Under check mode nothing is deleted.
options:
  state:
    description: C(absent) is all there is.
    type: str
    choices: [absent]
    required: true
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
"""

RETURN = r"""
changed:
  description: Whether there was such an object.
  type: bool
  returned: always
"""
