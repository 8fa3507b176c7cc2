#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: remove a peering of a VPC network. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: google_network_peering
short_description: Remove a peering of a VPC network of Google Cloud
description:
  - >-
    The private connection that databases have is a peering. Google keeps it for days after the last database behind it
    is gone, Terraform's google provider cannot delete it until then, and a network that has one cannot be deleted. A
    network may take it away itself (C(networks.removePeering) of the Compute Engine API), which needs the permission
    C(compute.networks.removePeering).
  - Credentials are found as Terraform's google provider finds them.
  - Under check mode it says whether it would remove one.
options:
  name:
    description: Name of the peering. That of private services access is C(servicenetworking-googleapis-com).
    type: str
    default: servicenetworking-googleapis-com
  network:
    description: Name of the network. One that does not exist has no peering.
    type: str
    required: true
  project:
    description: Id of the Google Cloud project.
    type: str
    required: true
  state:
    description: Terraform makes peerings; this removes one.
    type: str
    choices: [absent]
    default: absent
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Remove the private connection of databases
  slipway.provision.google_network_peering:
    network: dev-main
    project: my-project
    state: absent
"""

RETURN = r"""
peerings:
  description: Names of the peerings that the network has besides.
  type: list
  elements: str
  returned: always
"""
