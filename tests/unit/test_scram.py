"""The filter scram_verifier, by what a server does with a verifier when somebody logs in (RFC 5802, section 3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter import scram
from plugins.filter.scram import FilterModule, scram_verifier

# Passwords, and what PostgreSQL's SASLprep (RFC 4013) makes of each.
PREPARED = [
    ("pencil", "pencil"),
    ('it\'s "$HOME" 100 % sure \\', 'it\'s "$HOME" 100 % sure \\'),
    (" spaces around ", " spaces around "),
    ("tab\tand\nnewline", "tab\tand\nnewline"),
    ("Z\xfcrich \xbd \ufb01x", "Z\xfcrich 1\u20442 fix"),
    ("no\xa0break\u200bspace", "no break space"),
    ("soft\xadhyphen", "softhyphen"),
    ("\u2168", "IX"),
    ("\u0627\xad1\u0628", "\u06271\u0628"),
    # What the RFC prohibits is taken as it is.
    ("\u0340 prohibited tone mark", "\u0340 prohibited tone mark"),
    ("\u0627a both directions", "\u0627a both directions"),
    ("\U0001f680 later than Unicode 3.2", "\U0001f680 later than Unicode 3.2"),
    ("\xad", "\xad"),
]


@pytest.mark.parametrize(("password", "prepared"), PREPARED)
def test_verifier_lets_its_password_in(password: str, prepared: str) -> None:
    verifier = scram_verifier(password)
    match = re.fullmatch(r"SCRAM-SHA-256\$4096:(.{24})\$(.{44}):(.{44})", verifier)
    assert match
    salt, stored_key, server_key = map(base64.b64decode, match.groups())
    salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), salt, 4096)
    assert stored_key == hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    assert server_key == hmac.digest(salted, b"Server Key", "sha256")


def test_salt_is_new_each_time() -> None:
    assert scram_verifier("pencil") != scram_verifier("pencil")


@pytest.mark.parametrize("password", ["", "pen\0cil"])
def test_what_is_no_password_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match="needs a password"):
        scram_verifier(password)


def test_missing_psycopg_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scram, "HAS_PSYCOPG", False)
    with pytest.raises(AnsibleFilterError, match="psycopg"):
        scram_verifier("pencil")


def test_ansible_finds_the_filter() -> None:
    assert FilterModule().filters() == {"scram_verifier": scram_verifier}
