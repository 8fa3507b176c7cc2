#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: read which version of a secret is the newest. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: google_secret_version_info
short_description: Read which versions of secrets of Google Secret Manager are the newest
description:
  - Returns the number of the newest version of each secret, which is another after each change of its value. The values
    are not read.
  - Credentials are found as Terraform's google provider finds them.
options:
  secrets:
    description: Names of the secrets, C(projects/<project>/secrets/<secret>).
    type: list
    elements: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read which version of the key is in use from now on
  slipway.provision.google_secret_version_info:
    secrets: [projects/my-project-123456/secrets/stripe]
  register: keys
"""

RETURN = r"""
versions:
  description: Number of the newest version of each secret whose newest version is enabled, by the secret's name.
  returned: success
  type: dict
missing:
  description: Names of secrets that do not exist, have no version, or whose newest version is disabled or destroyed.
  returned: success
  type: list
  elements: str
"""
