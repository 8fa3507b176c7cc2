#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: make what an AWS account has once. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_account_prerequisites
short_description: Make what an AWS account has once, where it lacks it
description:
  - For service-linked roles, and for the identity provider by which an account trusts GitHub. Others may use them, so
    nothing is ever deleted, and Terraform does not manage them - it could neither use one that is there already nor
    leave it to the others. No module of the collections makes either.
options:
  service_linked_roles:
    description: Services whose roles are made, such as C(ecs.amazonaws.com).
    type: list
    elements: str
    default: []
  github:
    description: Whether the account has to trust tokens of GitHub Actions that are meant for AWS STS.
    type: bool
    default: false
  account_id:
    description: Id of the account.
    type: str
    required: true
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Make the roles of Amazon ECS and of Elastic Load Balancing
  slipway.provision.aws_account_prerequisites:
    service_linked_roles: [ecs.amazonaws.com, elasticloadbalancing.amazonaws.com]
    account_id: "111122223333"
    region: us-east-1
"""

RETURN = r"""
made:
  description: What was, or in a dry run would be, made.
  type: list
  elements: str
  returned: always
"""
