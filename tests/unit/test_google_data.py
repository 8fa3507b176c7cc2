"""The layer data of Google Cloud, applied by its role to the emulator's APIs, which need no engine.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import ACCOUNTS, SECRETS, STORAGE, Google
from emulator.tests.stack import Json, google_environment
from plugins.action.google_resources_info import find
from plugins.action.google_secret_version_info import newest_versions
from tests.unit.google_layer import play

pytestmark = pytest.mark.long

NAME = "tunit-data"
BUCKET = f"{NAME}-state"
SECRET_ID = f"unit-{NAME}_environment_SECRET_KEY"
SECRET = f"{SECRETS}/projects/{NAME}/secrets/{SECRET_ID}"
STATE = f"{STORAGE}/b/{BUCKET}/o/unit%2F{NAME}%2Fdata%2Fdefault.tfstate"
ROLE: Json = {"ansible.builtin.import_role": {"name": "slipway.provision.data"}}
SHOW: Json = {"ansible.builtin.debug": {"msg": "The outputs are {{ data_outputs | to_json }}"}}
GIVEN = {
    "data_cloud": "gcp",
    "data_secrets": {"SECRET_KEY": "generated", "STRIPE_KEY": f"projects/{NAME}/secrets/stripe"},
    "data_secret_versions": {f"projects/{NAME}/secrets/stripe": "7"},
    # Of AWS: a group gives it to apps of both clouds.
    "data_multi_az": False,
    "terraform_layer_name": "data",
    "terraform_layer_root": "gcp/data",
}


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """A new project, asked by its owner, with the bucket of the states."""
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        owner = Google(cloud, NAME, "cloudresourcemanager")
        owner.call("POST", f"{STORAGE}/b", {"name": BUCKET}, project=NAME)
        yield owner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the files of all runs."""
    return tmp_path_factory.mktemp("runs")


def run(google: Google, folder: Path, *tasks: Json, **variables: Any) -> str:
    """Run the role; what it says."""
    given: dict[str, Any] = GIVEN | variables
    is_applied, output = play(google, folder, *(tasks or (ROLE, SHOW)), **given)
    assert is_applied, output
    return output


def changed(output: str) -> int:
    """How many tasks have changed something."""
    return int(output.rpartition("changed=")[2].split()[0])


def value(google: Google, version: str) -> str:
    payload: Json = google.call("GET", f"{SECRET}/versions/{version}:access")["payload"]
    return base64.b64decode(payload["data"]).decode()


def test_secret_is_made_once_and_its_value_is_nowhere(google: Google, folder: Path) -> None:
    output = run(google, folder)
    assert changed(output) > 0
    assert f"projects/{NAME}/secrets/{SECRET_ID}/versions/1" in output
    assert f"projects/{NAME}/secrets/stripe/versions/7" in output
    secret = google.call("GET", SECRET)
    assert secret["replication"] == {"userManaged": {"replicas": [{"location": "us-central1"}]}}
    assert secret["labels"] == {"environment": "unit", "project": NAME, "managedby": "terraform"}
    made = value(google, "1")
    assert len(made) == 64
    assert set(made) <= set("0123456789abcdef")
    state = google.ask("GET", STATE, alt="media").text
    assert SECRET_ID in state
    texts = [state, output, *(f.read_text("utf-8", "replace") for f in folder.rglob("*") if f.is_file())]
    # A part of it would be too much: each half is one of Terraform's random values.
    assert not [text for text in texts if made[:32] in text or made[32:] in text]

    assert changed(run(google, folder)) == 0
    assert value(google, "latest") == made


@pytest.fixture
def asked(google: Google, monkeypatch: pytest.MonkeyPatch) -> GoogleCloud:
    """Asks the emulator, as a task does whose environment leads there."""
    for name, value in google_environment(google.cloud).items():
        monkeypatch.setenv(name, value)
    return GoogleCloud()


def make(google: Google, secret: str, versions: int = 1) -> str:
    """Make a secret with some versions; its name."""
    name = f"projects/{NAME}/secrets/{secret}"
    google.call("POST", f"{SECRETS}/projects/{NAME}/secrets", {"replication": {"automatic": {}}}, secretId=secret)
    for _ in range(versions):
        google.call("POST", f"{SECRETS}/{name}:addVersion", {"payload": {"data": "eA=="}})
    return name


def test_what_is_left_is_found_by_its_name(google: Google, asked: GoogleCloud) -> None:
    # Of another app, and of nobody here.
    for other in ("-2_environment_SECRET_KEY", "-secret", "-databases", "-0a1b2c3d", "--m"):
        make(google, f"unit-{NAME}{other}")
    (found,) = find(asked, NAME, "us-central1", f"unit-{NAME}")
    assert found == google.call("GET", SECRET)["name"]
    # What an app's jobs run as.
    google.call("POST", f"/serviceusage/v1/projects/{NAME}/services/iam.googleapis.com:enable")
    for account in (f"unit-{NAME}--m", f"unit-{NAME}-m"):
        google.call("POST", f"{ACCOUNTS}/projects/{NAME}/serviceAccounts", {"accountId": account})
    own = f"projects/{NAME}/serviceAccounts/unit-{NAME}--m@{NAME}.iam.gserviceaccount.com"
    assert set(find(asked, NAME, "us-central1", f"unit-{NAME}")) == {own, found}


def test_newest_version_of_a_secret(google: Google, asked: GoogleCloud) -> None:
    some = make(google, "some", 2)
    disabled = make(google, "disabled", 2)
    google.call("POST", f"{SECRETS}/{disabled}/versions/2:disable")
    empty, missing = make(google, "empty", 0), f"projects/{NAME}/secrets/missing"
    versions, without = newest_versions(asked, [some, disabled, empty, missing, missing])
    assert versions == {some: "2"}
    assert without == [disabled, empty, missing]
    # Nothing is there where nobody has turned on the API.
    assert newest_versions(asked, ["projects/tunit-other/secrets/some"]) == ({}, ["projects/tunit-other/secrets/some"])


def test_rotation_of_a_secret_that_an_interrupted_run_has_made(google: Google, folder: Path) -> None:
    before = value(google, "1")
    # Killed before Terraform has written its state.
    google.ask("DELETE", STATE)
    output = run(google, folder, data_credentials_version=2)
    assert "import google_secret_manager_secret.generated" in output
    assert f"projects/{NAME}/secrets/{SECRET_ID}/versions/2" in output
    # The revision that serves may still name the one before.
    assert value(google, "1") == before != value(google, "2")


def test_destroyed_layer_leaves_no_secret(google: Google, folder: Path) -> None:
    run(google, folder, ROLE, terraform_layer_state="absent")
    assert google.refusal("GET", SECRET)["status"] == "NOT_FOUND"
