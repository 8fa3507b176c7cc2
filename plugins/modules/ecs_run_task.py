#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: run a one-off ECS task. Its action plugin does the work and shows the log."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_run_task
short_description: Run a one-off Fargate task, show its log while it runs, and enforce its exit code
description:
  - Registers a task definition with one container, starts a task of it, prints what it writes to its log group as it
    comes, waits for its end and fails when it did not start or its exit code is not zero. Deregisters the task
    definition at the end.
  - A task of the same family that an earlier run has started in the cluster and left running, since it was killed, is
    waited for first, and stopped after O(timeout_seconds), see O(stop_earlier).
  - The root file system of the container is read-only; C(/tmp) is in memory.
  - >-
    Lines C(slipway-result <number>/<how many> <part>) of the log are not printed: their parts, joined by number, are
    the JSON that the module returns as RV(result).
  - Under check mode nothing is started.
options:
  family:
    description: Family of the task definition.
    type: str
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    required: true
  image:
    description: The image, by digest.
    type: str
    required: true
  command:
    description: The command.
    type: list
    elements: str
    required: true
  environment:
    description: Environment variables, without secrets.
    type: dict
    default: {}
  secrets:
    description: >-
      Secrets in the environment: the name of a variable to the ARN of the secret, with C(:<key>::) after it for one key
      of a secret in JSON. The execution role reads them.
    type: dict
    default: {}
  execution_role_arn:
    description: ARN of the role with which ECS starts the task.
    type: str
    required: true
  task_role_arn:
    description: ARN of the role that the task has.
    type: str
    required: true
  log_group:
    description: Name of the CloudWatch log group that the task writes to.
    type: str
    required: true
  log_stream_prefix:
    description: What the name of its log stream begins with.
    type: str
    required: true
  user:
    description: Numeric id of the user that the task runs as.
    type: str
    default: "10001"
  cpu_architecture:
    description: CPU architecture that the image is built for.
    type: str
    choices: [X86_64, ARM64]
    default: X86_64
  cpu_units:
    description: CPU of the task in units of 1/1024 vCPU.
    type: int
    default: 256
  memory_mib:
    description: Memory of the task in MiB, of which O(tmp_size_mib) is a part.
    type: int
    default: 512
  tmp_size_mib:
    description: Size of C(/tmp) in MiB.
    type: int
    default: 128
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
  expect_result:
    description: Whether a task that ends without a result has failed.
    type: bool
    default: false
  stop_earlier:
    description: Whether a task that an earlier run has started is stopped when it runs longer than O(timeout_seconds);
      else it is an error. A run that holds no lock must not stop what another may wait for.
    type: bool
    default: true
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Migrate the database
  slipway.provision.ecs_run_task:
    family: dev-tasks-migration
    cluster: dev-tasks-migration
    image: "{{ image_outputs.reference }}"
    command: [python, -m, slipway_app.migrate]
    environment: {DATABASE_HOST: "{{ data_outputs.database_host }}"}
    execution_role_arn: "{{ data_outputs.migration_execution_role_arn }}"
    task_role_arn: "{{ data_outputs.migration_task_role_arn }}"
    log_group: "{{ data_outputs.migration_log_group_name }}"
    log_stream_prefix: migration
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
  description: Exit code of its container.
  type: int
  returned: when it ended
result:
  description: What the task has written as its result.
  type: dict
  returned: when it ended and has written one
"""
