#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: make or delete a bucket of Cloud Storage. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_storage_bucket
short_description: Keep a private, versioned bucket of Cloud Storage
description:
  - For Terraform's states. M(google.cloud.gcp_storage_bucket) knows neither public access prevention nor uniform
    access, and no other address than Google's.
  - Credentials are found as Terraform's google provider finds them (E(GOOGLE_CREDENTIALS),
    E(GOOGLE_APPLICATION_CREDENTIALS), E(GOOGLE_IMPERSONATE_SERVICE_ACCOUNT)); another address by the variable that
    Terraform's gcs backend reads (E(GOOGLE_STORAGE_CUSTOM_ENDPOINT)).
options:
  state:
    description: C(absent) deletes the bucket with all versions of everything in it.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the bucket; there is no other one of this name in the world.
    type: str
    required: true
  project:
    description: Id of the project that the bucket is in. Required when O(state=present).
    type: str
  location:
    description: Region of the bucket, such as C(us-central1). Required when O(state=present).
    type: str
  labels:
    description: Its labels.
    type: dict
    default: {}
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Keep Terraform's states in a bucket
  slipway.provision.cloud_storage_bucket:
    name: slipway-dev-gcp-state
    project: slipway-rehearsal
    location: us-central1
"""

RETURN = r"""
changed:
  description: Whether something was to be done.
  type: bool
  returned: always
"""
