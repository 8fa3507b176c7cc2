#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: run a one-off Cloud Run job. Its action plugin does the work and shows the log."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_run_execute_job
short_description: Run a one-off Cloud Run job, show its log while it runs, and enforce its exit code
description:
  - Makes a job of one task with one container, executes it once, prints what it writes to Cloud Logging as it comes,
    waits for its end and fails when it did not start or its exit code is not zero. Deletes the job at the end.
  - An execution of a job of the same name that an earlier run has started and left running, since it was killed, is
    waited for first, and cancelled after O(timeout_seconds), see O(stop_earlier).
  - >-
    Lines C(slipway-result <number>/<how many> <part>) of the log are not printed: their parts, joined by number, are
    the JSON that the module returns as RV(result).
  - Credentials are found as Terraform's google provider finds them.
  - Under check mode nothing is started.
options:
  name:
    description: Name of the job.
    type: str
    required: true
  state:
    description: C(executed) runs the job. C(absent) deletes one that an earlier run has left, after its end.
    type: str
    choices: [executed, absent]
    default: executed
  project:
    description: Id of the Google Cloud project.
    type: str
    required: true
  region:
    description: Google Cloud region.
    type: str
    required: true
  image:
    description: The image, by digest.
    type: str
  command:
    description: The command, in place of the image's C(CMD). An C(ENTRYPOINT) of the image stays.
    type: list
    elements: str
    default: []
  environment:
    description: Environment variables, without secrets.
    type: dict
    default: {}
  secrets:
    description: >-
      Secrets in the environment: the name of a variable to the whole name of a version,
      C(projects/<project>/secrets/<secret>/versions/<number>). The service account reads them.
    type: dict
    default: {}
  secret_files:
    description: >-
      Files of secrets: the path, in a folder of its own whose other files it hides, to the whole name of a version. The
      service account reads them.
    type: dict
    default: {}
  service_account:
    description: E-mail address of the service account that the task runs as.
    type: str
  subnet:
    description: >-
      Id of the subnet that the task takes an address of, C(projects/<project>/regions/<region>/subnetworks/<name>),
      with which it reaches the private addresses of its VPC. Without one it reaches none.
    type: str
    default: ""
  cpu_units:
    description: CPU of the task in units of 1/1024 vCPU.
    type: int
    choices: [1024, 2048, 4096, 8192]
    default: 1024
  memory_mib:
    description: Memory of the task in MiB, which is also that of its files; 512 at least.
    type: int
    default: 512
  timeout_seconds:
    description: How long the task may run, in seconds; after that it is stopped.
    type: int
    default: 1800
  expect_result:
    description: Whether a task that ends without a result has failed.
    type: bool
    default: false
  stop_earlier:
    description: Whether an execution that an earlier run has started is cancelled when it runs longer than
      O(timeout_seconds); else it is an error. A run that holds no lock must not stop what another may wait for.
    type: bool
    default: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Migrate the database
  slipway.provision.cloud_run_execute_job:
    name: dev-tasks-migration
    project: my-project-123456
    region: us-central1
    image: "{{ image_outputs.reference }}"
    command: [python, -m, slipway_app.migrate]
    environment: {DATABASE_HOST: "{{ data_outputs.database_host }}"}
    service_account: "{{ data_outputs.migration_service_account }}"
    subnet: "{{ network_outputs.subnet_id }}"
"""

RETURN = r"""
execution:
  description: Whole name of the execution.
  type: str
  returned: when it was started
exit_code:
  description: Exit code of its container.
  type: int
  returned: when it ended
result:
  description: What the task has written as its result.
  type: dict
  returned: when it ended and has written one
"""
