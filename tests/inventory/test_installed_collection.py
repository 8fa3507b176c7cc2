"""The collection as Ansible installs it, used from a project that has an inventory and an application."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plugins.plugin_utils.image_source import ImageSource
from tests.inventory.example import PROJECT

_PROGRAMS = Path(sys.executable).parent


def _run(program: str, *arguments: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    ended = subprocess.run(
        [_PROGRAMS / program, *arguments],
        cwd=folder,
        env=os.environ | {"ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "200"} | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the built collection is installed."""
    folder = tmp_path_factory.mktemp("collections")
    _run("ansible-galaxy", "collection", "build", "--output-path", str(folder), folder=PROJECT)
    (artefact,) = folder.glob("slipway-provision-*.tar.gz")
    arguments = ("collection", "install", "--no-deps", "--force", "--collections-path", str(folder), str(artefact))
    _run("ansible-galaxy", *arguments, folder=folder)
    return folder


def test_artefact_has_what_its_users_need(collections: Path) -> None:
    installed = collections / "ansible_collections" / "slipway" / "provision"
    assert {entry.name for entry in installed.iterdir()} == {
        "CHANGELOG.rst", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "changelogs", "docs", "emulator", "images", "meta",
        "playbooks", "plugins", "requirements.txt", "requirements.yml", "roles", "terraform",
    }  # fmt: skip
    assert list((installed / "terraform").rglob("*.tftest.hcl")) == []


def test_artefact_has_what_the_image_of_users_and_grants_is_built_from(collections: Path) -> None:
    def files(collection: Path) -> list[str]:
        return ImageSource(collection, collection / "images/database_access/Dockerfile", {}).files()

    assert files(collections / "ansible_collections" / "slipway" / "provision") == files(PROJECT)
    ignore = (PROJECT / "images/database_access/Dockerfile.dockerignore").read_text()
    kept = [line[1:] for line in ignore.splitlines() if line.startswith("!")]
    assert [name for name in kept if not (PROJECT / name).exists()] == []


def test_project_of_inventory_and_application_validates(collections: Path, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "inventories" / "dev", tmp_path / "inventories" / "dev")
    shutil.copytree(PROJECT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(PROJECT / "Dockerfile", tmp_path)
    (tmp_path / "ansible.cfg").write_text(f"[defaults]\ncollections_path = {collections}\n")
    output = _run(
        "ansible-playbook", "slipway.provision.validate", "-i", "inventories/dev",
        folder=tmp_path, environment={"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg")},
    )  # fmt: skip
    assert "failed=0" in output
