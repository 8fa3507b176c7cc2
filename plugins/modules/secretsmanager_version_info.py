#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: read which version of a secret is current. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secretsmanager_version_info
short_description: Read which versions of secrets of AWS Secrets Manager are current
description:
  - Returns the id of the current version of each secret, which is another after each change of its value. The values
    are not read.
options:
  secret_ids:
    description: ARNs or names of the secrets.
    type: list
    elements: str
    required: true
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read whether the password is still that of the last run
  slipway.provision.secretsmanager_version_info:
    secret_ids:
      - arn:aws:secretsmanager:us-east-1:123456789012:secret:dev-tasks/database/app-AbCdEf
    region: us-east-1
  register: credentials
"""

RETURN = r"""
versions:
  description: Id of the current version of each secret that has one, by the id it was asked for.
  returned: success
  type: dict
missing:
  description: Ids of secrets that do not exist, have no value yet, or are scheduled for deletion.
  returned: success
  type: list
  elements: str
keys:
  description: >-
    Keys of AWS KMS of the secrets that are encrypted with another one than Secrets Manager's own, by the ids of the
    secrets.
  returned: success
  type: dict
"""
