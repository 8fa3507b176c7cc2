#!/usr/bin/python
"""Ansible module: follow a deployment of Cloud Run. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_run_deployment
short_description: Follow a deployment of Cloud Run, and prove what runs
description:
  - Waits until the service is settled. One that failed fails the task, with Cloud Run's reason.
  - Compares the digest of the revisions that get requests with the one that was asked for.
  - Credentials are found as Google's clients find them.
  - Changes nothing, and does the same in check mode.
options:
  service:
    description: Full name of the service, C(projects/<project>/locations/<region>/services/<service>).
    type: str
    required: true
  image_digest:
    description: Digest of the image that it was told to run.
    type: str
    required: true
  timeout_seconds:
    description: How long the deployment may take, in seconds.
    type: int
    default: 900
author: Slipway
"""

EXAMPLES = r"""
- name: Prove what runs
  slipway.provision.cloud_run_deployment:
    service: "{{ service_outputs.service_id }}"
    image_digest: "{{ service_image.split('@')[1] }}"
"""

RETURN = r"""
revision:
  description: Full name of the revision that is ready.
  type: str
  returned: always
image_digest:
  description: Digest of the image that it runs.
  type: str
  returned: always
"""
