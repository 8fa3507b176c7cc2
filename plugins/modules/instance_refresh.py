#!/usr/bin/python
"""Ansible module: bring an Auto Scaling group to a launch template version. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_refresh
short_description: Bring every instance of an Auto Scaling group to a launch template version
description:
  - Starts an instance refresh to the version, with automatic rollback, unless every instance has it already, and
    follows that very refresh by its id until it has ended. Each new instance serves before an old one goes.
  - Then waits until the group has all its instances, each healthy in the load balancer, and asks every one of
    them by Systems Manager which image it runs.
  - Where the refresh failed or was rolled back, or took too long (it is rolled back then), tells why, with the
    last lines of the logs of the instances that failed.
  - A refresh to the same version that an interrupted run has left is followed; one to another is cancelled first.
options:
  auto_scaling_group:
    description: Name of the group.
    type: str
    required: true
  launch_template_id:
    description: Id of the launch template.
    type: str
    required: true
  launch_template_version:
    description: Number of the version that every instance must come to have.
    type: str
    required: true
  target_group:
    description: ARN of the target group in which every instance must come to be healthy.
    type: str
    required: true
  log_group:
    description: Log group of the application, for the lines shown after a failure.
    type: str
    required: true
  container:
    description: Name of the application's container on each instance.
    type: str
    default: app
  timeout_seconds:
    description: How long the instances may take, in seconds.
    type: int
    default: 900
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway
"""

EXAMPLES = r"""
- name: Bring the instances to the new version
  slipway.provision.instance_refresh:
    auto_scaling_group: dev-web
    launch_template_id: "{{ service_outputs.launch_template_id }}"
    launch_template_version: "{{ service_outputs.launch_template_version }}"
    target_group: "{{ service_outputs.target_group_arn }}"
    log_group: "{{ service_outputs.log_group_name }}"
    region: us-east-1
"""

RETURN = r"""
refresh_id:
  description: Id of the instance refresh; empty where none was needed.
  type: str
  returned: always
image_digests:
  description: Digests of the images that the instances run, each once.
  type: list
  elements: str
  returned: always
running_count:
  description: Number of instances.
  type: int
  returned: always
"""
