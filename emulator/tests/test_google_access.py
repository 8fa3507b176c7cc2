"""Who may do what in Google's half: scopes of tokens, roles of accounts, and what is said to whom they lack."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import (
    ACCOUNTS,
    ARTIFACTS,
    CREDENTIALS,
    DOCKER_USER,
    LOCATION,
    PROJECTS,
    RUN,
    STORAGE,
    USAGE,
    Google,
    credentials,
    detail,
    refusal,
)
from slipway_emulator.google.api import Response, Routes
from slipway_emulator.settings import Settings

PROJECT = "temu-access"
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"
SERVICES, REPOSITORIES = f"{RUN}/{PARENT}/services", f"{ARTIFACTS}/{PARENT}/repositories"
REPOSITORY = f"{REPOSITORIES}/temu-access"
ACCOUNT_LIST = f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts"
RUN_API = f"{USAGE}/projects/{PROJECT}/services/run.googleapis.com"
BUCKET, OBJECT = f"{STORAGE}/b/temu-access", f"{STORAGE}/b/temu-access/o/some%2Fobject"
UPLOAD = "/upload/storage/v1/b/temu-access/o?uploadType=media&name=another"
SCOPE = "https://www.googleapis.com/auth/"
IMAGES = f"/v2/{PROJECT}/temu-access/app"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The APIs alone: nothing here starts a container."""
    with google_alone(tmp_path_factory.mktemp("google")) as settings:
        yield settings


@pytest.fixture(scope="module")
def owner(cloud: Settings) -> Google:
    """The project, asked by its owner: the account with the key. There is a bucket with an object, and a repository."""
    google = Google(cloud, PROJECT, "iam", "iamcredentials", "run", "artifactregistry")
    google.call("POST", f"{STORAGE}/b", {"name": "temu-access"}, project=PROJECT)
    google.call("POST", "/upload/storage/v1/b/temu-access/o", b"x", uploadType="media", name="some/object")
    google.make_repository("temu-access")
    return google


@pytest.fixture(scope="module")
def nobody(owner: Google) -> Google:
    """An account without a role."""
    return owner.impersonate(owner.make_account("temu-nobody"))


# -- scopes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "method", "path", "is_open"),
    [
        ("devstorage.read_write", "GET", BUCKET, True),
        ("devstorage.read_write", "PATCH", BUCKET, False),
        ("devstorage.full_control", "PATCH", BUCKET, True),
        ("cloud-platform", "PATCH", BUCKET, True),
        ("devstorage.read_only", "GET", OBJECT, True),
        ("devstorage.read_only", "GET", "/temu-access/some/object", True),
        ("devstorage.read_only", "POST", UPLOAD, False),
        ("devstorage.read_write", "POST", UPLOAD, True),
        ("logging.read", "GET", "/temu-access/some/object", False),
        ("devstorage.full_control", "GET", SERVICES, False),
        ("cloud-platform.read-only", "GET", SERVICES, False),
        ("cloud-platform", "GET", SERVICES, True),
        ("cloud-platform.read-only", "GET", REPOSITORIES, True),
        ("cloud-platform.read-only", "POST", REPOSITORIES, False),
        ("cloud-platform.read-only", "GET", ACCOUNT_LIST, False),
        ("cloud-platform.read-only", "GET", RUN_API, True),
        ("cloud-platform.read-only", "POST", f"{RUN_API}:enable", False),
        ("service.management", "POST", f"{RUN_API}:enable", True),
        ("cloud-platform.read-only", "GET", f"{PROJECTS}/{PROJECT}", True),
        ("devstorage.full_control", "GET", f"{PROJECTS}/{PROJECT}", False),
    ],
)
def test_token_opens_what_its_scope_says(owner: Google, scope: str, method: str, path: str, is_open: bool) -> None:
    # The caller has every role: only the scope can be in the way.
    deployer = credentials(owner.cloud).with_scopes([SCOPE + scope])
    deployer.refresh(requests_transport())
    headers = {"Authorization": f"Bearer {deployer.token}", "Content-Type": "application/json"}
    answer = requests.request(method, owner.cloud.google_url + path, headers=headers, timeout=10)
    if is_open:
        assert "scope" not in answer.text, answer.text
        return
    error = refusal(answer)
    assert error["code"] == 403
    if "/storage/" in path or path.startswith("/temu-access/"):
        assert error["message"] == "Provided scope(s) are not authorized"
        assert error["errors"][0]["reason"] == "forbidden"
    else:
        assert error["message"] == "Request had insufficient authentication scopes."
        assert detail(error, "ErrorInfo")["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


def requests_transport() -> Any:
    from google.auth.transport.requests import Request

    return Request()


# -- roles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "method", "path", "message"),
    [
        (
            "run.viewer",
            "GET",
            f"{SERVICES}/none",
            f"Permission 'run.services.get' denied on resource '{PARENT}/services/none' (or resource may not exist).",
        ),
        ("run.viewer", "GET", SERVICES, "Permission 'run.services.list' denied"),
        ("run.developer", "POST", SERVICES, "Permission 'run.services.create' denied"),
        ("run.admin", "POST", f"{SERVICES}/none:setIamPolicy", "Permission 'run.services.setIamPolicy' denied"),
        (
            "artifactregistry.admin",
            "POST",
            REPOSITORIES,
            "Permission 'artifactregistry.repositories.create' denied on resource "
            f"'//artifactregistry.googleapis.com/{PARENT}' (or it may not exist).",
        ),
        ("artifactregistry.reader", "GET", REPOSITORY, "Permission 'artifactregistry.repositories.get' denied"),
        (
            "iam.serviceAccountAdmin",
            "POST",
            ACCOUNT_LIST,
            "Permission 'iam.serviceAccounts.create' denied on resource (or it may not exist).",
        ),
        ("iam.serviceAccountUser", "GET", ACCOUNT_LIST, "Permission 'iam.serviceAccounts.list' denied"),
        ("serviceusage.serviceUsageAdmin", "POST", f"{RUN_API}:enable", "Permission denied to enable service ["),
        ("serviceusage.serviceUsageConsumer", "GET", RUN_API, "Permission denied to get service ["),
        ("browser", "GET", f"{PROJECTS}/{PROJECT}", "The caller does not have permission"),
        (
            "resourcemanager.projectIamAdmin",
            "POST",
            f"{PROJECTS}/{PROJECT}:getIamPolicy",
            "The caller does not have permission",
        ),
        (
            "storage.admin",
            "GET",
            BUCKET,
            "does not have storage.buckets.get access to the Google Cloud Storage bucket.",
        ),
        ("storage.objectViewer", "GET", OBJECT, "storage.objects.get access to the Google Cloud Storage object."),
        ("storage.objectAdmin", "POST", UPLOAD, "does not have storage.objects.create access to the"),
        (
            "storage.admin",
            "POST",
            f"{STORAGE}/b?project={PROJECT}",
            "storage.buckets.create access to the Google Cloud p",
        ),
    ],
)
def test_role_lets_do_what_nobody_may_without(
    owner: Google, nobody: Google, role: str, method: str, path: str, message: str
) -> None:
    error = nobody.refusal(method, path)
    assert error["code"] == 403
    assert message in error["message"]
    email = owner.make_account("temu-account")
    allowed = owner.impersonate(email)
    assert allowed.ask(method, path).status_code == 403
    owner.grant(f"{PROJECTS}/{PROJECT}", f"roles/{role}", f"serviceAccount:{email}")
    # What it may do can be wrong in itself: no body is sent.
    assert allowed.ask(method, path).status_code != 403
    owner.call("DELETE", f"{ACCOUNT_LIST}/{email}")


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("run.viewer", "POST", SERVICES),
        ("run.developer", "POST", f"{SERVICES}/none:setIamPolicy"),
        ("artifactregistry.writer", "POST", REPOSITORIES),
        ("iam.serviceAccountUser", "POST", ACCOUNT_LIST),
        ("serviceusage.serviceUsageConsumer", "POST", f"{RUN_API}:enable"),
        ("storage.objectAdmin", "GET", BUCKET),
        ("storage.objectViewer", "POST", UPLOAD),
        ("no.such.role", "GET", SERVICES),
    ],
)
def test_role_lets_do_no_more(owner: Google, role: str, method: str, path: str) -> None:
    email = owner.make_account("temu-narrow", f"roles/{role}")
    error = owner.impersonate(email).refusal(method, path)
    owner.call("DELETE", f"{ACCOUNT_LIST}/{email}")
    assert error["code"] == 403


def test_role_on_one_resource_is_for_that_one(owner: Google, nobody: Google) -> None:
    owner.make_repository("temu-other")
    email = owner.make_account("temu-reader")
    owner.grant(REPOSITORY, "roles/artifactregistry.reader", f"serviceAccount:{email}", "GET")
    reader = owner.impersonate(email)
    reader.call("GET", REPOSITORY)
    assert reader.refusal("GET", f"{REPOSITORIES}/temu-other")["code"] == 403
    asked = {"permissions": ["artifactregistry.repositories.get", "artifactregistry.repositories.delete"]}
    answers = [one.call("POST", f"{REPOSITORY}:testIamPermissions", asked) for one in (reader, nobody, owner)]
    assert answers == [{"permissions": asked["permissions"][:1]}, {"permissions": []}, asked]


def test_binding_with_a_condition_grants_nothing(owner: Google) -> None:
    email = owner.make_account("temu-condition")
    policy = owner.call("GET", f"{REPOSITORY}:getIamPolicy")
    binding = {
        "role": "roles/artifactregistry.reader",
        "members": [f"serviceAccount:{email}"],
        "condition": {"expression": "false", "title": "never"},
    }
    policy["bindings"] = [*policy.get("bindings", []), binding]
    owner.call("POST", f"{REPOSITORY}:setIamPolicy", {"policy": policy})
    assert owner.impersonate(email).refusal("GET", REPOSITORY)["code"] == 403


def test_account_that_gets_the_name_of_a_deleted_one_has_nothing_of_it(owner: Google) -> None:
    before = owner.make_account("temu-again", "roles/run.viewer")
    unique = owner.call("GET", f"{ACCOUNT_LIST}/{before}")["uniqueId"]
    owner.call("DELETE", f"{ACCOUNT_LIST}/{before}")
    assert owner.impersonate(owner.make_account("temu-again")).refusal("GET", SERVICES)["code"] == 403
    bindings = owner.call("POST", f"{PROJECTS}/{PROJECT}:getIamPolicy")["bindings"]
    members = [member for binding in bindings for member in binding["members"]]
    assert f"deleted:serviceAccount:{before}?uid={unique}" in members


def test_project_belongs_to_the_account_with_the_key(owner: Google) -> None:
    policy = owner.call("POST", f"{PROJECTS}/temu-untouched:getIamPolicy")
    number = owner.call("GET", f"{PROJECTS}/temu-untouched")["projectNumber"]
    assert {binding["role"]: binding["members"] for binding in policy["bindings"]} == {
        "roles/owner": [f"serviceAccount:{credentials(owner.cloud).service_account_email}"],
        "roles/run.serviceAgent": [f"serviceAccount:service-{number}@serverless-robot-prod.iam.gserviceaccount.com"],
    }
    # By its number it is the same project, and who gives the role away has it no more.
    owner.call("POST", f"{PROJECTS}/{number}:setIamPolicy", {"policy": {"bindings": policy["bindings"][1:]}})
    assert owner.refusal("GET", f"{PROJECTS}/temu-untouched")["message"] == "The caller does not have permission"


def test_denial_names_permission_and_resource(nobody: Google) -> None:
    info = detail(nobody.refusal("GET", REPOSITORY), "ErrorInfo")
    assert (info["reason"], info["domain"]) == ("IAM_PERMISSION_DENIED", "artifactregistry.googleapis.com")
    wanted = {"permission": "artifactregistry.repositories.get", "resource": f"{PARENT}/repositories/temu-access"}
    assert info["metadata"] == wanted


def test_api_that_is_off_is_said_before_who_may_not(nobody: Google) -> None:
    other = f"{RUN}/projects/temu-unused/locations/{LOCATION}/services"
    assert detail(nobody.refusal("GET", other), "ErrorInfo")["reason"] == "SERVICE_DISABLED"


# -- what a deployment asks for besides --------------------------------------------------------------------


def test_service_runs_as_an_account_only_for_who_may_act_as_it(owner: Google) -> None:
    runtime = owner.make_account("temu-runtime")
    email = owner.make_account("temu-deployer", "roles/run.admin")
    deployer = owner.impersonate(email)
    template = {"serviceAccount": runtime, "containers": [{"image": "docker.io/library/none"}]}
    dry = {"serviceId": "temu-acting", "validateOnly": "true"}
    error = deployer.refusal("POST", SERVICES, {"template": template}, **dry)
    assert error["message"] == (
        f"Permission 'iam.serviceaccounts.actAs' denied on service account {runtime} (or it may not exist)."
    )
    owner.grant(f"{ACCOUNT_LIST}/{runtime}", "roles/iam.serviceAccountUser", f"serviceAccount:{email}")
    deployer.call("POST", SERVICES, {"template": template}, **dry)


@pytest.mark.parametrize(
    ("role", "method", "status", "permission"),
    [
        ("", "GET", 403, "downloadArtifacts"),
        ("artifactregistry.reader", "GET", 404, ""),
        ("artifactregistry.reader", "PUT", 403, "uploadArtifacts"),
        ("artifactregistry.writer", "PUT", 400, ""),
    ],
)
def test_docker_needs_a_role_too(owner: Google, role: str, method: str, status: int, permission: str) -> None:
    email = owner.make_account("temu-docker", *([f"roles/{role}"] if role else []))
    token = str(owner.impersonate(email).session.headers["Authorization"]).removeprefix("Bearer ")
    basic = base64.b64encode(f"{DOCKER_USER}:{token}".encode()).decode()
    address = f"{owner.cloud.google_url}{IMAGES}/manifests/1"
    answer = requests.request(method, address, headers={"Authorization": f"Basic {basic}"}, timeout=10)
    owner.call("DELETE", f"{ACCOUNT_LIST}/{email}")
    assert answer.status_code == status
    if permission:
        assert answer.json()["errors"][0]["message"] == (
            f"Permission 'artifactregistry.repositories.{permission}' denied on resource "
            f"'//artifactregistry.googleapis.com/{PARENT}/repositories/temu-access' (or it may not exist)."
        )


def test_tokens_of_an_account_are_for_who_may_create_them(owner: Google) -> None:
    made = owner.call("POST", ACCOUNT_LIST, {"accountId": "temu-alone"})
    for method, permission in (("generateAccessToken", "getAccessToken"), ("generateIdToken", "getOpenIdToken")):
        # Not even the project's owner.
        error = owner.refusal("POST", f"{CREDENTIALS}/{made['email']}:{method}")
        assert error["message"] == (
            f"Permission 'iam.serviceAccounts.{permission}' denied on resource (or it may not exist)."
        )
    # What is not there answers the same where the project is "-".
    error = owner.refusal("GET", f"{ACCOUNTS}/projects/-/serviceAccounts/none@temu-access.iam.gserviceaccount.com")
    assert error["code"] == 403


@pytest.mark.parametrize(
    ("method", "body", "field"),
    [
        ("generateAccessToken", {}, "scope"),
        ("generateAccessToken", {"scope": ["x"], "lifetime": "3601s"}, "lifetime"),
        ("generateAccessToken", {"scope": ["x"], "lifetime": "0s"}, "lifetime"),
        ("generateIdToken", {}, "audience"),
    ],
)
def test_tokens_that_are_refused(owner: Google, method: str, body: Any, field: str) -> None:
    email = owner.make_account("temu-refused")
    error = owner.refusal("POST", f"{CREDENTIALS}/{email}:{method}", body)
    owner.call("DELETE", f"{ACCOUNT_LIST}/{email}")
    assert detail(error, "BadRequest")["fieldViolations"][0]["field"] == field


def test_project_that_pays_needs_the_api_and_lets_use_it(owner: Google, nobody: Google) -> None:
    def ask(google: Google, project: str) -> Any:
        google.session.headers["X-Goog-User-Project"] = project
        try:
            return google.ask("GET", SERVICES)
        finally:
            del google.session.headers["X-Goog-User-Project"]

    error = refusal(ask(owner, "temu-payer"))
    info = detail(error, "ErrorInfo")
    number = owner.call("GET", f"{PROJECTS}/temu-payer")["projectNumber"]
    assert (info["reason"], info["metadata"]["consumer"]) == ("SERVICE_DISABLED", f"projects/{number}")
    owner.call("POST", f"{USAGE}/projects/temu-payer/services/run.googleapis.com:enable")
    assert ask(owner, "temu-payer").ok
    assert detail(refusal(ask(nobody, "temu-payer")), "ErrorInfo")["reason"] == "USER_PROJECT_DENIED"


def test_method_whose_permission_nobody_has_written_down_is_not_served() -> None:
    with pytest.raises(LookupError, match=r"GET /run/v2/projects/\{project\}/jobs is not among the methods of "):
        Routes().add("GET", "/run/v2/projects/{project}/jobs", lambda _: Response(200, {}))
