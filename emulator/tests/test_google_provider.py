"""The google provider, real or stand-in, with the real Terraform: what it made it finds again, changes, and removes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import docker
import pytest

from emulator.tests.google_apis import ACCOUNTS, ARTIFACTS, LOCATION, RUN, USAGE, Google, forget_images
from emulator.tests.stack import Terraform, ask
from slipway_emulator.settings import Settings

PROJECT = "temu-provider"
SERVICE = f"{RUN}/projects/{PROJECT}/locations/{LOCATION}/services/temu-tf"
REPOSITORY = f"{ARTIFACTS}/projects/{PROJECT}/locations/{LOCATION}/repositories/temu-tf"
ACCOUNT = f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts/temu-tf@{PROJECT}.iam.gserviceaccount.com"
REVISION_LABEL = "run.googleapis.com/revision"
NO_CHANGE = ("plan", "-detailed-exitcode", "-input=false", "-no-color")
APPLY = ("apply", "-auto-approve", "-input=false", "-no-color")
DESTROY = ("destroy", "-auto-approve", "-input=false", "-no-color")


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    return Google(cloud, PROJECT)


@pytest.fixture(scope="module")
def applied(
    cloud: Settings, google: Google, image: str, engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terraform]:
    """Terraform after its first apply."""
    directory = tmp_path_factory.mktemp("terraform-google")
    # First the repository, then the image, then what runs it: two layers of a deployment.
    Terraform(directory, cloud, "", "terraform_google").apply()
    name = f"{cloud.google_registry_address}/{PROJECT}/temu-tf/app"
    engine.images.get(image).tag(name, tag="1")
    assert google.push(engine, name, "1") == ""
    tag = google.call("GET", f"{REPOSITORY}/packages/app/tags/1")
    terraform = Terraform(directory, cloud, f"{name}@{tag['version'].rpartition('/')[2]}", "terraform_google")
    terraform.change()
    yield terraform
    forget_images(engine, cloud.google_registry_address)


@pytest.fixture
def settled(applied: Terraform) -> Iterator[Terraform]:
    """Terraform, and what it made, brought back to what the root says at the end."""
    yield applied
    applied.change()


def containers(engine: docker.DockerClient) -> list[Any]:
    found: list[Any] = engine.containers.list(all=True, filters={"label": REVISION_LABEL}, ignore_removed=True)
    return [container for container in found if f"/{PROJECT}/" in container.labels[REVISION_LABEL]]


def test_applied_service_answers(applied: Terraform, cloud: Settings, google: Google) -> None:
    uri = applied.run("output", "-raw", "uri")
    assert ask(cloud, uri.removeprefix("https://")) == (200, "1")
    service = google.call("GET", SERVICE)
    labels = {"environment": "development", "goog-terraform-provisioned": "true"}
    assert (service["uri"], service["labels"]) == (uri, labels)
    repository = google.call("GET", REPOSITORY)
    assert repository["labels"] == labels
    assert repository["cleanupPolicies"] == {
        "old": {"id": "old", "action": "DELETE", "condition": {"olderThan": "2592000s", "tagState": "UNTAGGED"}},
        "recent": {"id": "recent", "action": "KEEP", "mostRecentVersions": {"keepCount": 10}},
    }


def test_second_plan_is_empty(applied: Terraform) -> None:
    # Its exit status is 2 where something would change.
    applied.run(*NO_CHANGE)


def test_new_release_is_a_change_in_place(settled: Terraform, cloud: Settings, google: Google) -> None:
    before = google.call("GET", SERVICE)
    said = settled.run(*APPLY, "-var=release=2")
    assert "0 added, 1 changed, 0 destroyed" in said
    after = google.call("GET", SERVICE)
    assert (after["uid"], after["latestReadyRevision"] != before["latestReadyRevision"]) == (before["uid"], True)
    assert ask(cloud, after["uri"].removeprefix("https://")) == (200, "2")
    settled.run(*NO_CHANGE, "-var=release=2")


def test_release_that_does_not_start_fails_the_apply(settled: Terraform, cloud: Settings, google: Google) -> None:
    uri = google.call("GET", SERVICE)["uri"]
    said = settled.fail(*APPLY, "-var=behaviour=crash")
    assert "Error waiting for Updating Service: Error code 9, message: Revision 'temu-tf-" in said
    assert "failed to start and listen on the port defined provided by the PORT=8000" in said
    assert ask(cloud, uri.removeprefix("https://"))[0] == 200


def test_what_is_altered_by_hand_is_put_right(applied: Terraform, google: Google) -> None:
    service = google.call("GET", SERVICE)
    google.operate(
        RUN, "PATCH", SERVICE.removeprefix(f"{RUN}/"), service | {"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}
    )
    google.call(
        "PATCH", REPOSITORY, {"description": "by hand", "cleanupPolicies": {}}, updateMask="description,cleanupPolicies"
    )
    google.call("POST", f"{SERVICE}:setIamPolicy", {"policy": {"bindings": []}})
    google.call("DELETE", ACCOUNT)
    # The service and the repository; the public member, and the account with its membership, which went with it.
    assert "3 added, 2 changed, 0 destroyed" in applied.run(*APPLY)
    assert google.call("GET", SERVICE)["ingress"] == "INGRESS_TRAFFIC_ALL"
    assert google.call("GET", REPOSITORY)["description"] == "Images"
    assert google.call("GET", ACCOUNT)["displayName"] == "Runs a test"
    assert google.call("GET", f"{SERVICE}:getIamPolicy")["bindings"][0]["members"] == ["allUsers"]
    applied.run(*NO_CHANGE)


def test_member_is_taken_from_a_role_that_has_others(settled: Terraform, cloud: Settings, google: Google) -> None:
    other = "user:somebody@example.org"
    binding = {"role": "roles/run.invoker", "members": ["allUsers", other]}
    google.call("POST", f"{SERVICE}:setIamPolicy", {"policy": {"bindings": [binding]}})
    settled.run(*DESTROY, "-target=google_cloud_run_v2_service_iam_member.public")
    assert google.call("GET", f"{SERVICE}:getIamPolicy")["bindings"] == [binding | {"members": [other]}]
    assert ask(cloud, google.call("GET", SERVICE)["uri"].removeprefix("https://"))[0] == 403


def test_what_is_there_is_imported(applied: Terraform, google: Google) -> None:
    location = f"projects/{PROJECT}/locations/{LOCATION}"
    names = {
        'google_project_service.this["run"]': f"{PROJECT}/run.googleapis.com",
        "google_artifact_registry_repository.this": f"{location}/repositories/temu-tf",
        "google_service_account.this": ACCOUNT.removeprefix(f"{ACCOUNTS}/"),
        "google_cloud_run_v2_service.this[0]": f"{location}/services/temu-tf",
        "google_cloud_run_v2_service_iam_member.public[0]": f"{location}/services/temu-tf roles/run.invoker allUsers",
    }
    before = google.call("GET", SERVICE)
    for address, identifier in names.items():
        applied.run("state", "rm", address)
        applied.run("import", "-input=false", "-no-color", address, identifier)
    # What only Terraform knows is all there is to write down.
    applied.run(*APPLY)
    after = google.call("GET", SERVICE)
    assert (after["uid"], after["latestReadyRevision"]) == (before["uid"], before["latestReadyRevision"])
    applied.run(*NO_CHANGE)


def test_deletion_protection(settled: Terraform, google: Google) -> None:
    settled.change("-var=protected=true")
    said = settled.fail(*DESTROY, "-target=google_cloud_run_v2_service.this", "-var=protected=true")
    assert "cannot destroy service without setting deletion_protection=false" in said
    assert google.call("GET", SERVICE)["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"


def test_first_release_that_does_not_start_is_made_anew(settled: Terraform, cloud: Settings, google: Google) -> None:
    settled.run(*DESTROY, "-target=google_cloud_run_v2_service.this")
    said = settled.fail(*APPLY, "-var=behaviour=crash")
    assert "Error waiting to create Service: Error waiting for Creating Service: Error code 9" in said
    failed = google.call("GET", SERVICE)
    assert "is tainted, so must be replaced" in settled.run("plan", "-input=false", "-no-color")
    settled.change()
    service = google.call("GET", SERVICE)
    assert service["uid"] != failed["uid"]
    assert ask(cloud, service["uri"].removeprefix("https://")) == (200, "1")


def test_protected_first_release_that_does_not_start_is_kept(
    settled: Terraform, cloud: Settings, google: Google
) -> None:
    settled.run(*DESTROY, "-target=google_cloud_run_v2_service.this")
    settled.fail(*APPLY, "-var=behaviour=crash", "-var=protected=true")
    failed = google.call("GET", SERVICE)
    # Neither a release that starts nor the end of the protection gets past the state.
    for arguments in (("-var=protected=true",), ()):
        said = settled.fail(*APPLY, *arguments)
        assert "cannot destroy service without setting deletion_protection=false" in said
    settled.run("untaint", "google_cloud_run_v2_service.this[0]")
    settled.change("-var=protected=true")
    service = google.call("GET", SERVICE)
    assert service["uid"] == failed["uid"]
    assert ask(cloud, service["uri"].removeprefix("https://")) == (200, "1")


def test_api_that_is_off_is_named(applied: Terraform, google: Google) -> None:
    run = f"{USAGE}/projects/{PROJECT}/services/run.googleapis.com"
    google.call("POST", f"{run}:disable")
    said = applied.fail(*APPLY, "-target=google_cloud_run_v2_service.this", "-refresh=false", "-var=release=9")
    google.call("POST", f"{run}:enable")
    assert "Cloud Run Admin API has not been used in project" in said


def test_destroy_leaves_nothing(applied: Terraform, google: Google, engine: docker.DockerClient) -> None:
    assert containers(engine)
    applied.run(*DESTROY)
    assert containers(engine) == []
    # The APIs are off again, as at first; to look, they are needed.
    services = google.call("GET", f"{USAGE}/projects/{PROJECT}/services", filter="state:ENABLED")["services"]
    assert not {f"{name}.googleapis.com" for name in ("artifactregistry", "iam", "run")} & {
        service["config"]["name"] for service in services
    }
    for name in ("artifactregistry", "iam", "run"):
        google.call("POST", f"{USAGE}/projects/{PROJECT}/services/{name}.googleapis.com:enable")
    for path in (SERVICE, REPOSITORY, ACCOUNT):
        assert google.refusal("GET", path)["status"] == "NOT_FOUND"
    assert applied.run("state", "list") == ""
