"""The role terraform_layer where an API of Google Cloud refuses for a while after the layer has switched it on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import ARTIFACTS, LOCATION, USAGE, Google
from emulator.tests.stack import Json, google_environment
from plugins.filter.terraform import waits_for_api
from slipway_emulator.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
GOOGLE_PROJECT = "tunit-late"
BUCKET = "tunit-late-state"
REPOSITORY = f"{ARTIFACTS}/projects/{GOOGLE_PROJECT}/locations/{LOCATION}/repositories/tunit-late"


APPLY = {"ansible.builtin.import_role": {"name": "slipway.provision.terraform_layer"}}


def apply(
    cloud: Settings,
    folder: Path,
    *further: Json,
    hear: Callable[[str], object] = lambda _line: None,
    **variables: object,
) -> tuple[bool, str]:
    """Whether the layer registry is applied, and further tasks are done, and what the run says.

    Args:
        cloud: the emulator.
        folder: for files.
        further: tasks.
        hear: called with each line as soon as it is said.
        variables: of the role.
    """
    google = Google(cloud, GOOGLE_PROJECT)
    google.call("POST", "/storage/v1/b", {"name": BUCKET}, project=GOOGLE_PROJECT)
    tasks = [APPLY, *further]
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    (folder / "play.json").write_text(json.dumps([play]))
    given = {
        "terraform_layer_name": "registry",
        "terraform_layer_root": "gcp/registry",
        "terraform_layer_environment": "tunit",
        "terraform_layer_app": "late",
        "terraform_layer_state_store": "gcs",
        "terraform_layer_state_bucket": BUCKET,
        "terraform_layer_region": LOCATION,
        "terraform_layer_project": GOOGLE_PROJECT,
        "terraform_layer_tags": {"Environment": "unit", "Project": "late"},
        "terraform_layer_build_directory": str(folder / "build"),
        "terraform_layer_cli_config_file": str(PROJECT / ".build" / "terraform.rc"),
        "ansible_python_interpreter": sys.executable,
    }
    command = subprocess.Popen(
        [
            Path(sys.executable).parent / "ansible-playbook",
            str(folder / "play.json"),
            "-e",
            json.dumps(given | variables),
        ],
        cwd=PROJECT,
        env=os.environ
        | google_environment(cloud)
        | {"GOOGLE_PROJECT": GOOGLE_PROJECT, "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "200"},
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


def test_layer_is_applied_when_the_api_is_ready(tmp_path: Path) -> None:
    with google_alone(tmp_path / "google", google_api_delay_seconds=20) as cloud:
        is_applied, output = apply(cloud, tmp_path)
        assert is_applied, output
        assert "again | Wait for the API that was switched on" in output
        assert Google(cloud, GOOGLE_PROJECT).call("GET", REPOSITORY)["format"] == "DOCKER"


def test_plan_waits_for_the_api_too(tmp_path: Path) -> None:
    """Ready for one request, and not for the next: Google has many servers."""
    service = f"{USAGE}/projects/{GOOGLE_PROJECT}/services/artifactregistry.googleapis.com"
    waits = "FAILED - RETRYING: [localhost]: plan | Create the plan"
    with google_alone(tmp_path / "google") as cloud:
        google = Google(cloud, GOOGLE_PROJECT)
        disable = {
            "url": f"{cloud.google_url}{service}:disable",
            "method": "POST",
            "headers": {"Authorization": f"Bearer {google.token()}"},
        }
        is_applied, output = apply(
            cloud,
            tmp_path,
            {"ansible.builtin.uri": disable},
            APPLY,
            hear=lambda line: waits in line and google.call("POST", f"{service}:enable"),
        )
    assert is_applied, output
    assert output.count(waits) == 1


def test_api_that_does_not_get_ready_fails_the_run(tmp_path: Path) -> None:
    with google_alone(tmp_path / "google", google_api_delay_seconds=3600) as cloud:
        is_applied, output = apply(cloud, tmp_path, terraform_layer_api_timeout_seconds=1)
    assert not is_applied
    assert "Artifact Registry API has not been used in project" in output
    assert "again |" not in output


@pytest.mark.parametrize(
    ("service", "is_awaited"), [("artifactregistry.googleapis.com", True), ("iam.googleapis.com", False)]
)
def test_only_what_the_plan_switches_on_is_waited_for(service: str, is_awaited: bool) -> None:
    after = {"service": "artifactregistry.googleapis.com"}
    changes = [
        {"type": "google_project_service", "change": {"after": after}},
        {"type": "google_project_service", "change": {"after": None}},
        {"type": "google_service_account", "change": {"after": {}}},
    ]
    said = (
        f"Error 403: Enable it by visiting https://console.developers.google.com/apis/api/{service}/overview?project=1"
    )
    assert waits_for_api(said, {"resource_changes": changes}) is is_awaited
    assert waits_for_api(said, {}) is False
