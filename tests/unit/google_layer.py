"""Layers of Google Cloud, applied by the role terraform_layer to the emulator's APIs, which need no engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from emulator.tests.google_apis import LOCATION, Google
from emulator.tests.stack import Json, google_environment

PROJECT = Path(__file__).resolve().parents[2]
APPLY: Json = {"ansible.builtin.import_role": {"name": "slipway.provision.terraform_layer"}}


def play(
    google: Google,
    folder: Path,
    *tasks: Json,
    hear: Callable[[str], object] = lambda _line: None,
    environment: Mapping[str, str] | None = None,
    check: bool = False,
    **variables: Any,
) -> tuple[bool, str]:
    """Run tasks for the layer registry of an app; whether they end well, and what they say.

    Args:
        google: the project. The app has its name, and its states are in the bucket `<project>-state`.
        folder: for files.
        tasks: what to do, such as APPLY.
        hear: called with each line as soon as it is said.
        environment: further environment variables.
        check: whether it is a dry run.
        variables: of the role, in the place of these.
    """
    given = {
        "terraform_layer_name": "registry",
        "terraform_layer_root": "gcp/registry",
        "terraform_layer_environment": "unit",
        "terraform_layer_app": google.project,
        "terraform_layer_state_store": "gcs",
        "terraform_layer_state_bucket": f"{google.project}-state",
        "terraform_layer_region": LOCATION,
        "terraform_layer_project": google.project,
        "terraform_layer_tags": {"Environment": "unit", "Project": google.project},
        "terraform_layer_build_directory": str(folder / "build"),
        "terraform_layer_cli_config_file": str(PROJECT / ".build" / "terraform.rc"),
        "ansible_python_interpreter": sys.executable,
    }
    # What the role of a layer says of itself is stronger.
    whole = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": given | variables,
        "tasks": tasks,
    }
    (folder / "play.json").write_text(json.dumps([whole]))
    own = {"GOOGLE_PROJECT": google.project, "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "200"}
    # Each line is said at once, although it goes to a pipe.
    own["PYTHONUNBUFFERED"] = "1"
    command = subprocess.Popen(
        [Path(sys.executable).parent / "ansible-playbook", folder / "play.json", *(["--check"] if check else [])],
        cwd=PROJECT,
        env=os.environ | google_environment(google.cloud) | own | dict(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = ""
    with command:
        assert command.stdout
        for line in command.stdout:
            hear(line)
            output += line
    return command.returncode == 0, output
