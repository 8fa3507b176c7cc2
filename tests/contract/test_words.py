"""What AWS, Terraform, Ansible and PostgreSQL have a word for is called by it, in code and in prose."""

from __future__ import annotations

import contextlib
import functools
import re
import subprocess
from pathlib import Path

import pytest

_PROJECT = Path(__file__).resolve().parents[2]
# A retired word, as a regular expression, and what is said instead.
_RETIRED = {
    r"rehearsal[\s#/]+clouds?": "emulator",
    r"adopt(s|ed|ion)?": "import",
    r"orphans?": "unmanaged resources",
    r"(wire|wired|wiring) the|wiring_\w+|wiring\.yml": "shared variables, or what is in them",
    # "Producer services" are Google's words.
    r"terraform_layer_(producers|owner)|producers?(?! services)": "upstream layers",
    r"(break_lock|allow_loss|plan_losses)\w*": "force_unlock_holder, allow_destroy, protected_deletions",
    r"(give|gives|given|gave|giving) (\w+ ){0,3}back": "release",
    r"hands? on|handed on": "set",
    r"mend(s|ed|ing)?": "fix",
    r"admits?|admitted": "allow",
    r"retrials?|trials?": "privilege check, recheck",
    r"refused logins?": "failed login",
    r"brings? the layer|make it so": "apply the layer",
    r"is_meant|Keeper": "matches, GroupReconciler",
    r"service_public": "service_allow_unauthenticated",
    r"service_m(in|ax)_task_count": "service_min_count, service_max_count",
    r"migration_image_digest|service_image_digest|smoke_check_image_digest": "app_image",
    r"slipway_target|service_target|target: (ecs|ec2|app_runner|cloud_run)\w*": "platform",
}
# They tell of old names.
_EXEMPT = (
    "playbooks/files/renamed_variables.yml",
    "tests/contract/test_words.py",
    "tests/inventory/test_inventory_problems.py",
)


@functools.cache
def _texts() -> dict[str, str]:
    """Text of each file of the project that may not have a retired word, by name."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=_PROJECT, capture_output=True, text=True, check=True).stdout
    texts = {}
    for name in listed.rstrip("\0").split("\0"):
        file = _PROJECT / name
        if not name.startswith(_EXEMPT) and file.is_file() and not file.is_symlink():
            # A file that is no text has no words.
            with contextlib.suppress(UnicodeDecodeError):
                texts[name] = file.read_text()
    return texts


def retired(text: str, word: str) -> list[int]:
    """Lines of a text that have a retired word.

    Args:
        text: of a file.
        word: a regular expression of words.
    """
    # A phrase may be a name too, and a name may be part of another.
    text = text if "_" in word else text.replace("_", " ")
    found = re.finditer(rf"(?<![A-Za-z0-9]){word}(?![A-Za-z0-9])", text, re.IGNORECASE)
    return [text.count("\n", 0, match.start()) + 1 for match in found]


@pytest.mark.parametrize("word", _RETIRED)
def test_word_is_retired(word: str) -> None:
    places = [f"{name}:{line}" for name, text in _texts().items() for line in retired(text, f"(?:{word})")]
    assert places == [], f"say {_RETIRED[word]} instead"


def test_words_are_found() -> None:
    text = "A rehearsal\n# cloud that mends\nwhat terraform_layer_owner has.\nrecommended amendments"
    assert retired(text, r"(?:rehearsal[\s#/]+clouds?)") == [1]
    assert retired(text, r"(?:mend(?:s|ed)?)") == [2]
