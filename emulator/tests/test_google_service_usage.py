"""Service Usage: which APIs a project may use, and what an API says that is off."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.tests.google_apis import ACCOUNTS, ARTIFACTS, LOCATION, PROJECTS, RUN, USAGE, Google, detail
from slipway_emulator.google.api import ApiError, Request, Routes
from slipway_emulator.google.service_usage.api import ServiceUsage
from slipway_emulator.settings import Settings

SERVICES = f"{USAGE}/projects/temu-usage/services"


@pytest.fixture
def google(cloud: Settings) -> Google:
    """A project in which nothing is enabled but what a new one has."""
    google = Google(cloud, "temu-usage")
    for service in google.call("GET", SERVICES, filter="state:ENABLED", pageSize="200")["services"]:
        name = service["config"]["name"]
        if name.startswith(("artifactregistry", "iam", "run")):
            google.call("POST", f"{SERVICES}/{name}:disable")
    return google


@pytest.mark.parametrize(
    ("service", "title", "path"),
    [
        ("run.googleapis.com", "Cloud Run Admin API", f"{RUN}/projects/temu-usage/locations/{LOCATION}/services"),
        (
            "artifactregistry.googleapis.com",
            "Artifact Registry API",
            f"{ARTIFACTS}/projects/temu-usage/locations/{LOCATION}/repositories",
        ),
        (
            "iam.googleapis.com",
            "Identity and Access Management (IAM) API",
            f"{ACCOUNTS}/projects/temu-usage/serviceAccounts",
        ),
    ],
)
def test_api_that_is_off_says_how_to_switch_it_on(google: Google, service: str, title: str, path: str) -> None:
    number = google.call("GET", "/cloudresourcemanager/v1/projects/temu-usage")["projectNumber"]
    for method, where in (("GET", path), ("POST", path), ("GET", f"{path}/some-name")):
        error = google.refusal(method, where)
        assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
        assert error["message"].startswith(
            f"{title} has not been used in project {number} before or it is disabled. Enable it by visiting "
            f"https://console.developers.google.com/apis/api/{service}/overview?project={number} then retry."
        )
        info = detail(error, "ErrorInfo")
        assert (info["reason"], info["domain"]) == ("SERVICE_DISABLED", "googleapis.com")
        assert (info["metadata"]["service"], info["metadata"]["consumer"]) == (service, f"projects/{number}")
        assert detail(error, "Help")["links"][0]["url"] == info["metadata"]["activationUrl"]
    google.call("POST", f"{SERVICES}/{service}:enable")
    google.call("GET", path)
    google.call("POST", f"{SERVICES}/{service}:disable")
    assert google.refusal("GET", path)["code"] == 403


def test_api_refuses_for_a_while_after_it_was_switched_on() -> None:
    now, routes = 1_000.0, Routes()
    usage = ServiceUsage(routes, 60, lambda: now)

    def switch(what: str) -> Any:
        path = f"{SERVICES}/run.googleapis.com"
        return routes.answer(Request("POST" if what else "GET", path + what, {}, {}, b"")).content

    switch(":enable")
    now += 59
    # It counts as enabled from the first moment on, and enabling it again changes nothing.
    assert switch("")["state"] == "ENABLED"
    switch(":enable")
    with pytest.raises(ApiError, match="has not been used in project"):
        usage.require("temu-usage", "run.googleapis.com")
    # What a new project has is not late.
    usage.require("temu-usage", "logging.googleapis.com")
    now += 1
    usage.require("temu-usage", "run.googleapis.com")
    switch(":disable")
    with pytest.raises(ApiError):
        usage.require("temu-usage", "run.googleapis.com")


def test_enabling_is_an_operation_that_can_be_asked_for(google: Google) -> None:
    operation = google.call("POST", f"{SERVICES}/run.googleapis.com:enable", {})
    assert operation["done"] is True
    assert operation["response"]["@type"] == "type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse"
    assert operation["response"]["service"]["state"] == "ENABLED"
    assert google.call("GET", f"{USAGE}/{operation['name']}")["done"] is True
    # Again, as Terraform does when it imports what is there.
    google.call("POST", f"{SERVICES}/run.googleapis.com:enable")
    assert google.call("GET", f"{SERVICES}/run.googleapis.com")["state"] == "ENABLED"


def test_several_at_once_and_the_list(google: Google) -> None:
    wanted = ["iam.googleapis.com", "run.googleapis.com"]
    operation = google.call("POST", f"{SERVICES}:batchEnable", {"serviceIds": wanted})
    assert [service["config"]["name"] for service in operation["response"]["services"]] == wanted
    enabled: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = google.call("GET", SERVICES, filter="state:ENABLED", pageSize="2", **token)
        assert len(page["services"]) <= 2
        enabled += [service["config"]["name"] for service in page["services"]]
        if "nextPageToken" not in page:
            break
        token = {"pageToken": page["nextPageToken"]}
    assert set(wanted) < set(enabled)
    assert "artifactregistry.googleapis.com" not in enabled


def test_number_and_name_are_one_project(google: Google) -> None:
    project = google.call("GET", "/cloudresourcemanager/v1/projects/temu-usage")
    assert (project["projectId"], project["lifecycleState"]) == ("temu-usage", "ACTIVE")
    google.call("POST", f"{USAGE}/projects/{project['projectNumber']}/services/run.googleapis.com:enable")
    assert google.call("GET", f"{SERVICES}/run.googleapis.com")["state"] == "ENABLED"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"{SERVICES}/run.googleapis.com:disable", {}, "FAILED_PRECONDITION"),
        ("POST", f"{SERVICES}/nonsense.googleapis.com:enable", {}, "PERMISSION_DENIED"),
        ("GET", f"{SERVICES}/nonsense.googleapis.com", None, "PERMISSION_DENIED"),
        ("GET", f"{USAGE}/projects/x/services", None, "PERMISSION_DENIED"),
        ("GET", f"{SERVICES}?filter=name:x", None, "INVALID_ARGUMENT"),
        ("GET", f"{SERVICES}?pageSize=many", None, "INVALID_ARGUMENT"),
        ("GET", f"{SERVICES}?pageToken=x", None, "INVALID_ARGUMENT"),
        ("POST", f"{SERVICES}:batchEnable", {}, "INVALID_ARGUMENT"),
        ("POST", f"{SERVICES}:batchEnable", {"serviceIds": ["run.googleapis.com"] * 21}, "INVALID_ARGUMENT"),
        ("POST", f"{SERVICES}:batchEnable", {"serviceIds": "run.googleapis.com"}, "INVALID_ARGUMENT"),
        ("POST", f"{SERVICES}:batchEnable", {"services": []}, "INVALID_ARGUMENT"),
        ("GET", f"{USAGE}/operations/none", None, "NOT_FOUND"),
        ("GET", f"{USAGE}/nothing/here", None, "NOT_FOUND"),
        ("DELETE", f"{SERVICES}/run.googleapis.com", None, "NOT_FOUND"),
    ],
)
def test_bad_requests(google: Google, method: str, path: str, body: object, status: str) -> None:
    assert google.refusal(method, path, body)["status"] == status


def test_project_that_was_deleted_is_refused_until_it_is_restored(cloud: Settings) -> None:
    google = Google(cloud, "temu-deleted", "run")
    path = f"{PROJECTS}/{google.project}"
    services = f"{RUN}/{google.parent}/services"
    assert google.call("GET", path)["lifecycleState"] == "ACTIVE"
    google.call("GET", services)
    google.call("DELETE", path)
    assert google.call("GET", path)["lifecycleState"] == "DELETE_REQUESTED"
    error = google.refusal("GET", services)
    assert (error["status"], detail(error, "ErrorInfo")["reason"]) == ("PERMISSION_DENIED", "CONSUMER_INVALID")
    assert google.refusal("DELETE", path)["status"] == "FAILED_PRECONDITION"
    google.call("POST", f"{path}:undelete")
    google.call("GET", services)
    assert google.refusal("POST", f"{path}:undelete")["status"] == "FAILED_PRECONDITION"
