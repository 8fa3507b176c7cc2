#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: make or delete a bucket of Amazon S3 for Terraform's states. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: s3_state_bucket
short_description: Keep a private, encrypted, versioned bucket of Amazon S3
description:
  - For Terraform's states. M(amazon.aws.s3_bucket) and M(community.aws.s3_lifecycle) have no check mode.
  - A bucket that exists is brought to the same settings. Requests without TLS are denied, and earlier versions are
    deleted after some time, as every lock of a state writes some.
options:
  state:
    description: C(absent) deletes the bucket with all versions of everything in it.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the bucket; there is no other one of this name in the world.
    type: str
    required: true
  noncurrent_version_days:
    description: Days that an earlier version of an object is kept.
    type: int
    default: 90
  tags:
    description: Its tags. Others that it has stay.
    type: dict
    default: {}
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Keep Terraform's states in a bucket
  slipway.provision.s3_state_bucket:
    name: slipway-dev-state
    tags: {Environment: development, Project: slipway}
    region: us-east-1
"""

RETURN = r"""
settings:
  description: Settings that were, or in a dry run would be, changed, such as C(policy).
  type: list
  elements: str
  returned: when O(state=present)
"""
