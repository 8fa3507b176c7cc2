#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: say what an inventory costs a month. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: monthly_costs
short_description: Say what an inventory costs a month
description:
  - Counts what the layers of all apps and networks make, from their inputs, and multiplies it by the list prices in
    C(terraform/prices.yml). Reads files and changes nothing, and asks no service.
  - What costs by use (requests, traffic, logs) is not in it.
  - No module that others publish does this; Infracost asks a service for prices, with a key.
options:
  project:
    description: Folder of the project, which holds C(terraform).
    type: path
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Compute what the environment costs
  slipway.provision.monthly_costs:
    project: "{{ playbook_dir | dirname }}"
  run_once: true
"""

RETURN = r"""
costs:
  description: What costs money, in the order of the inventory.
  type: list
  elements: dict
  returned: always
  contains:
    host:
      description: App or network.
      type: str
    item:
      description: What it is, in the singular.
      type: str
    number:
      description: How many there are.
      type: int
    usd:
      description: What all of them cost a month, in US dollars.
      type: float
table:
  description: Each item with its number and price, and the sum of each app and network, in Markdown.
  type: str
  returned: always
usd:
  description: What all of it costs a month, in US dollars.
  type: float
  returned: always
"""
