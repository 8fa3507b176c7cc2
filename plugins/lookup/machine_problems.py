# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Lookup of what a machine lacks, before anything is touched."""

from __future__ import annotations

DOCUMENTATION = r"""
name: machine_problems
short_description: What this machine lacks, a line for each problem
description:
  - Compares Terraform, the Docker engine and the installed collections with what the project's folder says it needs.
requirements:
  - packaging
options:
  _terms:
    description: The project's folder.
    required: true
  terraform:
    description: What C(terraform version -json) prints; empty when there is none.
    required: true
  engine:
    description: What is wrong with the Docker engine; empty when it answers.
    required: true
  builds:
    description: Whether this run may have to build an image.
    type: bool
    required: true
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Show what this machine lacks
  ansible.builtin.debug:
    msg: >-
      {{ query('slipway.provision.machine_problems', '/home/me/shop',
               terraform=terraform_version.stdout, engine='', builds=false) }}
"""

RETURN = r"""
_raw:
  description: Sentences, each with what to do; empty when nothing lacks.
  type: list
  elements: str
"""

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.lookup import LookupBase
from ansible_collections.slipway.provision.plugins.plugin_utils.inventory import read_yaml

try:
    from packaging.specifiers import SpecifierSet
except ImportError:
    HAS_PACKAGING = False
else:
    HAS_PACKAGING = True

Json = dict[str, Any]


def collection_version(name: str) -> str | None:
    """The version of an installed Ansible collection; None when it is not installed.

    Args:
        name: such as `amazon.aws`.
    """
    try:
        collection = importlib.import_module(f"ansible_collections.{name}")
    except ImportError:
        return None
    manifest = Path(next(iter(collection.__path__))) / "MANIFEST.json"
    version: str = json.loads(manifest.read_text())["collection_info"]["version"]
    return version


def _dependencies(project: Path) -> dict[str, str]:
    """The collections that this one needs, and in which versions.

    An installed collection has them in its manifest, a checkout in galaxy.yml (Ansible, "Collection structure").
    """
    manifest = project / "MANIFEST.json"
    described = (
        json.loads(manifest.read_text())["collection_info"] if manifest.exists() else read_yaml(project / "galaxy.yml")
    )
    dependencies: dict[str, str] = described["dependencies"]
    return dependencies


def machine_problems(
    project: str,
    terraform: str,
    engine: str,
    builds: bool,
    installed: Callable[[str], str | None] = collection_version,
) -> list[str]:
    """What this machine lacks, a line for each problem; empty when it lacks nothing.

    Args:
        project: the project's folder.
        terraform: what `terraform version -json` prints; empty when there is none.
        engine: what is wrong with the Docker engine; empty when it answers.
        builds: whether this run may have to build an image.
        installed: gives the version of a collection.
    """
    problems = []
    versions = (Path(project) / "terraform/layers/aws/network/versions.tf").read_text()
    required = re.findall(r'required_version = "(.*)"', versions)[0]
    setup = "make setup says how to get it"
    version = json.loads(terraform)["terraform_version"] if terraform else None
    if version is None:
        problems.append(f"this machine: Terraform is not on PATH; it must be {required}. {setup}.")
    elif not SpecifierSet(required).contains(version, prereleases=True):
        problems.append(f"this machine: Terraform on PATH is {version}; it must be {required}. {setup}.")
    if builds and engine:
        problems.append(
            "this machine: no Docker engine answers, and an image must be built "
            f"({' '.join(engine.split())}). make setup installs and starts one; DOCKER_HOST names another."
        )
    for name, wanted in _dependencies(Path(project)).items():
        found = installed(name)
        if found is None or not SpecifierSet(wanted).contains(found, prereleases=True):
            problems.append(
                f"this machine: the Ansible collection {name} is {found or 'not installed'}; it must be "
                f"{wanted}. make setup installs it."
            )
    return problems


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[str], variables: Json | None = None, **arguments: Any) -> list[str]:
        """What this machine lacks."""
        if not HAS_PACKAGING:
            raise AnsibleLookupError(missing_required_lib("packaging"))
        (project,) = terms
        return machine_problems(project, **arguments)
