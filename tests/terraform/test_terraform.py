"""Every layer and module passes its own `terraform test`, from a copy of the sources, without a cloud."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TERRAFORM = Path(__file__).resolve().parents[2] / "terraform"
TESTED = sorted(path.parent.relative_to(TERRAFORM) for path in TERRAFORM.glob("*/**/tests") if any(path.iterdir()))


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that Terraform writes its lock files and modules there."""
    copy = tmp_path_factory.mktemp("sources") / "terraform"
    shutil.copytree(TERRAFORM, copy, ignore=shutil.ignore_patterns(".terraform"))
    return copy


def _terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_VAR_"))}
    return subprocess.run(
        ["terraform", *arguments],
        cwd=folder,
        env={**environment, "TF_IN_AUTOMATION": "1", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_every_layer_and_module_has_tests() -> None:
    roots = {path.parent.relative_to(TERRAFORM) for path in TERRAFORM.glob("layers/*/*/versions.tf")}
    modules = {path.parent.relative_to(TERRAFORM) for path in TERRAFORM.glob("modules/*/versions.tf")}
    assert set(TESTED) == roots | modules


@pytest.mark.parametrize("tested", TESTED, ids=str)
def test_terraform(sources: Path, tested: Path) -> None:
    folder = sources / tested
    initialised = _terraform(folder, "init", "-backend=false", "-input=false")
    assert initialised.returncode == 0, initialised.stdout + initialised.stderr
    result = _terraform(folder, "test")
    assert result.returncode == 0, result.stdout + result.stderr
    assert ", 0 failed" in result.stdout
