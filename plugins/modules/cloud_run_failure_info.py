#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: read why a revision of Cloud Run failed. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_run_failure_info
short_description: Read why the newest revision of a Cloud Run service or worker pool failed
description:
  - Terraform waits for the revision, and its error refers to the revision's log. This reads the reason and the last
    lines of that log.
  - Credentials are found as Terraform's google provider finds them. The log needs the role Logs Viewer; without it the
    report says so.
  - Changes nothing, and does the same in check mode.
options:
  service:
    description: "Full name of the service: C(projects/<project>/locations/<region>/services/<name>)."
    type: str
    required: true
  worker_pools:
    description: "Full names of worker pools: C(projects/<project>/locations/<region>/workerPools/<name>)."
    type: list
    elements: str
    default: []
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Read why it failed
  slipway.provision.cloud_run_failure_info:
    service: projects/my-project/locations/us-central1/services/dev-hello-gcp
  register: failure
"""

RETURN = r"""
report:
  description: >-
    For each whose newest revision has failed, the reason and the last lines of the log; then the inputs that are about
    it. No line where none has failed, or there is no such service or worker pool.
  type: list
  elements: str
  returned: always
"""
