#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: read a Terraform root module. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: terraform_root_info
short_description: Read what a Terraform root module declares, and whether it has to be initialised
description:
  - Changes nothing, and does the same in check mode.
options:
  path:
    description: Folder of the root module, below a folder C(terraform).
    type: path
    required: true
  backend:
    description: Configuration of the backend that it is initialised with.
    type: dict
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read the data layer's root module
  slipway.provision.terraform_root_info:
    path: /home/me/shop/terraform/layers/aws/data
    backend: {bucket: slipway-dev-state, key: dev/tasks/data}
  register: root
"""

RETURN = r"""
variables:
  description: Names of its input variables, sorted.
  type: list
  elements: str
  returned: always
fingerprint:
  description: A digest of everything that C(terraform init) reads; another one means that it has to run.
  type: str
  returned: always
"""
