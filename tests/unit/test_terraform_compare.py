"""Which layers have no changes: real plans of roots that need no provider."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from plugins.action.terraform_compare import _compare
from plugins.plugin_utils.terraform_root import fingerprint

ROOT = """
variable "size" { type = number }
resource "terraform_data" "it" { input = var.size }
"""


@pytest.fixture
def layer(tmp_path: Path) -> dict[str, Any]:
    """A layer that is applied, with its state in its folder."""
    (tmp_path / "main.tf").write_text(ROOT)
    inputs = tmp_path / "last.json"
    inputs.write_text(json.dumps({"size": 1}))
    for command in (["init"], ["apply", "-auto-approve", f"-var-file={inputs}"]):
        subprocess.run(["terraform", *command, "-input=false"], cwd=tmp_path, check=True, capture_output=True)
    initialised = tmp_path / "initialised"
    initialised.write_text(fingerprint(str(tmp_path), {}))
    return {
        "name": "data",
        "directory": str(tmp_path),
        "backend": {},
        "initialised_file": str(initialised),
        "inputs_file": str(inputs),
        "environment": {"TF_IN_AUTOMATION": 1},
    }


def test_layer_without_changes_is_told_with_the_digest_of_its_inputs(layer: dict[str, Any]) -> None:
    assert _compare(layer) == ("data", hashlib.sha256(Path(layer["inputs_file"]).read_bytes()).hexdigest())


def test_layer_with_changes_is_not(layer: dict[str, Any]) -> None:
    Path(layer["inputs_file"]).write_text(json.dumps({"size": 2}))
    assert _compare(layer) is None


@pytest.mark.parametrize(
    "missing",
    [
        {"inputs_file": "/nowhere"},
        {"directory": "/nowhere"},
        {"environment": {"PATH": "/"}},
        {"backend": {"bucket": "another"}},
        {"initialised_file": "/nowhere"},
    ],
)
def test_layer_that_cannot_be_planned_is_not(layer: dict[str, Any], missing: dict[str, Any]) -> None:
    assert _compare(layer | missing) is None


def test_layer_whose_plan_fails_is_not(layer: dict[str, Any]) -> None:
    Path(layer["directory"], "main.tf").write_text(ROOT.replace("var.size", "var.sizes"))
    Path(layer["initialised_file"]).write_text(fingerprint(layer["directory"], layer["backend"]))
    assert _compare(layer) is None


def test_layer_that_is_initialised_with_another_provider_is_not(layer: dict[str, Any]) -> None:
    """The lock file has the checksum of the provider in use, the release or the stand-in."""
    lock = Path(layer["directory"], ".terraform.lock.hcl")
    lock.write_text('provider "registry.terraform.io/hashicorp/google" { hashes = ["h1:another"] }\n')
    assert _compare(layer) is None
