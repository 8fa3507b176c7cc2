#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: plan several Terraform layers side by side. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: terraform_compare
short_description: Plan several Terraform layers side by side, and tell which are as they should be
description:
  - Plans each layer with C(terraform plan), two at a time for each processor and eight at most, whatever
    the number of hosts.
  - A layer that is not initialised, or could not be planned, is not among the unchanged; planning it again tells why.
  - Changes nothing, and does the same in check mode.
options:
  layers:
    description: The layers.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the layer.
        type: str
        required: true
      directory:
        description: Folder of its Terraform root.
        type: path
        required: true
      backend:
        description: Configuration of its backend.
        type: dict
        required: true
      initialised_file:
        description: File with the fingerprint (M(slipway.provision.terraform_root_info)) that it was initialised with.
        type: path
        required: true
      inputs_file:
        description: Its input variables, in JSON.
        type: path
        required: true
      environment:
        description: Environment variables of its Terraform. Paths are absolute, for it runs in O(layers[].directory).
        type: dict
        required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Compare the layers with the cloud
  slipway.provision.terraform_compare:
    layers:
      - name: data
        directory: /home/me/shop/terraform/layers/aws/data
        backend: {bucket: slipway-dev-state, key: dev/tasks/data}
        initialised_file: /home/me/shop/.build/dev/tasks/data/initialised
        inputs_file: /home/me/shop/.build/dev/tasks/data/terraform.tfvars.json
        environment:
          TF_DATA_DIR: /home/me/shop/.build/dev/tasks/data/data
  register: compared
"""

RETURN = r"""
unchanged:
  description: SHA-256, in hexadecimal digits, of the inputs of each layer whose plan has no changes, by its name.
  type: dict
  returned: always
"""
