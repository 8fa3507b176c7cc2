"""Secrets of the google provider, real or stand-in, with the real Terraform; the APIs need no engine."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import SECRETS, Google
from emulator.tests.stack import Json, Terraform

PROJECT = "temu-provider-secrets"
GENERATED = f"{SECRETS}/projects/{PROJECT}/secrets/temu-tf_generated"
GIVEN = f"{SECRETS}/projects/{PROJECT}/secrets/temu-tf-given"
NO_CHANGE = ("plan", "-detailed-exitcode", "-input=false", "-no-color")
APPLY = ("apply", "-auto-approve", "-input=false", "-no-color")
DESTROY = ("destroy", "-auto-approve", "-input=false", "-no-color")


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """The project, asked by its owner."""
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        yield Google(cloud, PROJECT, "iam", "cloudresourcemanager", "secretmanager")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Terraform works."""
    return tmp_path_factory.mktemp("terraform")


@pytest.fixture(scope="module")
def applied(google: Google, directory: Path) -> Terraform:
    """Terraform after its first apply, of a plan that was saved."""
    terraform = Terraform(directory, google.cloud, "", "terraform_google_secrets")
    terraform.run("init", "-input=false", "-no-color")
    terraform.run("plan", "-out=first", "-input=false", "-no-color")
    terraform.run("apply", "-input=false", "-no-color", "first")
    return terraform


def value(google: Google, version: str, path: str = GENERATED) -> str:
    payload: Json = google.call("GET", f"{path}/versions/{version}:access")["payload"]
    return base64.b64decode(payload["data"]).decode()


def test_generated_value_is_in_no_state_and_no_plan(applied: Terraform, google: Google, directory: Path) -> None:
    generated = value(google, "1")
    assert len(set(generated)) > 10
    assert len(generated) == 72
    shown = applied.run("show", "-json", "first")
    state = (directory / "terraform.tfstate").read_text()
    assert '"secret_data_wo"' in state
    # What a state would hold of a value that is not write-only.
    assert base64.b64encode(b"given").decode() not in state
    assert '"given"' in state
    for text in (shown, state):
        assert generated not in text
        assert generated[:36] not in text
    applied.run(*NO_CHANGE)


def test_new_generation_is_a_new_version_and_the_old_one_stays(applied: Terraform, google: Google) -> None:
    before = value(google, "1")
    said = applied.run(*APPLY, "-var=generation=2", '-var=labels={"a"="b"}')
    # The label is a change in place.
    assert "1 added, 1 changed, 1 destroyed" in said
    assert 'version = "2"' in said
    assert value(google, "1") == before != value(google, "2")
    labels = google.call("GET", GENERATED)["labels"]
    assert labels == {"a": "b", "environment": "development", "goog-terraform-provisioned": "true"}


def test_version_that_is_destroyed_by_hand_is_made_again(applied: Terraform, google: Google) -> None:
    google.call("POST", f"{GENERATED}/versions/2:destroy")
    google.call("POST", f"{GIVEN}/versions/1:disable")
    assert "1 added, 2 changed, 0 destroyed" in applied.run(*APPLY)
    assert value(google, "latest")
    assert value(google, "latest", GIVEN) == "given"


def test_what_is_there_is_imported(applied: Terraform, google: Google) -> None:
    name = GENERATED.removeprefix(f"{SECRETS}/")
    member = f"serviceAccount:temu-tf-secrets@{PROJECT}.iam.gserviceaccount.com"
    identifiers = {
        "google_secret_manager_secret.generated": name,
        "google_secret_manager_secret_iam_member.reader": f"{name} roles/secretmanager.secretAccessor {member}",
    }
    applied.run("state", "rm", *identifiers)
    for address, identifier in identifiers.items():
        applied.run("import", "-input=false", "-no-color", address, identifier)
    applied.run(*NO_CHANGE)
    assert len(google.call("GET", f"{GENERATED}/versions")["versions"]) == 3


def test_destroyed_secret_is_gone_with_its_versions(applied: Terraform, google: Google) -> None:
    applied.run(*DESTROY)
    for path in (GENERATED, GIVEN):
        assert google.refusal("GET", path)["status"] == "NOT_FOUND"
