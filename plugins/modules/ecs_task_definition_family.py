#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: delete all revisions of a task definition. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_task_definition_family
short_description: Delete all revisions of an ECS task definition
description:
  - Deregisters every revision that is ACTIVE, and deletes all of them. AWS removes one when no task and no service
    refers to it any more.
  - A family without revisions is no error. Under check mode nothing is deleted.
options:
  family:
    description: The family, which is the name that the revisions share.
    type: str
    required: true
  family_prefix:
    description: >-
      What the names of other families begin with whose revisions are deleted as well, such as those of an app's
      processes; none by default.
    type: str
    default: ""
  state:
    description: What is to be of it.
    type: str
    choices: [absent]
    required: true
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Delete the revisions of the task definition
  slipway.provision.ecs_task_definition_family:
    family: dev-tasks
    family_prefix: dev-tasks_
    state: absent
    region: us-east-1
"""

RETURN = r"""
arns:
  description: ARNs of the revisions that were deleted, or would be.
  type: list
  elements: str
  returned: always
"""
