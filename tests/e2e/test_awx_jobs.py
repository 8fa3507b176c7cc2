"""The jobs of playbooks/awx.yml, run by ansible-runner as AWX runs them.

They have a private data directory, an inventory that a script prints, variables in files, no terminal and no home.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_awx import DATA
from tests.e2e.http import ask
from tests.e2e.runs import PROJECT, Run, Site, failed, recap, succeeded
from tests.e2e.test_site import APPS, ENVIRONMENT

__all__ = ["APPS", "ENVIRONMENT"]

APP = "hello"
Json = dict[str, Any]

TEMPLATES: dict[str, Json] = {template["name"]: template for template in DATA["__awx_job_templates"]}

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("everything")]


def _launch(site: Site, folder: Path, name: str, **survey: str) -> Run:
    """Launch a job template, limited to one app where it asks for a limit, as its role.

    Args:
        site: its environment.
        folder: gets the private data directory.
        name: of the job template.
        survey: answers.
    """
    template = TEMPLATES[name]
    limited = template.get("ask_limit", False)
    variables = {
        "inventory_dir": str(site.inventory),
        **(DATA["__awx_release_variables"] if "variables" in template else {}),
        # What AWX has from a credential is of the inventory here; an app of another cloud would have it, too.
        **({"slipway_cloud_environment": site.cloud_environment(AWS_PROFILE=template["role"])} if limited else {}),
        **survey,
    }
    inventory = folder / "inventory/hosts"
    programs = Path(sys.executable).parent
    command: list[str | Path] = [programs / "ansible-inventory", "-i", site.inventory, "--list", "--export"]
    hosts = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for file, content in (
        (inventory, f"#!/bin/sh\ncat <<'end of the inventory'\n{hosts}\nend of the inventory\n"),
        (folder / "env/extravars", json.dumps(variables)),
        (folder / "env/envvars", json.dumps({"ANSIBLE_INVENTORY_UNPARSED_FAILED": "True"})),
        (folder / "env/settings", json.dumps({"suppress_env_files": True})),
    ):
        file.parent.mkdir(exist_ok=True)
        file.write_text(content)
    inventory.chmod(0o755)
    check = ["--cmdline=--check"] if template.get("job_type") == "check" else []
    limit = ["--limit", APP] if limited else []
    playbook = f"playbooks/{template['playbook']}.yml"
    ended = subprocess.run(
        [
            programs / "ansible-runner", "run", folder, "--project-dir", PROJECT, "--inventory", inventory,
            "--playbook", playbook, *limit, *check,
        ],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "HOME"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip
    return Run(ended.returncode, ended.stdout, recap(ended.stdout))


def test_destroy_wants_the_name_and_deploy_brings_the_app_back(site: Site, tmp_path: Path) -> None:
    assert "slipway_confirm" in failed(_launch(site, tmp_path, "destroy", slipway_confirm="another")).output
    assert "Nothing is left of" in succeeded(_launch(site, tmp_path, "destroy", slipway_confirm=ENVIRONMENT)).output
    succeeded(_launch(site, tmp_path, "deploy"))
    assert ask(site.summary()[APP]["url"]).body == b"Hello, World!"


@pytest.mark.parametrize("name", [name for name in TEMPLATES if name not in ("deploy", "destroy")])
def test_others_change_nothing(site: Site, tmp_path: Path, name: str) -> None:
    assert succeeded(_launch(site, tmp_path, name)).changed == {}
