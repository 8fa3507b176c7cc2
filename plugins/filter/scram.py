# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

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
