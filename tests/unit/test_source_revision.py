"""The name of a source: the same for the same, another for any other."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from plugins.action.source_revision import GitError, name_source


def _git(folder: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **identity}).stdout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A committed application in a folder of a work tree."""
    folder = tmp_path / "project" / "app"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("one")
    (tmp_path / "project" / "README").write_text("not a part of the application")
    _git(folder.parent, "init", "--quiet")
    _git(folder.parent, "add", ".")
    _git(folder.parent, "commit", "--quiet", "--message", "one")
    return folder


def test_committed_source_is_named_by_its_commit(source: Path) -> None:
    revision = _git(source, "rev-parse", "HEAD").strip()
    assert name_source([source]) == {"tag": revision[:12], "revision": revision, "dirty": False}


def test_repository_of_a_hook_that_runs_it_is_not_meant(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = _git(source, "rev-parse", "HEAD").strip()
    monkeypatch.setenv("GIT_DIR", str(source.parents[1] / "another.git"))
    assert name_source([source])["revision"] == revision


def test_a_commit_elsewhere_does_not_change_the_name(source: Path) -> None:
    before = name_source([source])
    (source.parent / "README").write_text("changed")
    _git(source.parent, "commit", "--quiet", "--all", "--message", "two")
    assert name_source([source]) == before


def test_uncommitted_work_is_marked_and_told_apart(source: Path) -> None:
    (source / "app.py").write_text("two")
    second = name_source([source])
    (source / "new.py").write_text("three")
    third = name_source([source])
    assert second["dirty"]
    assert "-dirty-" in str(second["tag"])
    assert second["revision"] == third["revision"]
    assert second["tag"] != third["tag"]


def test_outside_of_git_the_contents_are_the_name(tmp_path: Path) -> None:
    names = []
    for folder, text in (("one", "x"), ("two", "x"), ("three", "y")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.py").write_text(text)
        names.append(name_source([tmp_path / folder])["tag"])
    assert names[0] == names[1] != names[2]
    assert str(names[0]).startswith("content-")


def test_work_tree_that_git_refuses_is_an_error(source: Path) -> None:
    (source.parent / ".git" / "config").write_text("[core\n")
    with pytest.raises(GitError):
        name_source([source])
