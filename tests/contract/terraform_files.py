"""What the Terraform layers declare, for the checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins.plugin_utils.platforms import roots_of_layer
from plugins.plugin_utils.terraform_files import read_terraform

Json = dict[str, Any]


def roots_of(project: Path, layer: str) -> dict[str, Path]:
    """Root modules of a layer by name: one, or one for each cloud or platform, which the name then ends with."""
    layers = project / "terraform/layers"
    found = roots_of_layer(layers, layer)
    if layer == "service":
        return {root.name: root for root in found}
    return {layer if len(found) == 1 else f"{layer}_{root.parent.name}": root for root in found}


def assignments(file: Path) -> Json:
    """Names and values of a file of assignments, such as terraform.tfvars.example."""
    return read_terraform(file)
