# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What Terraform files declare. python-hcl2 reads them."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

# Every layer may declare them; the role terraform_layer gives their values.
COMMON = ("account_id", "name", "permissions_boundary_arn", "project", "region", "state_bucket", "tags")


@dataclass(frozen=True)
class Variable:
    """An input variable of a root module.

    Attributes:
        type: the type as it is written, such as `list(string)`.
        required: whether it has no default.
        default: its default; None for null, too.
        description: its description.
        is_whole: whether its rules let only whole numbers through.
    """

    type: str
    required: bool
    default: Any
    description: str
    is_whole: bool

    @property
    def attributes(self) -> list[str] | None:
        """Names of the attributes of each element, where it is a map of objects; None elsewhere."""
        if not self.type.startswith("map(object({"):
            return None
        return re.findall(r"[{,] ?(\w+) ?[=:]", self.type)


def declared_variables(root: Path) -> dict[str, Variable]:
    """The input variables that a root module declares, by name.

    Args:
        root: folder of the root module.

    Raises:
        FileNotFoundError: the folder holds no variables.tf.
    """
    return {
        name: Variable(
            type=body["type"].removeprefix("${").removesuffix("}"),
            required="default" not in body,
            default=body.get("default"),
            description=body.get("description", ""),
            is_whole=any(
                word in rule["condition"] for rule in body.get("validation", []) for word in ("floor(", "contains(")
            ),
        )
        for name, body in _blocks(root / "variables.tf", "variable").items()
    }


def declared_outputs(root: Path) -> dict[str, str]:
    """Descriptions of the outputs that a root module declares, by name."""
    return {name: body["description"] for name, body in _blocks(root / "outputs.tf", "output").items()}


def _blocks(file: Path, kind: str) -> dict[str, Json]:
    blocks = read_terraform(file).get(kind, [])
    return {name: body for block in blocks for name, body in block.items()}


@functools.cache
def read_terraform(file: Path) -> Json:
    """The blocks and assignments of a file; expressions stay text.

    Parsing takes 0.1 s a file, and a task starts from nothing: what was read is kept by its content in the user's cache
    (`$XDG_CACHE_HOME`, else `~/.cache`), because the files may be those of an installed collection.
    """
    content = file.read_bytes()
    kept = _folder_of_kept() / f"{hashlib.sha256(content).hexdigest()}.json"
    with contextlib.suppress(OSError):
        found: Json = json.loads(kept.read_bytes())
        return found
    # The import takes 0.2 s, which nothing that was read before needs.
    import hcl2

    read: Json = _plain(hcl2.loads(content.decode()))
    # Where nothing can be written, every task parses.
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(read))
        part.replace(kept)
    return read


def _folder_of_kept() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway/terraform-files"


def _plain(value: Any) -> Any:
    """A value without the quotes that python-hcl2 leaves around strings, and without its marks."""
    if isinstance(value, dict):
        marks = ("__is_block__", "__comments__")
        return {_plain(name): _plain(member) for name, member in value.items() if name not in marks}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, str) and value.startswith('"') and "${" not in value:
        return json.loads(value)
    return value
