"""The check of the Google project before anything is touched, against the emulator's Resource Manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import PROJECTS, Google
from emulator.tests.stack import Json
from tests.unit.google_layer import PROJECT, play

CHECK: Json = {"ansible.builtin.import_tasks": str(PROJECT / "playbooks" / "tasks" / "check_account.yml")}
INVENTORY = "/somewhere/inventories/staging"


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """A project of its own."""
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        yield Google(cloud, "tunit-project")


def checked(google: Google, folder: Path, project: str, **environment: str) -> tuple[bool, str]:
    """Whether a project passes, and what is said, on one line."""
    passes, output = play(
        google,
        folder,
        CHECK,
        environment=environment,
        platform_cloud="gcp",
        slipway_google_project=project,
        inventory_dir=INVENTORY,
    )
    return passes, " ".join(output.split())


def test_active_project_passes(google: Google, tmp_path: Path) -> None:
    passes, output = checked(google, tmp_path, google.project)
    assert passes, output


def test_project_that_the_credentials_may_not_see(google: Google, tmp_path: Path) -> None:
    path = f"{PROJECTS}/tunit-foreign"
    others = {"bindings": [{"role": "roles/owner", "members": ["user:somebody@example.org"]}]}
    google.call("POST", f"{path}:setIamPolicy", {"policy": others})
    passes, output = checked(google, tmp_path, "tunit-foreign")
    assert not passes
    assert "There is no Google project tunit-foreign, or the credentials of this run may not see it." in output
    assert "Nothing was touched." in output
    assert f"playbooks/bootstrap.yml -i {INVENTORY}." in output
    assert f"edit slipway_google_project in {INVENTORY}/group_vars/gcp/cloud.yml" in output


def test_project_that_was_deleted(google: Google, tmp_path: Path) -> None:
    google.call("DELETE", f"{PROJECTS}/tunit-deleted")
    passes, output = checked(google, tmp_path, "tunit-deleted")
    assert not passes
    assert "tunit-deleted is in the state DELETE_REQUESTED. Nothing was touched." in output
    assert "gcloud projects undelete tunit-deleted" in output
    google.call("POST", f"{PROJECTS}/tunit-deleted:undelete")
    assert checked(google, tmp_path, "tunit-deleted")[0]


def test_missing_credentials(google: Google, tmp_path: Path) -> None:
    passes, output = checked(
        google,
        tmp_path,
        google.project,
        GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "none.json"),
    )
    assert not passes
    missing = f"[Errno 2] No such file or directory: '{tmp_path}/none.json'"
    assert f"could not read the Google project {google.project}: {missing}" in output


def test_token_that_google_does_not_know(google: Google, tmp_path: Path) -> None:
    passes, output = checked(google, tmp_path, google.project, GOOGLE_OAUTH_ACCESS_TOKEN="ya29.expired")
    assert not passes
    assert "Log in again (aws sso login, or gcloud auth application-default login)" in output
