#!/usr/bin/python
"""Ansible module: run a one-off ECS task. Its action plugin does the work and shows the log."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_run_task
short_description: Run a one-off ECS task, show its log while it runs, and enforce its exit code
description:
  - Starts a task, prints what it writes to its log group as it comes, waits for its end and fails when it did
    not start or its exit code is not zero.
  - Under check mode nothing is started.
options:
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  task_definition:
    description: ARN of the task definition; its first container is the one that counts.
    type: str
    required: true
  subnets:
    description: Ids of the subnets the task may be placed in.
    type: list
    elements: str
    required: true
  security_groups:
    description: Ids of the task's security groups.
    type: list
    elements: str
    required: true
  assign_public_ip:
    description: Whether the task gets a public IPv4 address; needed where its subnet has no NAT gateway.
    type: bool
    default: false
  timeout_seconds:
    description: How long the task may run, in seconds; after that it is stopped.
    type: int
    default: 1800
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway
"""

EXAMPLES = r"""
- name: Migrate the database
  slipway.provision.ecs_run_task:
    cluster: dev-tasks-migration
    task_definition: "{{ definition.taskdefinition.taskDefinitionArn }}"
    subnets: "{{ network_outputs.private_subnet_ids }}"
    security_groups: ["{{ data_outputs.app_security_group_id }}"]
    region: us-east-1
"""

RETURN = r"""
task_arn:
  description: ARN of the task.
  type: str
  returned: when it was started
exit_code:
  description: Exit code of its first container.
  type: int
  returned: when it ended
"""
