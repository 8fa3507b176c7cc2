"""The filter scram_verifier, against verifiers that PostgreSQL 15 made of the same passwords."""

from __future__ import annotations

import base64

import pytest

from plugins.filter.scram import FilterModule, saslprep, scram_verifier

# From pg_authid, after ALTER ROLE ... PASSWORD '<password>'.
VERIFIERS = [
    (
        "pencil",
        "SCRAM-SHA-256$4096:yEYGRrKggxm6pgJUMuxdJw==$bStA67poh7A3y9afVG3msUPG4mWY5IwgdeYQSNaneIU="
        ":DWkz8wzD48AtdOG8Cg1UABYuZUokX4COyK+EsmV0q14=",
    ),
    (
        'it\'s "$HOME" 100 % sure \\',
        "SCRAM-SHA-256$4096:bLnNg1216WAhYaGXOaEviw==$bkyN7Zu1TvBFmRFHyTa8Tn/vqjMsJNclwYVYtXMTb84="
        ":xYI+0LnrMMplXUw7hnv7J1UpGRnoxqmRMgLyBoxUxzk=",
    ),
    (
        " spaces around ",
        "SCRAM-SHA-256$4096:BhIkrjTxyQegZd7pWQJeBQ==$NwDMroTe5Y7nHMOfyIFS9qCTprjtG8kSotYVzGxunAQ="
        ":2FrXPGBd7TWwicux9IhI4JrZBup8H+mj68CzKdETO3c=",
    ),
    (
        "tab\tand\nnewline",
        "SCRAM-SHA-256$4096:xyU8lzw2wjG/dClyMDe6/A==$nV4ePiJGOpQVieX5bhI/FwlVVfzUWNtHnIeeR/Bd2Qk="
        ":9vzNsD9GmKyhrBG24b26N7/ZZG04LUFfyu0BCRA1JY8=",
    ),
    (
        "Z\xfcrich \xbd \ufb01x",
        "SCRAM-SHA-256$4096:9iuT9CDacoOYoywjTtWdPg==$eTnD8cze8A6gI5GrkMsVRNkSDEvQa0N3R+icb9jLQgQ="
        ":nQtm0CVpSFP+0Ehr3sZ6XQOFNvwMYQb0h8cdKOGr+Uk=",
    ),
    (
        "no\xa0break\u200bspace",
        "SCRAM-SHA-256$4096:Abm2iflSTq5KPsc0fsDRpg==$/E7qbZX+nBaZZuFEH1BE0IVFcwjT1Ci9fGhNsG4b9L4="
        ":Gvfl9eM/nrxx0kYZtRR+eAIkmAk61dYbA8zqzedBMtE=",
    ),
    (
        "soft\xadhyphen",
        "SCRAM-SHA-256$4096:mutB2o+0JlLKORi8TNYb8g==$+H+hpPrjlKiGqZU1Z1QbSSC7HBa3ZHXuMJqicFpRNXg="
        ":XTEDXjF+6RNdrOBKi6Z6zgxlu+Tpro6lKM8FN7SJa1M=",
    ),
    (
        "\u0340 prohibited tone mark",
        "SCRAM-SHA-256$4096:/Y/zK9XfFf4tROkhnyCtxw==$9b1PkRhYGlDujqs1ymfgG9yDCHkhhGVT9WlfzrT+9GQ="
        ":59mIzIAMVMYcoN7X+T26CvwEu+AYCjudJn/MHnBDTCQ=",
    ),
    (
        "\u0627a both directions",
        "SCRAM-SHA-256$4096:+inr6lahJS3BHku8cUnGuw==$+J5xbdgFvtk5JXtZqQCUYqpKVVBKbgZNlLBzNSNt6rA="
        ":fZZj/i9TUpi55EiItGqaQo4DYSBrkWsBKyGiSUrN3UQ=",
    ),
    (
        "\U0001f680 later than Unicode 3.2",
        "SCRAM-SHA-256$4096:OypEM6c44ZYmS9Mb5aXe0A==$fxNDaZCPBPS7Bkqmq0+Q/mM/GiX9+kLTBr2H/ujzaJk="
        ":H/sdtyhRc7P3CO5LrYMfLfu0tJCBLUN8c8QyjmjW9qs=",
    ),
]


@pytest.mark.parametrize(("password", "verifier"), VERIFIERS)
def test_verifier_is_the_one_postgresql_makes(password: str, verifier: str) -> None:
    iterations, salt = verifier.split("$")[1].split(":")
    assert scram_verifier(password, base64.b64decode(salt), int(iterations)) == verifier


# RFC 4013, section 3, where PostgreSQL follows it.
@pytest.mark.parametrize(
    ("password", "prepared"),
    [("I\xadX", "IX"), ("user", "user"), ("USER", "USER"), ("\xaa", "a"), ("\u2168", "IX")],
)
def test_saslprep_follows_the_rfc(password: str, prepared: str) -> None:
    assert saslprep(password) == prepared


# RFC 4013 prohibits these; PostgreSQL takes them as they are.
@pytest.mark.parametrize("password", ["\x07", "\u06271", "\xad", "\ue000", "\u0340"])
def test_saslprep_leaves_what_the_rfc_prohibits(password: str) -> None:
    assert saslprep(password) == password


def test_right_to_left_text_is_prepared() -> None:
    assert saslprep("\u0627\xad1\u0628") == "\u06271\u0628"


def test_salt_is_new_each_time() -> None:
    assert scram_verifier("pencil") != scram_verifier("pencil")


def test_empty_password_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a password"):
        scram_verifier("")


def test_ansible_finds_the_filter() -> None:
    assert FilterModule().filters() == {"scram_verifier": scram_verifier}
