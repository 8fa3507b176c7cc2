"""What git says about a source, whatever repositories folder and Dockerfile are in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from plugins.plugin_utils.git_revision import GitError, Revision, revision


def _git(folder: Path, *arguments: str) -> str:
    identity = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = ["git", "-c", "protocol.file.allow=always", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **identity}).stdout


def _repository(folder: Path) -> None:
    _git(folder, "init", "--quiet")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message", "one")


def _head(folder: Path) -> str:
    return _git(folder, "rev-parse", "HEAD").strip()


def _revision(folder: Path, dockerfile: Path | None = None) -> Revision:
    files = [str(path.relative_to(folder)) for path in folder.rglob("*") if ".git" not in path.parts]
    return revision(folder, dockerfile or folder / "Dockerfile", files)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A committed application in a folder of a work tree."""
    folder = tmp_path / "project" / "app"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("one")
    (folder / "Dockerfile").write_text("FROM scratch")
    (folder.parent / "README").write_text("not a part of the application")
    (folder.parent / ".gitignore").write_text("dist\n")
    _repository(folder.parent)
    return folder


def test_committed_source_has_its_commit_and_time(source: Path) -> None:
    seconds = int(_git(source, "log", "-1", "--format=%ct"))
    assert _revision(source) == Revision(_head(source), seconds)


def test_repository_of_a_hook_that_runs_it_is_not_meant(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = _head(source)
    monkeypatch.setenv("GIT_DIR", str(source.parents[1] / "another.git"))
    assert _revision(source).name == head


def test_a_commit_elsewhere_is_not_its_revision(source: Path) -> None:
    before = _revision(source)
    (source.parent / "README").write_text("changed")
    _git(source.parent, "commit", "--quiet", "--all", "--message", "two")
    assert _revision(source) == before


@pytest.mark.parametrize("name", ["app.py", "new.py", "dist", "Dockerfile"])
def test_what_the_commit_does_not_hold_is_dirty(source: Path, name: str) -> None:
    (source / name).write_text("two")
    assert _revision(source) == Revision(f"{_head(source)}-dirty")


def test_removed_file_is_dirty(source: Path) -> None:
    (source / "app.py").unlink()
    assert _revision(source).name.endswith("-dirty")


def test_dockerfile_elsewhere_in_the_repository_counts(source: Path) -> None:
    dockerfile = source.parent / "image.Dockerfile"
    dockerfile.write_text("FROM scratch")
    assert _revision(source, dockerfile).name.endswith("-dirty")
    _git(source.parent, "add", ".")
    _git(source.parent, "commit", "--quiet", "--message", "two")
    assert _revision(source, dockerfile).name == _head(source)


def test_dockerfile_of_another_repository_or_of_none_counts_for_nothing(source: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "other", tmp_path / "none"):
        folder.mkdir()
        (folder / "Dockerfile").write_text("FROM scratch")
    _repository(tmp_path / "other")
    for folder in (tmp_path / "other", tmp_path / "none"):
        assert _revision(source, folder / "Dockerfile").name == _head(source)


def test_source_without_a_repository_has_none(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "copy")
    assert _revision(tmp_path / "copy", source / "Dockerfile") == Revision()
    # A repository that ignores the folder knows nothing about it.
    shutil.copytree(source, source.parent / "dist")
    assert _revision(source.parent / "dist") == Revision()


def test_submodules_count_with_their_contents(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "library")
    _repository(tmp_path / "library")
    _git(source, "submodule", "--quiet", "add", str(tmp_path / "library"), "library")
    _git(source.parent, "commit", "--quiet", "--all", "--message", "two")
    assert _revision(source).name == _head(source)
    # As a source of its own it is in its own repository.
    assert _revision(source / "library").name == _head(source / "library") != _head(source)
    (source / "library" / "app.py").write_text("two")
    assert _revision(source).name == f"{_head(source)}-dirty"


def test_linked_work_tree_is_a_repository(source: Path, tmp_path: Path) -> None:
    _git(source, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    assert _revision(tmp_path / "linked" / "app").name == _head(source)


def test_names_of_any_bytes(source: Path) -> None:
    for name in ("with\nnewline", os.fsdecode(b"latin-\xe9"), ":(glob)x"):
        (source / name).write_text("x")
    _git(source, "add", ".")
    _git(source, "commit", "--quiet", "--message", "two")
    assert _revision(source).name == _head(source)


def test_without_git_there_is_no_revision(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _revision(source) == Revision()


def test_work_tree_that_git_refuses_is_an_error(source: Path) -> None:
    (source.parent / ".git" / "config").write_text("[core\n")
    with pytest.raises(GitError):
        _revision(source)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_checkout_of_another_user_is_an_error_in_gits_words(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    # Root through sudo may read what belongs to who called it.
    monkeypatch.delenv("SUDO_UID", raising=False)
    for path in [source.parent, *source.parent.rglob("*")]:
        os.chown(path, 65534, 65534)
    with pytest.raises(GitError, match=r"safe\.directory"):
        _revision(source)
