#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: compute the tag of an image. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_tag
short_description: Compute the tag of an image from what it is built from
description:
  - The tag is a digest of the build context after C(.dockerignore), the Dockerfile, the build arguments, the
    platform and the base images. It is equal for equal content, wherever the checkout is, and another one for
    any other content.
  - Also tells the git revision of the source, which is not part of the tag.
requirements:
  - docker >= 7.0
options:
  source:
    description: Folder of the application, which is the build context.
    type: path
    required: true
  dockerfile:
    description:
      - The Dockerfile, inside of the folder or elsewhere.
      - By default that of the folder or, where it has none, the collection's own for Python applications,
        C(images/python/Dockerfile).
    type: path
    default: ""
  build_args:
    description: Build arguments that are part of the tag.
    type: dict
    default: {}
  added_files:
    description:
      - >-
        Files that the built image gets in a last layer of its own, whatever the Dockerfile does: absolute path in the
        image, in a folder that it has, to a file of this machine. Everybody in the container may read them. They are
        part of the tag.
    type: dict
    default: {}
  platform:
    description: Operating system and CPU architecture of the image, such as C(linux/arm64).
    type: str
    default: linux/amd64
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Compute the image tag
  slipway.provision.image_tag:
    source: app
    dockerfile: app/Dockerfile
    build_args: {VERSION: 1.2.3}
  register: image
"""

RETURN = r"""
tag:
  description: The tag, 32 hexadecimal digits.
  type: str
  returned: always
  sample: 5e884898da28047151d0e56f8dc62927
revision:
  description:
    - The last commit that touched folder or Dockerfile (40 hexadecimal digits), with C(-dirty) behind it where
      the build takes along what that commit does not hold.
    - Empty outside of git.
  type: str
  returned: always
created_seconds:
  description:
    - When that commit was made, in seconds since 1970.
    - A constant where there is no commit, or work that is not committed.
  type: int
  returned: always
"""
