#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: say everything that is wrong with an inventory. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_inventory
short_description: Say everything that is wrong with an inventory
description:
  - Checks the variables of all apps and networks, whatever a run is limited to. Reads files and changes nothing.
  - Terraform evaluates the rules in C(variables.tf) of each layer, without a provider and without a state. Where it is
    not installed, its rules are left out.
  - No module that others publish knows which inventory variable becomes which input of a Terraform root.
options:
  project:
    description: Folder of the project, which holds C(roles) and C(terraform).
    type: path
    required: true
  sources:
    description: What was given as inventory, for the message about one that has no hosts.
    type: list
    elements: str
    required: true
  cache:
    description:
      - File that keeps which inputs Terraform has found right, so that they are not evaluated again.
      - It holds digests, no values.
    type: path
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Check the inventory
  slipway.provision.validate_inventory:
    project: "{{ playbook_dir | dirname }}"
    sources: "{{ ansible_inventory_sources }}"
  run_once: true
"""

RETURN = r"""
problems:
  description: What is wrong, with the hosts it is true of, what is allowed and the file to edit. Empty when nothing is.
  type: list
  elements: str
  returned: always
"""
