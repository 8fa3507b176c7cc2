#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: say what runs of a service. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_status_info
short_description: Say what runs of a service, since when and by whom
description:
  - Looks once, and waits for nothing. M(slipway.provision.service_deployment) is what proves a deployment.
  - A service that is not as it was deployed is no error. What is wrong is in RV(problems).
  - On C(ec2) it compares the launch template's version of each instance, and asks no instance.
  - Changes nothing, and does the same in check mode.
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
    description: "Image that was deployed last, by digest: C(<repository>@sha256:<64 hexadecimal digits>)."
    type: str
    required: true
  region:
    description: Region of the cloud.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Look at the service
  slipway.provision.service_status_info:
    platform: ecs
    outputs: "{{ service_outputs }}"
    image: "{{ service_outputs.image }}"
    region: us-east-1
  register: status
"""

RETURN = r"""
began:
  description: When the deployment of the image began, in UTC.
  type: str
  returned: always
  sample: "2026-11-29T20:17:14+00:00"
by:
  description: >-
    ARN or e-mail address of who registered the task definition, made the launch template's version or changed the
    service of Cloud Run last. Empty on C(app_runner), which does not say.
  type: str
  returned: always
problems:
  description: What is not as it was deployed; empty where everything is.
  type: list
  elements: str
  returned: always
processes:
  description:
    - How many tasks or instances of each of the app's other processes run, by its name; on C(cloud_run), which does not
      say, how many were asked for.
    - RV(problems) are of all processes; on C(cloud_run) also of schedules, their last run and the next one.
  type: dict
  returned: always
running:
  description: The tasks, instances or revisions of the web server that run each image, by its digest.
  type: dict
  returned: always
url:
  description: Where the application is reached.
  type: str
  returned: always
"""
