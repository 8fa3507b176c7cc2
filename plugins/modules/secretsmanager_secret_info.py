#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: read JSON secrets of AWS Secrets Manager. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secretsmanager_secret_info
short_description: Read JSON secrets of AWS Secrets Manager
description:
  - Returns the current values of the secrets, each of which has to be a JSON object.
  - Changes nothing, and does the same in check mode.
  - The task has to set C(no_log), because its result holds the values. Without it the module refuses to read.
    To show why it failed, register the result with C(failed_when=false) and print its C(msg), which never
    holds a value.
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
- name: Read the credentials of the application
  slipway.provision.secretsmanager_secret_info:
    secret_ids:
      - arn:aws:secretsmanager:us-east-1:123456789012:secret:dev-tasks/database/app-AbCdEf
    region: us-east-1
  register: credentials
  no_log: true
"""

RETURN = r"""
secrets:
  description: The value of each secret which exists, by the id it was asked for.
  returned: success
  type: dict
missing:
  description: Ids of secrets which do not exist, or have no value yet.
  returned: success
  type: list
  elements: str
"""
