#!/usr/bin/python
"""Ansible module: list what carries given tags. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tagged_resources_info
short_description: List the AWS resources that carry given tags
description:
  - Asks the Resource Groups Tagging API of one region.
  - ECS keeps deleted clusters, services and task definitions in its listings for a while, and EC2 terminated
    instances; they are left out, since nothing of them is left to remove.
options:
  tags:
    description: Tags that a resource must carry, all of them.
    type: dict
    required: true
  name_prefix:
    description:
      - What names begin with. Another environment may carry the same tags.
      - Resources that have an id for a name, those of EC2, are told by their C(Name) tag.
    type: str
    required: true
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway
"""

EXAMPLES = r"""
- name: List what is left
  slipway.provision.tagged_resources_info:
    tags: {Environment: development, Project: tasks}
    name_prefix: dev-tasks
    region: us-east-1
  register: left
"""

RETURN = r"""
arns:
  description: ARNs of the resources, sorted.
  type: list
  elements: str
  returned: always
"""
