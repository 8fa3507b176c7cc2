#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: get an ID token for a service on Google Cloud. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: google_id_token
short_description: Get a token that tells a private service who calls it
description:
  - Credentials are found as Terraform's google provider finds them. The key of a service account can make such a token,
    and so can who acts as a service account by E(GOOGLE_IMPERSONATE_SERVICE_ACCOUNT). For Cloud Run to let it in, the
    account needs the role Cloud Run Invoker, or one that includes it.
  - Changes nothing, and does the same in check mode. The token is valid for an hour; use C(no_log).
options:
  audience:
    description: Address of the service, without a path.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Get a token
  slipway.provision.google_id_token:
    audience: https://hello-123456789.us-central1.run.app
  register: token
  no_log: true
"""

RETURN = r"""
token:
  description: The token; empty where the credentials can make none.
  type: str
  returned: always
"""
