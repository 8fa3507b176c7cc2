"""Turns a password into what PostgreSQL stores of it, so that the password itself stays on this machine."""

from __future__ import annotations

from collections.abc import Callable

from ansible.errors import AnsibleFilterError
from ansible.module_utils.basic import missing_required_lib

try:
    from psycopg import pq
except ImportError:
    HAS_PSYCOPG = False
else:
    HAS_PSYCOPG = True

DOCUMENTATION = r"""
name: scram_verifier
short_description: Make the SCRAM-SHA-256 verifier of a password
version_added: 1.0.0
description:
  - Returns what PostgreSQL keeps in C(pg_authid.rolpassword) for a password, made by PostgreSQL's own client library.
  - A verifier in C(ALTER ROLE ... PASSWORD) is stored as it is, so the password is neither sent nor logged.
  - Each call takes a new random salt; hand the result to a task which runs only when the password differs.
requirements:
  - psycopg >= 3.1, in the Python that runs ansible-playbook
positional: _input
options:
  _input:
    description: The password.
    type: str
    required: true
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Give the application its password
  community.postgresql.postgresql_user:
    name: taskdb_app
    password: "{{ password | slipway.provision.scram_verifier }}"
  no_log: true
"""

RETURN = r"""
_value:
  description: The verifier, C(SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>).
  type: str
"""


def scram_verifier(password: str) -> str:
    """Make the SCRAM-SHA-256 verifier of a password.

    Args:
        password: The password; at least one character.

    Returns:
        The verifier in the form of `pg_authid.rolpassword`.

    Raises:
        AnsibleFilterError: psycopg is missing.
        ValueError: The password is empty, or has a NUL, which no client of PostgreSQL can send.
    """
    if not HAS_PSYCOPG:
        raise AnsibleFilterError(missing_required_lib("psycopg"))
    if not password or "\0" in password:
        raise ValueError("scram_verifier needs a password, not an empty string or one with a NUL")
    # libpq wants a connection, but uses none where the algorithm is given: one that it refuses to open will do.
    connection = pq.PGconn.connect_start(b"no_such_option=1")
    return connection.encrypt_password(password.encode(), b"", b"scram-sha-256").decode()


class FilterModule:
    """The filters of this file, as Ansible looks for them."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Name the filters.

        Returns:
            The function of each filter.
        """
        return {"scram_verifier": scram_verifier}
