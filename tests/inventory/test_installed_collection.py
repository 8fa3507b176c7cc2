"""The collection as Ansible installs it, used from a project that has an inventory and an application."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import ansible
import ansible_test
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

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
        "CHANGELOG.rst", "CONTRIBUTING.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md",
        "changelogs", "docs", "emulator", "images", "meta", "playbooks", "plugins", "requirements.txt",
        "requirements.yml", "roles", "terraform",
    }  # fmt: skip
    development = ("*.py", "*.tftest.hcl", ".gitignore")
    assert [file for pattern in development for file in (installed / "terraform").rglob(pattern)] == []
    assert {entry.name for entry in (installed / "changelogs").iterdir()} == {"changelog.yaml"}


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


def test_playbook_of_a_checkout_runs_from_anywhere_with_the_collection_installed(
    collections: Path, tmp_path: Path
) -> None:
    output = _run(
        "ansible-playbook", str(PROJECT / "playbooks/validate.yml"), "-i", str(PROJECT / "inventories/dev"),
        folder=tmp_path, environment={"ANSIBLE_COLLECTIONS_PATH": str(collections)},
    )  # fmt: skip
    assert "failed=0" in output


@pytest.mark.parametrize("kind", ["module", "lookup", "filter"])
def test_documentation_of_plugins_is_found(collections: Path, kind: str) -> None:
    plugins = collections / "ansible_collections/slipway/provision/plugins"
    folder, suffix = {"module": ("modules", "py"), "lookup": ("lookup", "py"), "filter": ("filter", "yml")}[kind]
    names = sorted(f"slipway.provision.{file.stem}" for file in (plugins / folder).glob(f"*.{suffix}"))
    # Else Ansible takes those of the checkout.
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(collections)}
    found = json.loads(_run("ansible-doc", "--json", "-t", kind, *names, folder=collections, environment=environment))
    assert sorted(found) == names
    assert all(about["doc"] and about["examples"] and about["return"] for about in found.values())


@pytest.mark.parametrize("kind", ["module", "lookup"])
def test_ansible_finds_modules_and_lookups_valid(collections: Path, kind: str) -> None:
    """What `ansible-test sanity --test validate-modules` runs in an environment of its own."""
    installed = collections / "ansible_collections/slipway/provision"
    validate = Path(ansible_test.__file__).parent / "_util/controller/sanity/validate-modules"
    files = sorted((installed / "plugins" / ("modules" if kind == "module" else kind)).glob("*.py"))
    ended = subprocess.run(
        [
            sys.executable, validate / "validate.py", "--format=json", "--arg-spec", "--plugin-type", kind,
            "--collection", "ansible_collections/slipway/provision",
            *(str(file.relative_to(installed)) for file in files),
        ],
        cwd=installed,
        env=os.environ | {"PYTHONPATH": str(validate), "ANSIBLE_COLLECTIONS_PATH": str(collections)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert ended.stdout, ended.stderr
    problems = {
        f"{name} validate-modules:{error['code']}"
        for name, report in json.loads(ended.stdout).items()
        for error in report["errors"]
    }
    ignore = (PROJECT / f"tests/sanity/ignore-{'.'.join(ansible.__version__.split('.')[:2])}.txt").read_text()
    ignored = {line.partition(" # ")[0] for line in ignore.splitlines()}
    assert problems == {line for line in ignored if line.startswith(f"plugins/{files[0].parent.name}/")}


def test_execution_environment_takes_what_plugins_import(collections: Path) -> None:
    found = yaml.safe_load(_run("ansible-builder", "introspect", str(collections), folder=collections))
    required = [Requirement(line.partition("  #")[0]) for line in found["python"]]
    assert [line.partition("  #")[0] for line in found["system"]] == ["git"]
    pinned = {
        requirement.name: requirement
        for line in (PROJECT / "requirements.txt").read_text().partition("# The emulator")[0].splitlines()
        if line and not line.startswith("#")
        for requirement in [Requirement(line)]
    }
    # ansible-core brings packaging.
    assert {one.name for one in required} | {"ansible", "ansible-core"} == pinned.keys()
    for one in required:
        (pin,) = pinned[one.name].specifier
        assert pin.version in one.specifier
        assert one.extras == pinned[one.name].extras


def test_execution_environment_builds_from_the_artefact(collections: Path, tmp_path: Path) -> None:
    (artefact,) = collections.glob("slipway-provision-*.tar.gz")
    shutil.copy(artefact, tmp_path)
    shutil.copy(PROJECT / "execution-environment.yml", tmp_path)
    (tmp_path / "scripts").mkdir()
    shutil.copy(PROJECT / "scripts/install-terraform", tmp_path / "scripts")
    _run("ansible-builder", "create", folder=tmp_path)
    built = "".join(file.read_text() for file in (tmp_path / "context").glob("*file"))
    assert (tmp_path / "context/_build/files" / artefact.name).is_file()
    pinned = (PROJECT / "requirements.txt").read_text().splitlines()
    assert next(line for line in pinned if line.startswith("ansible-core==")) in built
    installer = tmp_path / "context/_build/files/install-terraform"
    (terraform,) = re.findall(r"^version=(.*)$", installer.read_text(), re.MULTILINE)
    versions = (PROJECT / "terraform/layers/aws/network/versions.tf").read_text()
    (required,) = re.findall(r'required_version = "(.*)"', versions)
    assert terraform in SpecifierSet(required)
