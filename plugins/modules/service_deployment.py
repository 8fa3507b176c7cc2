#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: follow a deployment and prove what runs. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_deployment
short_description: Follow a deployment by its id, and prove what runs
description:
  - Follows the deployment that the service layer has begun by the id that the platform gives it, until the new version
    serves and the old one is gone. A stable service is not enough, since a service is stable after a rollback too.
  - Compares the digest of every image that runs with the one that was asked for.
  - The deployments of an app's other processes are followed and proven after that of its web server.
  - A deployment that failed, was rolled back or took too long fails the task, with the platform's reason and, where the
    platform has the application's log, the log's last lines.
  - On C(ec2) it starts the instance refresh that brings every instance to the launch template's version, unless they
    have it. On the other platforms it changes nothing.
  - In check mode it starts and ends nothing.
options:
  platform:
    description: What the app runs on. A file of this name in C(plugins/plugin_utils/deployments/) does the work.
    type: str
    required: true
  outputs:
    description: Outputs of the service layer.
    type: dict
    required: true
  image:
    description: "Image that must run, by digest: C(<repository>@sha256:<64 hexadecimal digits>)."
    type: str
    required: true
  timeout_seconds:
    description: How long the deployment may take, in seconds.
    type: int
    default: 1800
  region:
    description: Region of the cloud.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Follow the deployment
  slipway.provision.service_deployment:
    platform: ecs
    outputs: "{{ service_outputs }}"
    image: "{{ service_image }}"
    region: us-east-1
  register: deployment

- name: Show where the app is reached
  ansible.builtin.debug:
    var: deployment.url
"""

RETURN = r"""
deployment_id:
  description:
    - Id of the deployment, the instance refresh or the operation; on Cloud Run the name of the revision.
    - Empty where every instance had the version already, and in check mode on C(ec2).
  type: str
  returned: always
image_digests:
  description: Digests of the images that run, which is the one that was asked for.
  type: list
  elements: str
  returned: always
processes:
  description: Ids of the deployments of the app's other processes, by the name of the process.
  type: dict
  returned: always
url:
  description: Where the application is reached.
  type: str
  returned: always
"""
