"""The schema as scripts/setup has made it, and the real Terraform over the stand-in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway_emulator.google_provider.schema import StoredSchema

ROOT = Path(__file__).resolve().parents[3]

# The APIs that the stand-in asks.
PRODUCTS = (
    "artifact_registry", "cloud_run_v2", "cloud_scheduler", "compute", "dns", "iam_beta", "resource_manager",
    "secret_manager", "service_networking", "service_usage", "sql", "storage",
)  # fmt: skip

Terraform = Callable[..., subprocess.CompletedProcess[str]]

_HEAD = """
terraform {
  required_providers {
    google = { source = "hashicorp/google", version = "7.45.0" }
  }
}
"""


@pytest.fixture(scope="session", autouse=True)
def _apply_early() -> None:
    """Begins nothing: these tests need no emulator."""


@pytest.fixture(scope="session")
def stand_in() -> Path:
    """Where set-up has put the stand-in."""
    directory = ROOT / ".build" / "google-provider"
    if not (directory / "schema" / "stamp").exists():
        pytest.skip("set-up has found the real provider and made no stand-in (SLIPWAY_GOOGLE_PROVIDER=stand-in does)")
    return directory


@pytest.fixture(scope="session")
def schema(stand_in: Path) -> StoredSchema:
    """The whole schema."""
    return StoredSchema(stand_in / "schema")


@pytest.fixture(scope="session")
def environment(stand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One in which Terraform finds the stand-in, whatever the machine's own configuration says."""
    file = tmp_path_factory.mktemp("terraform") / "terraform.rc"
    file.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{stand_in}/mirror"\n  }}\n}}\n')
    others = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "CLOUDSDK_"))}
    # Nobody answers there: these tests plan.
    endpoints = {f"GOOGLE_{product.upper()}_CUSTOM_ENDPOINT": "http://127.0.0.1:9/v1/" for product in PRODUCTS}
    return others | endpoints | {"TF_CLI_CONFIG_FILE": str(file), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


@pytest.fixture(scope="session")
def initialised(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory where Terraform has found its provider."""
    directory = tmp_path_factory.mktemp("initialised")
    (directory / "main.tf").write_text(_HEAD)
    subprocess.run(["terraform", "init", "-input=false"], cwd=directory, env=environment, check=True)
    return directory


@pytest.fixture
def terraform(environment: dict[str, str], initialised: Path, tmp_path: Path) -> Terraform:
    """Runs a command of Terraform on a configuration: `terraform("plan", text)`."""
    shutil.copytree(initialised, tmp_path, symlinks=True, dirs_exist_ok=True)

    def run(command: str, text: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "main.tf").write_text(_HEAD + text)
        return subprocess.run(
            ["terraform", command, *arguments, "-no-color"],
            cwd=tmp_path,
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def said(result: subprocess.CompletedProcess[str]) -> str:
    """What a command said, without the frames and line ends of Terraform's boxes."""
    return " ".join((result.stdout + result.stderr).replace("│", " ").split())
