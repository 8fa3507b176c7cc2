"""IAM: service accounts, and the policies that say who may do what with a resource."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulator.tests.google_apis import ACCOUNTS, ARTIFACTS, RUN, Google, detail
from emulator.tests.stack import Json
from slipway_emulator.settings import Settings

LIST = f"{ACCOUNTS}/projects/temu-iam/serviceAccounts"
EMAIL = "temu-account@temu-iam.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    return Google(cloud, "temu-iam", "iam", "run", "artifactregistry")


@pytest.fixture
def account(google: Google) -> Iterator[str]:
    """Path of a service account."""
    wanted = {"displayName": "For a test", "description": "Of service accounts"}
    made = google.call("POST", LIST, {"accountId": "temu-account", "serviceAccount": wanted})
    assert made.items() >= (wanted | {"email": EMAIL, "name": f"projects/temu-iam/serviceAccounts/{EMAIL}"}).items()
    yield f"{ACCOUNTS}/{made['name']}"
    google.ask("DELETE", f"{ACCOUNTS}/{made['name']}")


def test_account_is_found_by_its_address_and_by_its_number(google: Google, account: str) -> None:
    found = google.call("GET", account)
    assert google.call("GET", f"{LIST}/{found['uniqueId']}") == found
    # "-" stands for the project of the account.
    assert google.call("GET", f"{ACCOUNTS}/projects/-/serviceAccounts/{EMAIL}") == found
    assert found in google.call("GET", LIST)["accounts"]
    assert google.refusal("GET", f"{ACCOUNTS}/projects/temu-tokens/serviceAccounts/{EMAIL}")["code"] in (403, 404)


def test_account_is_changed_where_the_mask_says(google: Google, account: str) -> None:
    wanted = {"displayName": "Another", "description": "This one too"}
    google.call("PATCH", account, {"serviceAccount": wanted, "updateMask": "displayName"})
    found = google.call("GET", account)
    assert (found["displayName"], found["description"]) == ("Another", "Of service accounts")
    google.call("PATCH", account, {"serviceAccount": {}, "updateMask": "description"})
    assert "description" not in google.call("GET", account)
    assert google.refusal("PATCH", account, {"serviceAccount": wanted})["status"] == "INVALID_ARGUMENT"
    body = {"serviceAccount": wanted, "updateMask": "email"}
    assert google.refusal("PATCH", account, body)["status"] == "INVALID_ARGUMENT"


def test_account_is_disabled_and_enabled(google: Google, account: str) -> None:
    google.call("POST", f"{account}:disable")
    assert google.call("GET", account)["disabled"] is True
    google.call("POST", f"{account}:enable")
    assert "disabled" not in google.call("GET", account)


def test_name_is_taken_until_the_account_is_deleted(google: Google, account: str) -> None:
    again = {"accountId": "temu-account"}
    error = google.refusal("POST", LIST, again)
    assert (error["code"], error["status"]) == (409, "ALREADY_EXISTS")
    assert google.call("DELETE", account) == {}
    assert google.refusal("GET", account)["status"] == "NOT_FOUND"
    assert google.refusal("DELETE", account)["status"] == "NOT_FOUND"
    google.call("POST", LIST, again)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"accountId": "short"},
        {"accountId": "Upper-case"},
        {"accountId": "1-begins-with-a-digit"},
        {"accountId": "ends-with-a-hyphen-"},
        {"accountId": "x" * 31},
        {"accountId": 123456},
        {"accountId": "temu-refused", "serviceAccount": []},
        {"accountId": "temu-refused", "serviceAccount": {"displayName": "x" * 101}},
        {"accountId": "temu-refused", "serviceAccount": {"description": "x" * 257}},
        {"accountId": "temu-refused", "serviceAccount": {"color": "red"}},
        {"accountId": "temu-refused", "colour": "red"},
        [],
        b"{",
    ],
)
def test_accounts_that_are_refused(google: Google, body: Any) -> None:
    assert google.refusal("POST", LIST, body)["status"] == "INVALID_ARGUMENT"


# Policies, of every kind of resource that has one.


@pytest.fixture(scope="module", params=["repository", "account"])
def resource(request: pytest.FixtureRequest, google: Google) -> Iterator[tuple[str, str]]:
    """Path of a resource with a policy, and the method that reads it."""
    if request.param == "repository":
        google.make_repository("temu-iam")
        path, reading = f"{ARTIFACTS}/{google.parent}/repositories/temu-iam", "GET"
    else:
        made = google.call("POST", LIST, {"accountId": "temu-policies"})
        path, reading = f"{ACCOUNTS}/{made['name']}", "POST"
    yield path, reading
    google.call("DELETE", path)
    assert google.refusal(reading, f"{path}:getIamPolicy")["status"] == "NOT_FOUND"


def bound(policy: Json) -> dict[str, list[str]]:
    return {binding["role"]: sorted(binding["members"]) for binding in policy.get("bindings", [])}


def test_policy_is_read_changed_and_written(google: Google, resource: tuple[str, str]) -> None:
    path, reading = resource
    policy = google.call(reading, f"{path}:getIamPolicy")
    assert policy["etag"]
    members = ["allUsers", f"serviceAccount:{EMAIL}"]
    written = google.call(
        "POST",
        f"{path}:setIamPolicy",
        {"policy": policy | {"bindings": [{"role": "roles/viewer", "members": members}]}},
    )
    assert bound(written) == {"roles/viewer": members}
    assert written["etag"] != policy["etag"]
    assert google.call(reading, f"{path}:getIamPolicy") == written
    # A binding without members is none.
    emptied = written | {"bindings": [{"role": "roles/viewer", "members": []}]}
    assert bound(google.call("POST", f"{path}:setIamPolicy", {"policy": emptied})) == {}


def test_second_of_two_writers_is_told(google: Google, resource: tuple[str, str]) -> None:
    path, reading = resource
    read = google.call(reading, f"{path}:getIamPolicy")
    first = {"bindings": [{"role": "roles/viewer", "members": ["user:first@example.org"]}]}
    second = {"bindings": [{"role": "roles/viewer", "members": ["user:second@example.org"]}]}
    google.call("POST", f"{path}:setIamPolicy", {"policy": read | first})
    error = google.refusal("POST", f"{path}:setIamPolicy", {"policy": read | second})
    assert (error["code"], error["status"]) == (409, "ABORTED")
    assert "concurrent policy changes" in error["message"]
    now = google.call(reading, f"{path}:getIamPolicy")
    assert bound(now) == {"roles/viewer": ["user:first@example.org"]}
    google.call("POST", f"{path}:setIamPolicy", {"policy": now | second})


@pytest.mark.parametrize(
    "body",
    [
        {"policy": {"bindings": [{"role": "roles/viewer", "members": ["me"]}]}},
        {"policy": {"bindings": [{"role": "viewer", "members": ["allUsers"]}]}},
        {"policy": {"bindings": [{"members": ["allUsers"]}]}},
        {"policy": {"bindings": {"role": "roles/viewer"}}},
        {"policy": {"rules": []}},
        {"policies": {}},
        "x",
    ],
)
def test_policies_that_are_refused(google: Google, resource: tuple[str, str], body: Any) -> None:
    path, reading = resource
    before = google.call(reading, f"{path}:getIamPolicy")
    assert google.refusal("POST", f"{path}:setIamPolicy", body)["status"] == "INVALID_ARGUMENT"
    assert google.call(reading, f"{path}:getIamPolicy") == before


def test_refused_field_is_named(google: Google, resource: tuple[str, str]) -> None:
    body = {"policy": {"bindings": [{"role": "roles/viewer", "members": ["me"]}]}}
    error = google.refusal("POST", f"{resource[0]}:setIamPolicy", body)
    assert detail(error, "BadRequest")["fieldViolations"][0]["field"] == "policy.bindings[0].members"


def test_policy_goes_with_its_resource(google: Google, account: str) -> None:
    policy = {"bindings": [{"role": "roles/iam.serviceAccountUser", "members": ["allUsers"]}]}
    google.call("POST", f"{account}:setIamPolicy", {"policy": policy})
    google.call("DELETE", account)
    google.call("POST", LIST, {"accountId": "temu-account"})
    assert bound(google.call("POST", f"{account}:getIamPolicy")) == {}


def test_what_is_not_there_has_no_policy(google: Google) -> None:
    path = f"{RUN}/{google.parent}/services/none:getIamPolicy"
    assert google.refusal("GET", path)["status"] == "NOT_FOUND"
