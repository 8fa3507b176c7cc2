#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: list what carries given tags. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tagged_resources_info
short_description: List the AWS resources that carry given tags
description:
  - Asks the Resource Groups Tagging API of one region. That goes on listing deleted resources for up to an hour, so
    each is confirmed with its own service, such as EC2 by C(DescribeVpcs).
  - What ECS, EC2 and App Runner still describe after its deletion, such as terminated instances, is left out.
  - Snapshots of databases, and secrets that are scheduled for deletion, outlive their app on purpose. They are listed
    apart, with the command that removes them.
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
  other_names:
    description: Names that begin with O(name_prefix) and are those of others, with all that begin with them.
    type: list
    elements: str
    default: []
  timeout_seconds:
    description: Seconds to wait until nothing is there.
    type: int
    default: 0
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: List what is left
  slipway.provision.tagged_resources_info:
    tags: {Environment: development, Project: tasks}
    name_prefix: dev-tasks
    other_names: [dev-tasks-admin]
    region: us-east-1
  register: left
"""

RETURN = r"""
arns:
  description: ARNs of the resources that their services have, sorted.
  type: list
  elements: str
  returned: always
unknown_arns:
  description: ARNs that are listed, and may be gone - the module does not know how to ask for resources of their types.
  type: list
  elements: str
  returned: always
kept:
  description: What stays on purpose - its C(arn), C(why) it stays, and the command that would C(remove) it.
  type: list
  elements: dict
  returned: always
  sample:
    - arn: arn:aws:rds:us-east-1:123456789012:snapshot:prod-tasks-final-1f0a9c3e
      why: snapshot prod-tasks-final-1f0a9c3e of the database prod-tasks, which costs money until it is deleted
      remove: aws rds delete-db-snapshot --region us-east-1 --db-snapshot-identifier prod-tasks-final-1f0a9c3e
"""
