"""The image that sets users and grants has all that its plugins import of this collection."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
_IMPORTED = re.compile(r"^from ansible_collections\.slipway\.provision\.([\w.]+) import", re.MULTILINE)


def test_image_has_what_its_plugins_import() -> None:
    ignore = (PROJECT / "images/database_access/Dockerfile.dockerignore").read_text()
    kept = {line[1:] for line in ignore.splitlines() if line.startswith("!plugins/")}
    imported = {
        f"{module.replace('.', '/')}.py" for name in kept for module in _IMPORTED.findall((PROJECT / name).read_text())
    }
    assert imported
    assert imported <= kept
