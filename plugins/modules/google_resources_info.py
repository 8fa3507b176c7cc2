#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: list what an app has on Google Cloud. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: google_resources_info
short_description: List what an app has on Google Cloud
description:
  - Lists the image repositories, Cloud Run services, worker pools and jobs, Cloud Scheduler jobs, service accounts and
    secrets of a name.
  - Credentials are found as Terraform's google provider finds them.
  - Changes nothing, and does the same in check mode.
options:
  project:
    description: Id of the Google project.
    type: str
    required: true
  region:
    description: Region to look in.
    type: str
    required: true
  name:
    description: Name of the resources, C(<environment>-<app>).
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: List what is left
  slipway.provision.google_resources_info:
    project: my-project
    region: us-central1
    name: dev-hello-gcp
  register: left
"""

RETURN = r"""
names:
  description: Full names of the resources, sorted.
  type: list
  elements: str
  returned: always
"""
