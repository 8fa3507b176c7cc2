# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of private_file: writes files without a process for each."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError, BaseActionModule

Json = dict[str, Any]


def write(path: Path, content: str) -> None:
    """Write a file of mode 0600 whole or not at all, and the folders it is in with mode 0700.

    Args:
        path: path of the file; one that exists is replaced.
        content: what it holds.

    Raises:
        OSError: it cannot be written; what was there before is there still.
    """
    for folder in reversed(path.parents):
        folder.mkdir(mode=0o700, exist_ok=True)
    # Made with mode 0600 (mkstemp), in the same folder, so that the renaming is atomic.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class ActionModule(BaseActionModule):
    """Writes the file, here."""

    def answer(self, arguments: Json) -> Json:
        """Write the file."""
        path = Path(arguments["path"])
        try:
            write(path, arguments["content"])
        except OSError as error:
            raise ActionError(f"{path}: {error.strerror}") from error
        return {"changed": False}
