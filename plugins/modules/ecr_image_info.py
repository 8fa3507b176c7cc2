#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: look an image up in Amazon ECR. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecr_image_info
short_description: Look an image up in Amazon ECR
description:
  - Tells whether a repository holds a tag and under which digest, without pulling anything.
  - Changes nothing, and does the same in check mode.
options:
  repository:
    description: Name of the repository.
    type: str
    required: true
  tag:
    description: Tag of the image.
    type: str
    required: true
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read the image
  slipway.provision.ecr_image_info:
    repository: dev-tasks
    tag: 1f0c2a9be6d4
  register: image
"""

RETURN = r"""
digest:
  description: Digest of the image's manifest, such as C(sha256:…); null where there is no such tag.
  type: str
  returned: always
"""
