#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: a working file that only its owner reads. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: private_file
short_description: Write a working file of the machine that runs the playbook
description:
  - Writes a file of mode 0600, and the folders it is in with mode 0700 where they do not exist.
  - Works inside of ansible-playbook. The modules C(file) and C(copy) start three processes for the same, which
    a run that changes nothing has no time for.
  - A working file tells nobody anything, so it is written under check mode too, never reported as a change and
    never shown by C(--diff).
options:
  path:
    description: Path of the file.
    type: path
    required: true
  content:
    description: What the file holds.
    type: str
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Write the inputs
  slipway.provision.private_file:
    path: .build/dev/tasks/data/terraform.tfvars.json
    content: "{{ inputs | to_nice_json }}"
"""

RETURN = r"""
changed:
  description: Always false.
  type: bool
  returned: always
"""
