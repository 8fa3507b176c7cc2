"""The schema as scripts/setup has made it, and the real Terraform over the stand-in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from google_provider.schema import StoredSchema

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = ROOT / ".build" / "google-provider"

Terraform = Callable[..., subprocess.CompletedProcess[str]]

_HEAD = """
terraform {
  required_providers {
    google = { source = "hashicorp/google", version = "6.50.0" }
  }
}
"""


@pytest.fixture(scope="session")
def schema() -> StoredSchema:
    """The whole schema."""
    return StoredSchema(STAND_IN / "schema")


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Terraform configuration that leads to the stand-in, whatever the machine's own one does."""
    file = tmp_path_factory.mktemp("terraform") / "terraform.rc"
    file.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{STAND_IN}/mirror"\n  }}\n}}\n')
    return file


@pytest.fixture
def terraform(plugins: Path, tmp_path: Path) -> Terraform:
    """Runs a command of Terraform on a configuration: `terraform("plan", text)`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "CLOUDSDK_"))}
    environment |= {"TF_CLI_CONFIG_FILE": str(plugins), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}

    def run(command: str, text: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "main.tf").write_text(_HEAD + text)
        for words in (["init", "-input=false"], [command, *arguments]):
            result = subprocess.run(
                ["terraform", *words, "-no-color"],
                cwd=tmp_path,
                env=environment | variables,
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode:
                break
        return result

    return run


def said(result: subprocess.CompletedProcess[str]) -> str:
    """What a command said, without the frames and line ends of Terraform's boxes."""
    return " ".join((result.stdout + result.stderr).replace("│", " ").split())
