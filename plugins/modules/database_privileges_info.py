#!/usr/bin/python
# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Ansible module: try what the users of a PostgreSQL database may do. Its action plugin does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_privileges_info
short_description: Try what PostgreSQL users may do
description:
  - Logs in as each user, tries what it has to be allowed and what it has to be refused, and returns what
    differs.
  - >-
    Leaves nothing behind, because each attempt is rolled back at once. Refusals do not reach the server's
    log, because they are caught where they happen. Does the same in check mode.
requirements:
  - psycopg >= 3.1
options:
  login_host:
    description: Address of the server.
    type: str
    required: true
  login_port:
    description: Port of the server.
    type: int
    default: 5432
  login_db:
    description: The database.
    type: str
    required: true
  ca_cert:
    description:
      - PEM file with the authorities that may sign the server's certificate, which also has to name O(login_host).
    type: path
    required: true
  schema:
    description: The schema which holds the tables.
    type: str
    required: true
  extensions:
    description:
      - Extensions that each user has to find without naming their schema, but for those that have one of their own.
    type: list
    elements: str
    default: []
  users:
    description: The users, and what each may do. What is not named has to be refused.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The user.
        type: str
        required: true
      password:
        description: Its password.
        type: str
        required: true
      acts_as:
        description:
          - The role its sessions act as. It may create tables, which belong to that role and give every other
            user that user's privileges.
          - Without it, the user acts as itself and may create nothing.
        type: str
      table_privileges:
        description: What it may do with every table of the schema.
        type: list
        elements: str
        choices: [SELECT, INSERT, UPDATE, DELETE]
        default: []
      sequence_privileges:
        description: What it may do with every sequence of the schema.
        type: list
        elements: str
        choices: [USAGE]
        default: []
attributes:
  check_mode:
    support: full
    description: Changes nothing.
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Try what the users may do
  slipway.provision.database_privileges_info:
    login_host: db.example.com
    login_db: taskdb
    ca_cert: /etc/ssl/rds/us-east-1.pem
    schema: app
    users:
      - name: taskdb_migrator
        password: "{{ migrator_password }}"
        acts_as: taskdb_owner
      - name: taskdb_app
        password: "{{ app_password }}"
        table_privileges: [SELECT, INSERT, UPDATE, DELETE]
        sequence_privileges: [USAGE]
  register: privileges
  no_log: true
"""

RETURN = r"""
matrix:
  description: Each attempt, as C(user), C(privilege), C(expected) and C(found).
  returned: success
  type: list
  elements: dict
mismatches:
  description: The attempts which did not end as expected, in words.
  returned: success
  type: list
  elements: str
failed_logins:
  description: The users which could not log in.
  returned: success
  type: list
  elements: str
"""
