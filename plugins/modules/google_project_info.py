#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: read the state of a Google project. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: google_project_info
short_description: Read whether a Google project is there and active
description:
  - Asks Cloud Resource Manager for the project, which needs the permission C(resourcemanager.projects.get).
  - Credentials are found as Terraform's google provider finds them.
  - Changes nothing, and does the same in check mode.
options:
  project:
    description: Id of the Google project.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read the project
  slipway.provision.google_project_info:
    project: my-project
  register: project
"""

RETURN = r"""
lifecycle_state:
  description: >-
    State of the project, such as C(ACTIVE) or C(DELETE_REQUESTED). Empty where it does not exist or the credentials
    have no permission to see it, which Google does not tell apart.
  type: str
  returned: always
"""
