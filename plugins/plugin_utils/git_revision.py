# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What git says about a source."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# Set by git for what a hook starts; they win over the folder that is asked about (git(1), "The Git Repository").
_OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")


class GitError(Exception):
    """git refuses; the message is git's own."""


@dataclass(frozen=True)
class Revision:
    """The last commit that touched a source.

    Attributes:
        name: the commit, with `-dirty` behind it where what is built is not what it holds; empty outside of git.
        seconds: when it was committed, in seconds since 1970; None where the source is not that of a commit.
    """

    name: str = ""
    seconds: int | None = None


def revision(context: Path, dockerfile: Path, files: Iterable[str]) -> Revision:
    """The revision of a source.

    Args:
        context: folder that is built, resolved.
        dockerfile: the Dockerfile, resolved; it may be of another repository, and then counts for nothing.
        files: what is built, below the folder.

    Raises:
        GitError: git refuses to read the repository, as it does with one of another user (`safe.directory`).
    """
    top = _top(context)
    if top is None:
        return Revision()
    paths = [str(context)]
    if dockerfile.parent == context or _top(dockerfile.parent) == top:
        paths.append(str(dockerfile))
    commit, _, seconds = _git(top, "log", "-1", "--format=%H %ct", "--", *paths).strip().partition(" ")
    if not commit:
        return Revision()
    tracked = {
        top / name for name in _git(top, "ls-files", "-z", "--recurse-submodules", "--", *paths).split("\0") if name
    }
    built = {context / name for name in files}
    built = {path for path in built if path.is_symlink() or not path.is_dir()} | {Path(path) for path in paths[1:]}
    if built <= tracked and not _git(top, "diff", "--no-ext-diff", "--name-only", "HEAD", "--", *paths):
        return Revision(commit, int(seconds))
    return Revision(f"{commit}-dirty")


def _top(folder: Path) -> Path | None:
    """Folder of the work tree that a folder is in; None outside of git, and where there is no git."""
    try:
        return Path(_git(folder, "rev-parse", "--show-toplevel").removesuffix("\n"))
    except FileNotFoundError:
        return None
    except GitError as error:
        if "not a git repository" in str(error):
            return None
        raise


def _git(folder: Path, *arguments: str) -> str:
    """Output of one git command in a folder."""
    # Without the repository of a hook that runs this; in the C locale, so that a message can be recognised.
    environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    result = subprocess.run(
        ["git", "--literal-pathspecs", "-C", str(folder), *arguments],
        capture_output=True,
        encoding="utf-8",
        # File names are bytes.
        errors="surrogateescape",
        check=False,
        env=environment | {"LC_ALL": "C"},
    )
    if result.returncode != 0:
        raise GitError(result.stderr.strip())
    return result.stdout
