#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: look up an image in Artifact Registry. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: artifact_registry_image_info
short_description: Look up an image in Artifact Registry
description:
  - Returns the digest of a tag. The Docker Engine asks the registry, with a short-lived token for this one question.
  - Credentials are found as Terraform's google provider finds them.
  - Changes nothing, and does the same in check mode.
requirements:
  - docker >= 7.0
options:
  repository_url:
    description: Address of the image without a tag, C(<registry>/<project>/<repository>/<image>).
    type: str
    required: true
  tag:
    description: Tag of the image.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read the image
  slipway.provision.artifact_registry_image_info:
    repository_url: us-central1-docker.pkg.dev/my-project/dev-hello/app
    tag: 1f0c2a9be6d4
  register: found
"""

RETURN = r"""
digest:
  description: Digest of the image; null where the registry does not hold the tag.
  type: str
  returned: always
"""
