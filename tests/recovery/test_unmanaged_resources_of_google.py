"""What an interrupted apply has left in Google's half of the emulator is found by what a plan says of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

from emulator.tests.google_apis import ACCOUNTS, ARTIFACTS, LOCATION, RUN, Google
from emulator.tests.stack import google_environment, wait_until
from plugins.plugin_utils.unmanaged_resources.google import find_unmanaged
from slipway_emulator.settings import Settings

PROJECT = "trec-finders"
NAME = "trecf-hello"
DESCRIPTION = f"What {NAME} runs as"
LABELS = {"environment": "recovery", "project": "finders", "managedby": "terraform"}
REPOSITORY = f"projects/{PROJECT}/locations/{LOCATION}/repositories/{NAME}"
ACCOUNT = f"projects/{PROJECT}/serviceAccounts/{NAME}@{PROJECT}.iam.gserviceaccount.com"

Json = dict[str, Any]


def _answers(google: Google, path: str) -> bool:
    return bool(google.ask("GET", path).ok)


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Iterator[Google]:
    """The project, with a repository and an account as an interrupted apply would have left them."""
    google = Google(cloud, PROJECT, "artifactregistry", "iam", "run")
    # This emulator is late: an API that is switched on answers some seconds later.
    for path in (
        f"{ARTIFACTS}/{google.parent}/repositories",
        f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts",
        f"{RUN}/{google.parent}/services",
    ):
        wait_until(partial(_answers, google, path))
    repository = {"format": "DOCKER", "labels": LABELS}
    google.operate(ARTIFACTS, "POST", f"{google.parent}/repositories", repository, repositoryId=NAME)
    account = {"accountId": NAME, "serviceAccount": {"description": DESCRIPTION}}
    google.call("POST", f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts", account)
    yield google
    google.call("DELETE", f"{ACCOUNTS}/{ACCOUNT}")
    google.operate(ARTIFACTS, "DELETE", REPOSITORY)


@pytest.fixture
def asked(google: Google, monkeypatch: pytest.MonkeyPatch) -> GoogleCloud:
    """Asks the emulator, as a task does whose environment leads there."""
    for name, value in google_environment(google.cloud).items():
        monkeypatch.setenv(name, value)
    return GoogleCloud()


def _planned(name: str = NAME, labels: dict[str, str] = LABELS, description: str = DESCRIPTION) -> list[Json]:
    """What a plan would create: a repository, an account, a service, and what can be made twice."""
    named = {"location": LOCATION, "effective_labels": labels}
    values: dict[str, Json] = {
        "google_artifact_registry_repository": {**named, "repository_id": name},
        "google_service_account": {"account_id": name, "description": description},
        "google_cloud_run_v2_service": {**named, "name": name},
        "google_project_service": {"service": "run.googleapis.com"},
    }
    return [{"address": f"{kind}.this", "type": kind, "values": value} for kind, value in values.items()]


def test_resources_are_found_by_what_the_plan_says_of_them(asked: GoogleCloud) -> None:
    assert find_unmanaged(asked, PROJECT, _planned()) == [
        {"address": "google_artifact_registry_repository.this", "id": REPOSITORY},
        {"address": "google_service_account.this", "id": ACCOUNT},
    ]


def test_what_does_not_exist_is_not_found(asked: GoogleCloud) -> None:
    assert find_unmanaged(asked, PROJECT, _planned("trecf-absent")) == []


def test_nothing_is_found_where_no_api_is_switched_on(asked: GoogleCloud) -> None:
    assert find_unmanaged(asked, "trec-unused", _planned()) == []


def test_what_has_the_name_but_not_the_labels_is_left_alone(asked: GoogleCloud) -> None:
    others = LABELS | {"environment": "another"}
    with pytest.raises(ActionError) as caught:
        find_unmanaged(asked, PROJECT, _planned(labels=others, description="Somebody else's"))
    message = str(caught.value)
    assert "nothing was changed" in message
    assert f"google_artifact_registry_repository.this: {REPOSITORY} exists and was not made by this" in message
    assert f"google_service_account.this: {ACCOUNT} exists and was not made by this environment" in message
