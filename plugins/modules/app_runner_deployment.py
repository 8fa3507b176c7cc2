#!/usr/bin/python
"""Ansible module: wait for an App Runner deployment, and tell what runs. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_runner_deployment
short_description: Wait for the last deployment of an App Runner service, and prove what runs
description:
  - Follows the last operation that deployed to the service to its end. A running service is not enough, since App
    Runner makes a service run again by rolling back.
  - Then compares the image of the service with the one asked for.
  - Where the deployment failed or was rolled back, tells the last lines of App Runner's log and of the application's.
  - Changes nothing.
options:
  service_arn:
    description: ARN of the service.
    type: str
    required: true
  image_digest:
    description: Digest of the image that must come to run, C(sha256:) and 64 hexadecimal digits.
    type: str
    required: true
  log_group:
    description: Log group of the application, for the lines shown after a failure.
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
  slipway.provision.app_runner_deployment:
    service_arn: "{{ service_outputs.service_arn }}"
    image_digest: "{{ image_outputs.digest }}"
    log_group: "{{ service_outputs.log_group_name }}"
    region: us-east-1
"""

RETURN = r"""
operation_id:
  description: Id of the operation that deployed.
  type: str
  returned: always
image_digest:
  description: Digest of the image that runs.
  type: str
  returned: always
"""
