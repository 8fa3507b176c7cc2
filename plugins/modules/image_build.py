#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: build an image that is equal for equal content. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: Build an image, once for each tag, with equal digests for equal content
description:
  - Builds with the engine's own builder (no BuildKit needed) and then takes out of the image what differs from
    one build to the next, such as the times of files, so that two builds of one content give one digest.
  - Apps that are built from one folder take turns, and the first one builds for all of them. An image of this
    tag that is on this machine already is not built again.
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
  tag:
    description: What M(slipway.provision.image_tag) has returned for the same arguments.
    type: str
    required: true
  revision:
    description: Given to the build as C(REVISION), without being part of the tag.
    type: str
    required: true
  created_seconds:
    description: When the image says it was created, in seconds since 1970.
    type: int
    required: true
  network:
    description: Network of the build's RUN steps, in the words of C(docker build --network).
    type: str
    default: default
  timeout_seconds:
    description: How long the engine may be silent, in seconds.
    type: int
    default: 1800
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Build the image
  slipway.provision.image_build:
    source: app
    dockerfile: app/Dockerfile
    build_args: {VERSION: 1.2.3}
    tag: "{{ image.tag }}"
    revision: "{{ image.revision }}"
    created_seconds: "{{ image.created_seconds }}"
  register: built
"""

RETURN = r"""
image:
  description: Name and tag of the image on this machine; it is no registry's.
  type: str
  returned: always
  sample: slipway-build:5e884898da28047151d0e56f8dc62927
"""
