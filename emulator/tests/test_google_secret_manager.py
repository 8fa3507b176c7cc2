"""Secret Manager: secrets and their versions, who may read them, and the services of Cloud Run that have them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import PROJECTS, RUN, SECRETS, Google, detail
from emulator.tests.stack import Json
from slipway_emulator.google.service_usage.api import project_number
from slipway_emulator.settings import Settings

PROJECT = "temu-secrets"
NUMBER = project_number(PROJECT)
PARENT = f"{SECRETS}/projects/{PROJECT}/secrets"
REPLICATION = {"replication": {"userManaged": {"replicas": [{"location": "us-central1"}]}}}
ACCESSOR = "roles/secretmanager.secretAccessor"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The APIs alone: nothing here starts a container."""
    with google_alone(tmp_path_factory.mktemp("google")) as settings:
        yield settings


@pytest.fixture(scope="module")
def owner(cloud: Settings) -> Google:
    """The project, asked by its owner."""
    return Google(cloud, PROJECT, "iam", "iamcredentials", "run", "secretmanager")


def make(google: Google, secret: str, *values: str) -> str:
    """Make a secret with these values, oldest first; its path."""
    google.call("POST", PARENT, REPLICATION, secretId=secret)
    for value in values:
        google.call("POST", f"{PARENT}/{secret}:addVersion", payload(value))
    return f"{PARENT}/{secret}"


def payload(value: str) -> Json:
    return {"payload": {"data": base64.b64encode(value.encode()).decode()}}


def value_of(google: Google, path: str, version: str = "latest") -> str:
    answer = google.call("GET", f"{path}/versions/{version}:access")
    return base64.b64decode(answer["payload"]["data"]).decode()


def test_life_of_a_secret(owner: Google) -> None:
    body = REPLICATION | {"labels": {"environment": "development"}}
    made = owner.call("POST", PARENT, body, secretId="Some_secret-1")
    assert made.items() >= body.items()
    assert made["name"] == f"projects/{NUMBER}/secrets/Some_secret-1"
    assert owner.call("GET", f"{PARENT}/Some_secret-1") == made
    assert made in owner.call("GET", PARENT)["secrets"]
    # By the project's number, too, which is what the answers have.
    assert owner.call("GET", f"{SECRETS}/{made['name']}") == made
    error = owner.refusal("POST", PARENT, body, secretId="Some_secret-1")
    assert (error["status"], error["message"]) == ("ALREADY_EXISTS", f"Secret [{made['name']}] already exists.")
    changed = owner.call("PATCH", f"{PARENT}/Some_secret-1", {"labels": {"a": "b"}}, updateMask="labels")
    assert changed["labels"] == {"a": "b"}
    assert owner.call("DELETE", f"{PARENT}/Some_secret-1") == {}
    error = owner.refusal("GET", f"{PARENT}/Some_secret-1")
    assert (error["status"], error["message"]) == ("NOT_FOUND", f"Secret [{made['name']}] not found.")
    assert owner.refusal("DELETE", f"{PARENT}/Some_secret-1")["status"] == "NOT_FOUND"


def test_versions_are_numbered_and_latest_is_the_newest(owner: Google) -> None:
    path = make(owner, "versions", "one", "two")
    name = f"projects/{NUMBER}/secrets/versions"
    newest, oldest = owner.call("GET", f"{path}/versions")["versions"]
    assert (newest["name"], newest["state"]) == (f"{name}/versions/2", "ENABLED")
    assert oldest["name"] == f"{name}/versions/1"
    assert owner.call("GET", f"{path}/versions/latest") == newest
    assert [value_of(owner, path, version) for version in ("1", "2", "latest")] == ["one", "two", "two"]
    for version in ("3", "0", "newest"):
        error = owner.refusal("GET", f"{path}/versions/{version}")
        assert error["message"] == f"Secret Version [{name}/versions/{version}] not found."
    for secret in ("without", "missing"):
        if secret == "without":
            make(owner, secret)
        error = owner.refusal("GET", f"{PARENT}/{secret}/versions/latest")
        assert error["message"] == f"Secret [projects/{NUMBER}/secrets/{secret}] not found or has no versions."


def test_version_that_is_disabled_or_destroyed_is_not_read(owner: Google) -> None:
    path = make(owner, "states", "one", "two")
    name = f"projects/{NUMBER}/secrets/states/versions/2"
    assert owner.call("POST", f"{path}/versions/2:disable")["state"] == "DISABLED"
    error = owner.refusal("GET", f"{path}/versions/latest:access")
    assert (error["status"], error["message"]) == (
        "FAILED_PRECONDITION",
        f"Secret Version [{name}] is in DISABLED state.",
    )
    assert owner.call("POST", f"{path}/versions/2:enable")["state"] == "ENABLED"
    assert value_of(owner, path) == "two"
    destroyed = owner.call("POST", f"{path}/versions/2:destroy", {})
    assert destroyed["state"] == "DESTROYED"
    assert destroyed["destroyTime"]
    for verb in ("enable", "disable", "destroy"):
        error = owner.refusal("POST", f"{path}/versions/2:{verb}")
        assert error["message"] == f"Secret Version [{name}] is in DESTROYED state."
    # It stays the newest one.
    assert owner.call("GET", f"{path}/versions/latest")["state"] == "DESTROYED"
    assert value_of(owner, path, "1") == "one"


@pytest.mark.parametrize(
    ("secret", "body"),
    [
        ("with.dot", REPLICATION),
        ("x" * 256, REPLICATION),
        ("nowhere", {}),
        ("nowhere", {"replication": {"userManaged": {}}}),
        ("both", {"replication": {"automatic": {}} | REPLICATION["replication"]}),
        ("label", REPLICATION | {"labels": {"Capital": "x"}}),
        ("expiring", REPLICATION | {"ttl": "3600s"}),
        ("unknown", REPLICATION | {"x": "y"}),
    ],
)
def test_wrong_secret_is_refused(owner: Google, secret: str, body: Any) -> None:
    assert owner.refusal("POST", PARENT, body, secretId=secret)["status"] == "INVALID_ARGUMENT"
    assert owner.ask("GET", f"{PARENT}/{secret}").status_code == 404


def test_wrong_changes_and_values_are_refused(owner: Google) -> None:
    path = make(owner, "wrong", "x")
    for parameters in ({}, {"updateMask": "replication"}, {"updateMask": "x"}):
        assert owner.refusal("PATCH", path, {}, **parameters)["status"] == "INVALID_ARGUMENT"
    too_large = payload("x" * (64 * 1024 + 1))
    wrong_sum = {"payload": payload("x")["payload"] | {"dataCrc32c": "1"}}
    for body in ({}, payload(""), {"payload": {"data": "?"}}, too_large, wrong_sum):
        assert owner.refusal("POST", f"{path}:addVersion", body)["status"] == "INVALID_ARGUMENT"
    assert owner.call("POST", f"{path}:addVersion", payload("x" * 64 * 1024))["state"] == "ENABLED"
    assert len(owner.call("GET", f"{path}/versions")["versions"]) == 2


def test_api_that_is_off_refuses(cloud: Settings) -> None:
    google = Google(cloud, "temu-secrets-off")
    error = google.refusal("GET", f"{SECRETS}/projects/temu-secrets-off/secrets")
    assert detail(error, "ErrorInfo")["reason"] == "SERVICE_DISABLED"
    assert error["message"].startswith("Secret Manager API has not been used in project ")


# The methods that need a permission, and a role that has it.
METHODS = {
    "secrets.list": ("GET", "", "viewer"),
    "secrets.get": ("GET", "/guarded", "viewer"),
    "secrets.update": ("PATCH", "/guarded?updateMask=labels", "admin"),
    "secrets.getIamPolicy": ("GET", "/guarded:getIamPolicy", "viewer"),
    "secrets.setIamPolicy": ("POST", "/guarded:setIamPolicy", "admin"),
    "versions.list": ("GET", "/guarded/versions", "viewer"),
    "versions.get": ("GET", "/guarded/versions/1", "viewer"),
    "versions.access": ("GET", "/guarded/versions/1:access", "secretAccessor"),
    "versions.enable": ("POST", "/guarded/versions/1:enable", "admin"),
    "versions.disable": ("POST", "/guarded/versions/2:disable", "admin"),
    "versions.destroy": ("POST", "/guarded/versions/2:destroy", "admin"),
    "secrets.create": ("POST", "?secretId=guarded-2", "admin"),
    "secrets.delete": ("DELETE", "/guarded-2", "admin"),
}
LESSER = {"admin": "viewer", "viewer": "secretAccessor", "secretAccessor": "viewer"}


def test_each_method_needs_its_permission(owner: Google) -> None:
    make(owner, "guarded", "one", "two")
    roles = {role: f"roles/secretmanager.{role}" for role in LESSER}
    accounts = {role: owner.impersonate(owner.make_account(f"temu-{role}".lower(), roles[role])) for role in roles}
    bodies = {"secrets.create": REPLICATION, "secrets.setIamPolicy": {"policy": {}}}
    for short, (method, path, role) in METHODS.items():
        body = bodies.get(short, {} if method in ("POST", "PATCH") else None)
        error = accounts[LESSER[role]].refusal(method, PARENT + path, body)
        resource = f"projects/{PROJECT}" + (
            "" if short in ("secrets.list", "secrets.create") else f"/secrets{path.partition('?')[0].partition(':')[0]}"
        )
        assert (error["status"], error["message"]) == (
            "PERMISSION_DENIED",
            f"Permission 'secretmanager.{short}' denied for resource '{resource}' (or it may not exist).",
        )
        metadata = detail(error, "ErrorInfo")["metadata"]
        assert metadata == {"permission": f"secretmanager.{short}", "resource": resource}
        accounts[role].call(method, PARENT + path, body)


def test_role_on_one_secret_is_for_that_one(owner: Google) -> None:
    mine, other = make(owner, "mine", "x"), make(owner, "other", "x")
    email = owner.make_account("temu-reader")
    reader = owner.impersonate(email)
    assert reader.refusal("GET", f"{mine}/versions/1:access")["status"] == "PERMISSION_DENIED"
    # What is not there is refused in the same words.
    assert reader.refusal("GET", f"{PARENT}/nothing/versions/1:access")["status"] == "PERMISSION_DENIED"
    owner.grant(mine, ACCESSOR, f"serviceAccount:{email}", reading="GET")
    assert value_of(reader, mine) == "x"
    assert reader.refusal("GET", f"{other}/versions/1:access")["status"] == "PERMISSION_DENIED"
    assert reader.refusal("GET", f"{mine}/versions/1")["status"] == "PERMISSION_DENIED"
    # The policy goes with the secret.
    owner.call("DELETE", mine)
    make(owner, "mine", "x")
    assert reader.refusal("GET", f"{mine}/versions/1:access")["status"] == "PERMISSION_DENIED"


def test_role_on_condition_of_the_name(owner: Google) -> None:
    mine, other = make(owner, "staging-web_key", "x"), make(owner, "prod-web_key", "x")
    email = owner.make_account("temu-condition")
    account = owner.impersonate(email)
    policy = owner.call("POST", f"{PROJECTS}/{PROJECT}:getIamPolicy")

    def grant(expression: str) -> None:
        condition = {"title": "own secrets", "expression": expression}
        binding = {"role": ACCESSOR, "members": [f"serviceAccount:{email}"], "condition": condition}
        etag = owner.call("POST", f"{PROJECTS}/{PROJECT}:getIamPolicy")["etag"]
        changed = {"policy": policy | {"etag": etag, "bindings": [*policy["bindings"], binding]}}
        owner.call("POST", f"{PROJECTS}/{PROJECT}:setIamPolicy", changed)

    grant('resource.name.extract("/secrets/{name}").startsWith("staging-")')
    assert value_of(account, mine) == "x"
    assert account.refusal("GET", f"{other}/versions/1:access")["status"] == "PERMISSION_DENIED"
    # Nothing is extracted of a name without what stands behind.
    grant('resource.name.extract("/secrets/{name}_database_").startsWith("staging-")')
    assert account.refusal("GET", f"{mine}/versions/1:access")["status"] == "PERMISSION_DENIED"
    database, others = make(owner, "staging-web_database_app", "x"), make(owner, "prod-web_database_app", "x")
    assert value_of(account, database) == "x"
    assert account.refusal("GET", f"{others}/versions/1:access")["status"] == "PERMISSION_DENIED"
    # One that is not understood here grants nothing.
    grant('resource.type == "secretmanager.googleapis.com/SecretVersion"')
    assert account.refusal("GET", f"{mine}/versions/1:access")["status"] == "PERMISSION_DENIED"


def revision_error(google: Google, secret: str, version: str, account: str) -> str:
    """Why a service with a secret in its environment does not start."""
    source = {"secretKeyRef": {"secret": secret, "version": version}}
    container = {"image": "docker.io/library/temu-none", "env": [{"name": "KEY", "valueSource": source}]}
    body = {"template": {"containers": [container], "serviceAccount": account}}
    operation = google.operate(RUN, "POST", f"{google.parent}/services", body, serviceId="temu-secret")
    google.operate(RUN, "DELETE", f"{google.parent}/services/temu-secret")
    return str(operation["error"]["message"])


def test_service_has_the_secrets_that_its_account_may_read(owner: Google) -> None:
    path = make(owner, "service", "one", "two")
    name = f"projects/{NUMBER}/secrets/service/versions"
    account = owner.make_account("temu-service")
    place = "spec.template.spec.containers[0].env[0].value_from.secret_key_ref.name"
    denied = (
        f"{place}: Permission denied on secret: {name}/1 for Revision service account {account}. The service account "
        "used must be granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the "
        "secret, project or higher level."
    )
    assert denied in revision_error(owner, "service", "1", account)
    owner.grant(path, ACCESSOR, f"serviceAccount:{account}", reading="GET")
    assert f"{place}: Secret {name}/3 was not found" in revision_error(owner, "service", "3", account)
    owner.call("POST", f"{path}/versions/1:disable")
    assert "is in DISABLED state" in revision_error(owner, "service", "1", account)
    # With one that it may read, it comes as far as its image; in full or by the short name.
    for secret in ("service", f"projects/{PROJECT}/secrets/service"):
        assert "temu-none" in revision_error(owner, secret, "2", account)
    wrong = {"template": {"containers": [{"image": "docker.io/x", "env": [{"name": "KEY", "valueSource": {}}]}]}}
    error = owner.refusal("POST", f"{RUN}/{owner.parent}/services", wrong, serviceId="temu-wrong")
    assert 'the source of "KEY" must be a secret' in error["message"]
