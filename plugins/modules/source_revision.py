#!/usr/bin/python
"""Ansible module: name the state of an application's source. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: source_revision
short_description: Name the state of an application's source
description:
  - Names what is about to be built, so that the same source always has the same image tag and other
    source never has it.
  - Inside a git work tree the name is the last commit that touched the paths; work that is not
    committed adds C(-dirty-) and a digest of the files' contents.
  - Outside of git the name is C(content-) and that digest.
options:
  paths:
    description: Files and folders the image is built from.
    type: list
    elements: path
    required: true
author: Slipway
"""

EXAMPLES = r"""
- name: Name the source
  slipway.provision.source_revision:
    paths: [app, Dockerfile]
  register: source
"""

RETURN = r"""
tag:
  description: An image tag that stands for exactly this source; at most 128 characters.
  type: str
  returned: always
  sample: 1f0c2a9be6d4-dirty-5e884898da28
revision:
  description: The commit (40 hexadecimal digits); empty outside of git.
  type: str
  returned: always
dirty:
  description: Whether there is work that no commit holds.
  type: bool
  returned: always
"""
