#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: what Terraform layers consist of, without attributes. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: state_resources_info
short_description: Say which resources Terraform layers consist of
description:
  - Returns types, names and dependencies of the resources of each state, and never attributes, which may be secret.
  - Says from which layers' outputs each layer takes its inputs, too.
  - Changes nothing, and does the same in check mode.
options:
  store:
    description: Where the bucket is, Amazon S3 or Cloud Storage of Google.
    type: str
    choices: [s3, gcs]
    default: s3
  bucket:
    description: Name of the bucket of the states.
    type: str
    required: true
  keys:
    description: Key of the state of each layer, by the layer's name. A layer without a state is left out.
    type: dict
    required: true
  roots:
    description: Folder of the Terraform root of each of these layers, by the layer's name.
    type: dict
    required: true
  region:
    description: AWS region of the bucket; another store does not need it.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read what an app consists of
  slipway.provision.state_resources_info:
    bucket: slipway-dev-state
    keys:
      registry: dev/tasks/registry
    roots:
      registry: /home/me/shop/terraform/layers/aws/registry
    region: us-east-1
  register: resources
"""

RETURN = r"""
layers:
  description: What each layer consists of, in the order that was given.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the layer.
      type: str
    resources:
      description: Its resources, sorted by address.
      type: list
      elements: dict
      contains:
        address:
          description: Address in the configuration, without C(count) and C(for_each).
          type: str
        type:
          description: Type of the resource.
          type: str
        name:
          description: Name in the configuration.
          type: str
        instances:
          description: How many there are of it.
          type: int
        needs:
          description: Addresses of resources of the layer that it depends on, also by way of others.
          type: list
          elements: str
    upstream:
      description: Names of the layers whose outputs it takes, sorted.
      type: list
      elements: str
"""
