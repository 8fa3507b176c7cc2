"""requirements.yml and galaxy.yml name the collections that are used, in the versions that are installed."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

from plugins.lookup.machine_problems import collection_version

_PROJECT = Path(__file__).resolve().parents[2]
# A task's module, and what Python imports.
_USED = re.compile(
    r"^\s*(?:- )?((?!ansible\.|slipway\.)\w+\.\w+)\.\w+:|^from ansible_collections\.((?!slipway\.)\w+\.\w+)\.",
    re.MULTILINE,
)


def _required() -> dict[str, str]:
    entries = yaml.safe_load((_PROJECT / "requirements.yml").read_text())["collections"]
    return {entry["name"]: entry["version"] for entry in entries}


def test_collections_are_those_that_are_used() -> None:
    files = [
        file
        for folder, suffix in (("roles", "yml"), ("playbooks", "yml"), ("plugins", "py"))
        for file in (_PROJECT / folder).rglob(f"*.{suffix}")
    ]
    used = {task or imported for file in files for task, imported in _USED.findall(file.read_text())}
    assert used == set(_required())


def test_versions_are_those_that_are_installed() -> None:
    assert _required() == {name: collection_version(name) for name in _required()}


def test_galaxy_asks_for_the_same() -> None:
    dependencies = yaml.safe_load((_PROJECT / "galaxy.yml").read_text())["dependencies"]
    assert dependencies.keys() == _required().keys()
    for name, version in _required().items():
        assert version in SpecifierSet(dependencies[name])
