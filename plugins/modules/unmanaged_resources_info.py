#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: find what a plan would create although it exists. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: unmanaged_resources_info
short_description: Find resources that a plan would create and that exist already
description:
  - Terraform writes its state at most every 20 seconds while it applies. One that is killed leaves resources
    in the cloud that no state manages; the next apply fails on their names, or creates them twice.
  - Looks for everything a plan would create, by the names and tags (in Google Cloud labels) the plan gives it, and
    returns the ids to import it by.
  - What has the name but not the tags was created by something else; the task fails and names it.
  - Secrets of an environment that was destroyed keep their names until their recovery window has passed. They are
    restored, and found like the others.
  - Changes nothing else but a security group that AWS created and Terraform did not come to close; it is closed.
options:
  cloud:
    description: Where the resources are.
    type: str
    choices: [aws, gcp]
    required: true
  creations:
    description: >-
      What the plan would create: C(address), C(type) and C(values) of each resource, as the filter
      C(plan_creations) returns them.
    type: list
    elements: dict
    required: true
  project:
    description: Id of the Google project.
    type: str
    default: ""
  region:
    description: AWS region of the resources; Google Cloud's have theirs in their values.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Find what an interrupted run left
  slipway.provision.unmanaged_resources_info:
    cloud: aws
    creations: "{{ plan.stdout | from_json | slipway.provision.plan_creations }}"
    region: us-east-1
"""

RETURN = r"""
resources:
  description: Address and import id of each resource that exists, in the plan's order.
  type: list
  elements: dict
  returned: always
  sample: [{address: aws_vpc.this, id: vpc-0123456789abcdef0}]
"""
