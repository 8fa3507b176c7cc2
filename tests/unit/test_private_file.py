"""Working files: private from the first byte, whole or not there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from plugins.action.private_file import write


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_file_and_new_folders_are_their_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "app" / "data" / "inputs.json"
    write(path, "{}")
    assert path.read_text() == "{}"
    assert (_mode(path), _mode(path.parent), _mode(tmp_path / "app")) == (0o600, 0o700, 0o700)
    assert _mode(tmp_path) == 0o755


def test_open_file_is_replaced_by_a_private_one(tmp_path: Path) -> None:
    path = tmp_path / "inputs.json"
    path.write_text("old")
    path.chmod(0o644)
    write(path, "new")
    assert (path.read_text(), _mode(path)) == ("new", 0o600)


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "inputs.json"
    write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write(path, "\udc80")
    assert [file.name for file in tmp_path.iterdir()] == ["inputs.json"]
    assert path.read_text() == "old"
