"""The lookup machine_problems: Terraform, the Docker engine and the collections a run needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from plugins.lookup.machine_problems import collection_version, machine_problems

PROJECT = str(Path(__file__).parents[2])
RIGHT = json.dumps({"terraform_version": "1.11.4"})


def new(_: str) -> str:
    return "99.0.0"


def test_nothing_missing() -> None:
    assert machine_problems(PROJECT, RIGHT, "", True, new) == []


def test_this_machine_has_every_collection() -> None:
    assert machine_problems(PROJECT, RIGHT, "", True) == []


def test_no_terraform() -> None:
    assert machine_problems(PROJECT, "", "", True, new) == [
        "this machine: Terraform is not on PATH; it must be >= 1.11, < 2.0. make setup says how to get it."
    ]


@pytest.mark.parametrize("version", ["1.10.5", "0.15.0", "2.0.0", "2.1.3"])
def test_wrong_terraform(version: str) -> None:
    assert machine_problems(PROJECT, json.dumps({"terraform_version": version}), "", True, new) == [
        f"this machine: Terraform on PATH is {version}; it must be >= 1.11, < 2.0. make setup says how to get it."
    ]


@pytest.mark.parametrize("version", ["1.11.0", "1.99.0", "1.14.0-rc1"])
def test_right_terraform(version: str) -> None:
    assert machine_problems(PROJECT, json.dumps({"terraform_version": version}), "", True, new) == []


def test_no_engine_matters_where_an_image_is_built() -> None:
    said = "docker: Cannot connect to the Docker daemon.\nIs it running?"
    assert machine_problems(PROJECT, RIGHT, said, False, new) == []
    assert machine_problems(PROJECT, RIGHT, said, True, new) == [
        "this machine: no Docker engine answers, and an image must be built (docker: Cannot connect to the Docker "
        "daemon. Is it running?). make setup installs and starts one; DOCKER_HOST names another."
    ]


def test_collections() -> None:
    wanted = yaml.safe_load((Path(PROJECT) / "galaxy.yml").read_text())["dependencies"]
    versions = {"amazon.aws": "1.0.0"}
    found = machine_problems(PROJECT, RIGHT, "", True, lambda name: versions.get(name))
    assert len(found) == len(wanted)
    assert found[0] == (
        f"this machine: the Ansible collection amazon.aws is 1.0.0; it must be {wanted['amazon.aws']}. make setup "
        "installs it."
    )
    assert "community.general is not installed; it must be" in "\n".join(found)


def test_all_problems_are_listed() -> None:
    assert len(machine_problems(PROJECT, "", "docker: not found", True, lambda _: None)) >= 3


def test_version_of_a_collection() -> None:
    version = collection_version("amazon.aws")
    assert version
    assert version[0].isdigit()
    assert collection_version("nobody.nothing") is None
