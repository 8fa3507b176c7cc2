#!/usr/bin/python
"""Ansible module: wait for one ECS deployment, and tell what runs. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecs_deployment
short_description: Wait for an ECS deployment by its id, and tell what runs
description:
  - Finds the deployment of a task definition and follows that very deployment until it is complete.
    A stable service is not enough, since the circuit breaker makes a service stable by rolling back.
  - Where the deployment failed, tells why its tasks stopped and the last lines of their logs.
  - Changes nothing.
options:
  cluster:
    description: Name or ARN of the cluster.
    type: str
    required: true
  service:
    description: Name of the service.
    type: str
    required: true
  task_definition:
    description: ARN of the task definition that must come to run.
    type: str
    required: true
  log_group:
    description: Log group of the service's containers, for the lines shown after a failure.
    type: str
    required: true
  timeout_seconds:
    description: How long to wait, in seconds.
    type: int
    default: 900
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway
"""

EXAMPLES = r"""
- name: Wait for the deployment
  slipway.provision.ecs_deployment:
    cluster: dev-tasks
    service: dev-tasks
    task_definition: "{{ service_outputs.task_definition_arn }}"
    log_group: "{{ service_outputs.log_group_name }}"
"""

RETURN = r"""
deployment_id:
  description: Id of the deployment.
  type: str
  returned: always
image_digests:
  description: Digests of the images of all running containers, each once.
  type: list
  elements: str
  returned: always
public_addresses:
  description: Public IPv4 addresses of the running tasks; empty where they have none.
  type: list
  elements: str
  returned: always
running_count:
  description: Number of running tasks.
  type: int
  returned: always
"""
