"""Action plugin of source_revision: the source is on the machine that runs the playbook."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

_ARGUMENTS: dict[str, dict[str, Any]] = {"paths": {"type": "list", "elements": "path", "required": True}}

# Set by git for what a hook starts; they win over the folder that is asked about (git(1), "The Git Repository").
_OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")

Json = dict[str, Any]


def content_digest(files: list[Path], base: Path) -> str:
    """Digest of names, execute permissions and contents of files, 64 hexadecimal digits.

    Args:
        files: the files; order does not matter.
        base: names count relative to this folder.
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        executable = b"x" if file.stat().st_mode & 0o100 else b"-"
        digest.update(str(file.relative_to(base)).encode() + b"\0" + executable)
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def files_below(path: Path) -> list[Path]:
    """All regular files of a folder, or the file itself."""
    return [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]


class GitError(Exception):
    """git refused; the message is git's own."""


def git(folder: Path, *arguments: str) -> str:
    """Output of one git command in a folder."""
    # Without the repository of a hook that runs this; in the C locale, so that a message can be recognised.
    environment = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    result = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment | {"LC_ALL": "C"},
    )
    if result.returncode != 0:
        raise GitError(result.stderr.strip())
    return result.stdout


def name_source(paths: list[Path]) -> dict[str, object]:
    """Tag, revision and dirtiness of the paths, as the module returns them."""
    folder = paths[0] if paths[0].is_dir() else paths[0].parent
    try:
        top = Path(git(folder, "rev-parse", "--show-toplevel").strip())
    except (GitError, FileNotFoundError) as error:
        if isinstance(error, GitError) and "not a git repository" not in str(error):
            raise
        files = [file for path in paths for file in files_below(path)]
        digest = content_digest(files, Path("/")) if len(paths) > 1 else content_digest(files, folder)
        return {"tag": f"content-{digest[:24]}", "revision": "", "dirty": True}
    names = [str(path) for path in paths]
    revision = git(top, "log", "-1", "--format=%H", "--", *names).strip()
    if revision and not git(top, "status", "--porcelain", "--", *names).strip():
        return {"tag": revision[:12], "revision": revision, "dirty": False}
    listed = git(top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *names)
    files = [top / name for name in listed.split("\0") if name and (top / name).is_file()]
    prefix = revision[:12] if revision else "uncommitted"
    return {"tag": f"{prefix}-dirty-{content_digest(files, top)[:12]}", "revision": revision, "dirty": True}


class ActionModule(ActionBase):
    """Names the source."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return the source's name, or why it has none."""
        result: Json = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec=_ARGUMENTS)
        paths = [Path(path).resolve() for path in arguments["paths"]]
        missing = [str(path) for path in paths if not path.exists()]
        if missing:
            return result | {"failed": True, "msg": f"not there: {', '.join(missing)}"}
        try:
            return result | {"changed": False, **name_source(paths)}
        except GitError as error:
            message = f"git does not tell the revision of {paths[0]}: {error}"
            return result | {"failed": True, "msg": message}
