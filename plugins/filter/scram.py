"""Turns a password into what PostgreSQL stores of it, so that the password itself stays on this machine."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from collections.abc import Callable

DOCUMENTATION = r"""
name: scram_verifier
short_description: Make the SCRAM-SHA-256 verifier of a password
version_added: 1.0.0
description:
  - Returns what PostgreSQL keeps in C(pg_authid.rolpassword) for a password, made as the server makes it.
  - A verifier in C(ALTER ROLE ... PASSWORD) is stored as it is, so the password is neither sent nor logged.
  - Each call takes a new random salt; hand the result to a task which runs only when the password differs.
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

ITERATIONS = 4096
SALT_BYTES = 16

_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(password: str) -> str:
    """Prepare a password for SCRAM as PostgreSQL does (RFC 4013, and `pg_saslprep` in its sources).

    Args:
        password: The password as the user has it.

    Returns:
        The prepared password; the password itself where RFC 4013 prohibits it, because PostgreSQL then
        takes it as it stands, on both sides.
    """
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if stringprep.in_table_c12(character) or not stringprep.in_table_b1(character)
    )
    # RFC 4013 forbids by what normalisation leaves; PostgreSQL looks before it.
    if not mapped or any(prohibits(character) for character in mapped for prohibits in _PROHIBITED):
        return password
    if any(stringprep.in_table_d1(character) for character in mapped):
        at_both_ends = stringprep.in_table_d1(mapped[0]) and stringprep.in_table_d1(mapped[-1])
        if not at_both_ends or any(stringprep.in_table_d2(character) for character in mapped):
            return password
    return unicodedata.normalize("NFKC", mapped)


def scram_verifier(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """Make the SCRAM-SHA-256 verifier of a password (RFC 5802 section 3, RFC 7677).

    Args:
        password: The password; at least one character.
        salt: The salt; by default 16 random bytes, as many as PostgreSQL takes.
        iterations: Rounds of PBKDF2; by default 4096, PostgreSQL's own default.

    Returns:
        The verifier in the form of `pg_authid.rolpassword`.

    Raises:
        ValueError: The password is empty.
    """
    if not password:
        raise ValueError("scram_verifier needs a password, not an empty string")
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(value).decode() for value in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${iterations}:{salt_text}${stored_text}:{server_text}"


class FilterModule:
    """The filters of this file, as Ansible looks for them."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Name the filters.

        Returns:
            The function of each filter.
        """
        return {"scram_verifier": scram_verifier}
