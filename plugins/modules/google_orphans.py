#!/usr/bin/python
"""Ansible module: find what a plan would create although Google has it already. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: google_orphans
short_description: Find Google resources that a plan would create and that exist already
description:
  - What M(slipway.provision.terraform_orphans) is for AWS. Names are known before anything is made there, so each
    resource is asked for by its own.
  - What has the name but not the labels was made by something else; the task fails and names it.
  - Credentials are found as Google's clients find them.
  - Changes nothing, and does the same in check mode.
options:
  project:
    description: Id of the Google project.
    type: str
    required: true
  creations:
    description: >-
      What the plan would create: C(address), C(type) and C(values) of each resource, as the filter
      C(plan_creations) returns them.
    type: list
    elements: dict
    required: true
author: Slipway
"""

EXAMPLES = r"""
- name: Look for what an interrupted run left
  slipway.provision.google_orphans:
    project: my-project
    creations: "{{ plan.stdout | from_json | slipway.provision.plan_creations }}"
"""

RETURN = r"""
orphans:
  description: Address and import id of each resource that exists, in the plan's order.
  type: list
  elements: dict
  returned: always
"""
