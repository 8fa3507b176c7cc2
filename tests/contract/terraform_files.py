"""What the Terraform layers declare, read from their files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

Json = dict[str, Any]

# Given to every layer by the role terraform_layer.
COMMON = {"name", "project", "region", "tags"}


@dataclass(frozen=True)
class Variable:
    """An input variable of a root module.

    Attributes:
        type: the type as it is written, such as `list(string)`.
        required: whether it has no default.
        default: its default; None for null, too.
        description: its description.
    """

    type: str
    required: bool
    default: Any
    description: str


def roots_of(project: Path, layer: str) -> dict[str, Path]:
    """Root modules of a layer by name: `<layer>_<cloud>` for each cloud, or `service_<platform>` for each platform."""
    layers = project / "terraform/layers"
    if layer == "service":
        return {root.name: root for root in sorted(layers.glob("*/service_*"), key=lambda root: root.name)}
    found = sorted(layers.glob(f"*/{layer}"))
    return {layer if len(found) == 1 else f"{layer}_{root.parent.name}": root for root in found}


def variables(root: Path) -> dict[str, Variable]:
    """Input variables of a root module by name."""
    return {
        name: Variable(
            type=body["type"].removeprefix("${").removesuffix("}"),
            required="default" not in body,
            default=body.get("default"),
            description=body["description"],
        )
        for name, body in _blocks(root / "variables.tf", "variable").items()
    }


def outputs(root: Path) -> dict[str, str]:
    """Descriptions of a root module's outputs by name."""
    return {name: body["description"] for name, body in _blocks(root / "outputs.tf", "output").items()}


def assignments(file: Path) -> Json:
    """Names and values of a file of assignments, such as terraform.tfvars.example."""
    with file.open() as text:
        return {name: _plain(value) for name, value in hcl2.load(text).items() if name != "__comments__"}


def _blocks(file: Path, kind: str) -> dict[str, Json]:
    with file.open() as text:
        blocks = hcl2.load(text)[kind]
    return {_plain(name): _plain(body) for block in blocks for name, body in block.items() if name != "__is_block__"}


def _plain(value: Any) -> Any:
    """A value without the quotes that python-hcl2 leaves around strings."""
    if isinstance(value, dict):
        return {_plain(name): _plain(member) for name, member in value.items() if name != "__is_block__"}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if isinstance(value, str) and value.startswith('"') and "${" not in value:
        return json.loads(value)
    return value
