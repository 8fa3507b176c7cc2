"""Workload identity federation: pools and their providers, custom roles, and tokens for a workflow's token."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from google.auth.exceptions import OAuthError, RefreshError
from google.auth.identity_pool import Credentials
from google.auth.transport.requests import Request

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import (
    ACCOUNTS,
    CLOUD_PLATFORM,
    CREDENTIALS,
    PROJECTS,
    RUN,
    STORAGE,
    USAGE,
    Google,
    detail,
)
from emulator.tests.oidc_issuer import GITHUB, Issuer, write_configuration
from emulator.tests.stack import Json
from slipway_emulator.google.api import ApiError, Routes
from slipway_emulator.google.api import Request as ApiRequest
from slipway_emulator.google.iam.roles import Roles
from slipway_emulator.google.iam.workload_identity_pools import WorkloadIdentityPools
from slipway_emulator.settings import Settings

PROJECT = "temu-federation"
POOLS = f"{ACCOUNTS}/projects/{PROJECT}/locations/global/workloadIdentityPools"
ROLES = f"{ACCOUNTS}/projects/{PROJECT}/roles"
REPOSITORY = "my-organization/my-repository"
PROVIDER: Json = {
    "displayName": "GitHub",
    "attributeMapping": {"google.subject": "assertion.sub", "attribute.repository": "assertion.repository"},
    "attributeCondition": f"assertion.repository == '{REPOSITORY}'",
    "oidc": {"issuerUri": GITHUB},
}
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "scope": CLOUD_PLATFORM,
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The APIs alone: nothing here starts a container."""
    with google_alone(tmp_path_factory.mktemp("google")) as settings:
        yield settings


@pytest.fixture(scope="module")
def owner(cloud: Settings) -> Google:
    """The project, asked by its owner."""
    return Google(cloud, PROJECT, "iam", "iamcredentials", "sts", "run")


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def provider(owner: Google, issuer: Issuer) -> str:
    """Name of a provider that trusts the issuer, for one repository."""
    owner.call("POST", POOLS, {}, workloadIdentityPoolId="temu-pool")
    oidc = {"issuerUri": GITHUB, "jwksJson": issuer.jwks}
    made = owner.call(
        "POST", f"{POOLS}/temu-pool/providers", PROVIDER | {"oidc": oidc}, workloadIdentityPoolProviderId="github"
    )
    return str(made["response"]["name"])


# -- pools and providers -----------------------------------------------------------------------------------


def test_pool_is_made_found_changed_and_listed(owner: Google) -> None:
    wanted = {"displayName": "A pool", "description": "For a test"}
    made = owner.call("POST", POOLS, wanted, workloadIdentityPoolId="temu-made")
    number = owner.call("GET", f"{PROJECTS}/{PROJECT}")["projectNumber"]
    name = f"projects/{number}/locations/global/workloadIdentityPools/temu-made"
    assert made["done"]
    assert made["name"].startswith(f"{name}/operations/")
    assert owner.call("GET", f"{ACCOUNTS}/{made['name']}")["done"]
    found = owner.call("GET", f"{POOLS}/temu-made")
    assert found == wanted | {"name": name, "state": "ACTIVE"}
    # By the project's number it is the same.
    assert owner.call("GET", f"{ACCOUNTS}/{name}") == found
    assert owner.call("GET", f"{POOLS}/temu-made:listAttestationRules") == {}
    owner.call("PATCH", f"{POOLS}/temu-made", {"displayName": "Another"}, updateMask="displayName")
    assert owner.call("GET", f"{POOLS}/temu-made") == found | {"displayName": "Another"}
    assert name in [pool["name"] for pool in owner.call("GET", POOLS)["workloadIdentityPools"]]


def test_deleted_pool_keeps_its_name_and_can_be_undeleted(owner: Google) -> None:
    owner.call("POST", POOLS, {}, workloadIdentityPoolId="temu-deleted")
    owner.call("DELETE", f"{POOLS}/temu-deleted")
    found = owner.call("GET", f"{POOLS}/temu-deleted")
    assert found["state"] == "DELETED"
    assert found["expireTime"]
    error = owner.refusal("POST", POOLS, {}, workloadIdentityPoolId="temu-deleted")
    assert (error["status"], error["message"]) == ("ALREADY_EXISTS", "Requested entity already exists")
    assert not [p for p in owner.call("GET", POOLS)["workloadIdentityPools"] if p["name"].endswith("temu-deleted")]
    shown = owner.call("GET", POOLS, showDeleted="true")["workloadIdentityPools"]
    assert [p["state"] for p in shown if p["name"].endswith("temu-deleted")] == ["DELETED"]
    owner.call("POST", f"{POOLS}/temu-deleted:undelete")
    assert owner.call("GET", f"{POOLS}/temu-deleted")["state"] == "ACTIVE"
    assert owner.refusal("POST", f"{POOLS}/temu-deleted:undelete")["status"] == "FAILED_PRECONDITION"


def test_deleted_pool_is_gone_after_thirty_days() -> None:
    now, days = 1_000_000.0, 86400
    routes = Routes()
    pools = WorkloadIdentityPools(routes, lambda: now)

    def ask(method: str, path: str, **query: str) -> Any:
        return routes.answer(ApiRequest(method, path, query, {}, b"")).content

    provider: Any = {"attributeMapping": {"google.subject": "assertion.sub"}, "oidc": {"issuerUri": "https://issuer"}}
    name = ask("POST", POOLS, workloadIdentityPoolId="temu-pool")["response"]["name"]
    providers = f"{POOLS}/temu-pool/providers"
    routes.answer(
        ApiRequest("POST", providers, {"workloadIdentityPoolProviderId": "theirs"}, {}, json.dumps(provider).encode())
    )
    assert pools.active_provider(f"{name}/providers/theirs")
    ask("DELETE", f"{POOLS}/temu-pool")
    assert not pools.active_provider(f"{name}/providers/theirs")
    now += 30 * days - 1
    assert ask("GET", f"{POOLS}/temu-pool")["state"] == "DELETED"
    now += 1
    with pytest.raises(ApiError, match="not found"):
        ask("GET", f"{POOLS}/temu-pool")
    # Another one of its name has not its providers.
    ask("POST", POOLS, workloadIdentityPoolId="temu-pool")
    assert ask("GET", providers) == {}
    assert not pools.active_provider(f"{name}/providers/theirs")


@pytest.mark.parametrize(
    ("identifier", "body"),
    [
        ("abc", {}),
        ("gcp-pool", {}),
        ("Pool", {}),
        ("x" * 33, {}),
        ("", {}),
        ("temu-refused", {"displayName": "x" * 33}),
        ("temu-refused", {"description": "x" * 257}),
        ("temu-refused", {"colour": "red"}),
    ],
)
def test_pools_that_are_refused(owner: Google, identifier: str, body: Json) -> None:
    assert owner.refusal("POST", POOLS, body, workloadIdentityPoolId=identifier)["status"] == "INVALID_ARGUMENT"


def test_pool_is_nowhere_but_global(owner: Google) -> None:
    path = POOLS.replace("/global/", "/us-central1/")
    assert owner.refusal("POST", path, {}, workloadIdentityPoolId="temu-pool")["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"attributeMapping": {}}, "attribute_mapping"),
        ({"attributeMapping": {"google.subject": "assertion.sub.extract('x')"}}, "attribute_mapping"),
        ({"attributeMapping": {"google.subject": "assertion.sub", "subject": "assertion.sub"}}, "attribute_mapping"),
        ({"oidc": {"issuerUri": "http://127.0.0.1/"}}, "oidc.issuer_uri"),
        ({"oidc": {}}, "oidc.issuer_uri"),
        ({"oidc": {"issuerUri": GITHUB, "jwksJson": "x"}}, "oidc.jwks_json"),
        ({"attributeCondition": "assertion.repository.startsWith('x')"}, "attribute_condition"),
        ({"attributeCondition": "assertion.repository == 'x' || true"}, "attribute_condition"),
        # GitHub's issuer is everybody's.
        ({"attributeCondition": ""}, "attribute_condition"),
    ],
)
@pytest.mark.usefixtures("provider")
def test_providers_that_are_refused(owner: Google, change: Json, field: str) -> None:
    error = owner.refusal(
        "POST", f"{POOLS}/temu-pool/providers", PROVIDER | change, workloadIdentityPoolProviderId="temu-refused"
    )
    assert detail(error, "BadRequest")["fieldViolations"][0]["field"] == field


def test_provider_needs_its_pool(owner: Google) -> None:
    path = f"{POOLS}/temu-none/providers"
    assert owner.refusal("POST", path, PROVIDER, workloadIdentityPoolProviderId="github")["status"] == "NOT_FOUND"


def test_provider_is_changed_deleted_and_undeleted(owner: Google) -> None:
    owner.call("POST", POOLS, {}, workloadIdentityPoolId="temu-changed")
    path = f"{POOLS}/temu-changed/providers"
    owner.call("POST", path, PROVIDER, workloadIdentityPoolProviderId="github")
    condition = {"attributeCondition": "assertion.repository == 'a/b' && assertion.ref == 'refs/heads/main'"}
    owner.call("PATCH", f"{path}/github", condition | {"displayName": "not this"}, updateMask="attributeCondition")
    found = owner.call("GET", f"{path}/github")
    assert found.items() >= (PROVIDER | condition).items()
    assert [one["name"] for one in owner.call("GET", path)["workloadIdentityPoolProviders"]] == [found["name"]]
    owner.call("DELETE", f"{path}/github")
    assert owner.call("GET", path) == {}
    error = owner.refusal("POST", path, PROVIDER, workloadIdentityPoolProviderId="github")
    assert error["status"] == "ALREADY_EXISTS"
    owner.call("POST", f"{path}/github:undelete")
    assert owner.call("GET", f"{path}/github") == found


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", POOLS), ("POST", POOLS), ("GET", ROLES), ("POST", ROLES), ("GET", f"{STORAGE}/b/temu-federation/iam")],
)
def test_who_has_no_role_administers_nothing(owner: Google, method: str, path: str) -> None:
    owner.ask("POST", f"{STORAGE}/b", {"name": PROJECT}, project=PROJECT)
    email = owner.make_account("temu-nobody")
    assert owner.impersonate(email).refusal(method, path)["code"] == 403
    owner.call("DELETE", f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts/{email}")


# -- custom roles, and policies of buckets -------------------------------------------------------------------


def test_custom_role_grants_what_it_includes(owner: Google) -> None:
    role = {"title": "Viewer", "includedPermissions": ["run.services.list"], "stage": "GA"}
    made = owner.call("POST", ROLES, {"roleId": "temu_viewer", "role": role})
    assert made.items() >= (role | {"name": f"projects/{PROJECT}/roles/temu_viewer"}).items()
    email = owner.make_account("temu-custom", made["name"])
    services = f"{RUN}/projects/{PROJECT}/locations/us-central1/services"
    viewer = owner.impersonate(email)
    viewer.call("GET", services)
    assert viewer.refusal("POST", services)["code"] == 403
    other = {"includedPermissions": ["run.services.get"], "title": "Less"}
    owner.call("PATCH", f"{ROLES}/temu_viewer", other)
    assert owner.call("GET", f"{ROLES}/temu_viewer").items() >= other.items()
    assert viewer.refusal("GET", services)["code"] == 403
    owner.call("PATCH", f"{ROLES}/temu_viewer", role, updateMask="includedPermissions")
    viewer.call("GET", services)
    assert owner.call("GET", f"{ROLES}/temu_viewer")["title"] == "Less"


def test_deleted_role_grants_nothing_keeps_its_name_and_can_be_undeleted(owner: Google) -> None:
    role = {"title": "Viewer", "includedPermissions": ["run.services.list"]}
    made = owner.call("POST", ROLES, {"roleId": "temu_deleted", "role": role})
    assert owner.refusal("POST", ROLES, {"roleId": "temu_deleted", "role": role})["status"] == "ALREADY_EXISTS"
    viewer = owner.impersonate(owner.make_account("temu-deleted", made["name"]))
    services = f"{RUN}/projects/{PROJECT}/locations/us-central1/services"
    viewer.call("GET", services)
    assert owner.call("DELETE", f"{ROLES}/temu_deleted")["deleted"]
    assert viewer.refusal("GET", services)["code"] == 403
    assert owner.call("GET", f"{ROLES}/temu_deleted")["deleted"]
    assert owner.refusal("POST", ROLES, {"roleId": "temu_deleted", "role": role})["status"] == "FAILED_PRECONDITION"
    owner.call("POST", f"{ROLES}/temu_deleted:undelete")
    viewer.call("GET", services)


def test_deleted_role_cannot_be_undeleted_after_a_week() -> None:
    now = 1_000_000.0
    routes = Routes()
    Roles(routes, lambda: now)

    def ask(method: str, path: str, body: bytes = b"") -> Any:
        return routes.answer(ApiRequest(method, path, {}, {}, body)).content

    ask("POST", ROLES, b'{"roleId": "temu", "role": {"title": "x"}}')
    ask("DELETE", f"{ROLES}/temu")
    now += 7 * 86400 + 1
    with pytest.raises(ApiError, match="cannot be undeleted"):
        ask("POST", f"{ROLES}/temu:undelete")
    now += 30 * 86400
    ask("POST", ROLES, b'{"roleId": "temu", "role": {"title": "x"}}')


@pytest.mark.parametrize(
    "body",
    [
        {"role": {}},
        {"roleId": "with-hyphen", "role": {}},
        {"roleId": "ok_role", "role": {"includedPermissions": ["run.*"]}},
        {"roleId": "ok_role", "role": {"stage": "OLD"}},
        {"roleId": "ok_role", "colour": "red"},
    ],
)
def test_roles_that_are_refused(owner: Google, body: Json) -> None:
    assert owner.refusal("POST", ROLES, body)["status"] == "INVALID_ARGUMENT"


def test_role_on_a_bucket_is_for_that_one(owner: Google) -> None:
    for name in ("temu-one", "temu-two"):
        owner.call("POST", f"{STORAGE}/b", {"name": name}, project=PROJECT)
        owner.call("POST", f"/upload/storage/v1/b/{name}/o", b"x", uploadType="media", name="some")
    email = owner.make_account("temu-bucket")
    policy = owner.call("GET", f"{STORAGE}/b/temu-one/iam", optionsRequestedPolicyVersion="3")
    assert policy["kind"] == "storage#policy"
    binding = {"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{email}"]}
    written = owner.call("PUT", f"{STORAGE}/b/temu-one/iam", policy | {"bindings": [binding]})
    assert written["bindings"] == [binding]
    reader = owner.impersonate(email)
    reader.call("GET", f"{STORAGE}/b/temu-one/o/some")
    assert reader.refusal("GET", f"{STORAGE}/b/temu-two/o/some")["code"] == 403
    assert reader.refusal("GET", f"{STORAGE}/b/temu-one")["code"] == 403
    # Of two writers the second is told.
    assert owner.refusal("PUT", f"{STORAGE}/b/temu-one/iam", policy)["code"] == 409


# -- tokens ------------------------------------------------------------------------------------------------


def exchange(owner: Google, provider: str, token: str, **others: str) -> requests.Response:
    form = EXCHANGE | {"audience": f"//iam.googleapis.com/{provider}", "subject_token": token} | others
    return requests.post(f"{owner.cloud.google_url}/sts/v1/token", data=form, timeout=10)


def refused(answer: requests.Response) -> tuple[str, str]:
    assert answer.status_code == 400, answer.text
    said = answer.json()
    return said["error"], said["error_description"]


def test_workflow_acts_as_the_account_that_trusts_its_repository(
    owner: Google, issuer: Issuer, provider: str, tmp_path: Path
) -> None:
    email = owner.make_account("temu-deployer", "roles/run.viewer")
    account = f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts/{email}"
    pool = provider.partition("/providers/")[0]
    member = f"principalSet://iam.googleapis.com/{pool}/attribute.repository/{REPOSITORY}"
    file = write_configuration(owner, tmp_path, provider, issuer.token(provider, REPOSITORY), email)
    credentials = Credentials.from_file(str(file), scopes=[CLOUD_PLATFORM])
    # Nobody is let act as the account who is not named by it.
    with pytest.raises(RefreshError, match=r"iam\.serviceAccounts\.getAccessToken.* denied on resource"):
        credentials.refresh(Request())
    owner.grant(account, "roles/iam.workloadIdentityUser", member)
    credentials.refresh(Request())
    headers = {"Authorization": f"Bearer {credentials.token}"}
    services = f"{owner.cloud.google_url}{RUN}/projects/{PROJECT}/locations/us-central1/services"
    assert requests.get(services, headers=headers, timeout=10).ok
    # What the account may not do, the workflow may not.
    assert requests.post(services, json={}, headers=headers, timeout=10).status_code == 403
    # It is in no other project's policy.
    (tmp_path / "oidc-token").write_text(issuer.token(provider, "somebody/else"))
    with pytest.raises(OAuthError, match="rejected by the attribute condition"):
        Credentials.from_file(str(file), scopes=[CLOUD_PLATFORM]).refresh(Request())


def test_subject_and_pool_are_members_too(owner: Google, issuer: Issuer, provider: str) -> None:
    pool = provider.partition("/providers/")[0]
    token = issuer.token(provider, REPOSITORY, "staging")
    for number, member in enumerate(
        (
            f"principal://iam.googleapis.com/{pool}/subject/repo:{REPOSITORY}:environment:staging",
            f"principalSet://iam.googleapis.com/{pool}/*",
        )
    ):
        email = owner.make_account(f"temu-member-{number}")
        owner.grant(f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts/{email}", "roles/iam.workloadIdentityUser", member)
        bearer = {"Authorization": f"Bearer {exchange(owner, provider, token).json()['access_token']}"}
        url = f"{owner.cloud.google_url}{CREDENTIALS}/{email}:generateAccessToken"
        assert requests.post(url, json={"scope": [CLOUD_PLATFORM]}, headers=bearer, timeout=10).ok
        other = exchange(owner, provider, issuer.token(provider, REPOSITORY, "prod")).json()["access_token"]
        bearer = {"Authorization": f"Bearer {other}"}
        answer = requests.post(url, json={"scope": [CLOUD_PLATFORM]}, headers=bearer, timeout=10)
        assert answer.ok == member.endswith("/*")


def test_role_may_be_the_workflows_own(owner: Google, issuer: Issuer, provider: str) -> None:
    token = exchange(owner, provider, issuer.token(provider, REPOSITORY)).json()
    assert (token["token_type"], token["issued_token_type"]) == ("Bearer", EXCHANGE["requested_token_type"])
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    services = f"{owner.cloud.google_url}{RUN}/projects/{PROJECT}/locations/us-central1/services"
    assert requests.get(services, headers=bearer, timeout=10).status_code == 403
    pool = provider.partition("/providers/")[0]
    member = f"principalSet://iam.googleapis.com/{pool}/attribute.repository/{REPOSITORY}"
    owner.grant(f"{PROJECTS}/{PROJECT}", "roles/run.viewer", member)
    assert requests.get(services, headers=bearer, timeout=10).ok


@pytest.mark.parametrize(
    ("claims", "error", "description"),
    [
        ({"aud": "https://example.org"}, "invalid_grant", "does not match the expected audience"),
        ({"iss": "https://example.org"}, "invalid_grant", "does not match the expected ones: https://token.actions"),
        ({"exp": int(time.time()) - 1}, "invalid_grant", "Token expired"),
        ({"exp": "x"}, "invalid_grant", "no ID token"),
        ({"sub": f"repo:{REPOSITORY}:ref:refs/heads/{'x' * 127}"}, "invalid_request", "exceeds the 127 bytes limit"),
        ({"repository": "my-organization/other"}, "unauthorized_client", "rejected by the attribute condition"),
    ],
)
def test_tokens_that_are_refused(
    owner: Google, issuer: Issuer, provider: str, claims: Json, error: str, description: str
) -> None:
    said = refused(exchange(owner, provider, issuer.token(provider, **({"repository": REPOSITORY} | claims))))
    assert said[0] == error
    assert description in said[1]


def test_token_of_another_key_is_refused(owner: Google, provider: str) -> None:
    error, description = refused(exchange(owner, provider, Issuer().token(provider, REPOSITORY)))
    assert (error, description[:37]) == ("invalid_grant", "Unable to verify the ID Token signature"[:37])
    assert refused(exchange(owner, provider, "x.y.z"))[0] == "invalid_grant"


@pytest.mark.parametrize(
    ("others", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": ""}, "invalid_scope"),
        ({"subject_token_type": "urn:ietf:params:aws:token-type:aws4_request"}, "invalid_request"),
        ({"requested_token_type": "x"}, "invalid_request"),
        (
            {"audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a/providers/b"},
            "invalid_target",
        ),
    ],
)
def test_requests_that_are_refused(
    owner: Google, issuer: Issuer, provider: str, others: dict[str, str], error: str
) -> None:
    assert refused(exchange(owner, provider, issuer.token(provider, REPOSITORY), **others))[0] == error


def test_api_that_is_off_gives_no_token(owner: Google, issuer: Issuer, provider: str) -> None:
    sts = f"{USAGE}/projects/{PROJECT}/services/sts.googleapis.com"
    owner.call("POST", f"{sts}:disable")
    try:
        answer = exchange(owner, provider, issuer.token(provider, REPOSITORY))
    finally:
        owner.call("POST", f"{sts}:enable")
    assert detail(answer.json()["error"], "ErrorInfo")["reason"] == "SERVICE_DISABLED"


def test_keys_of_the_issuer_are_not_fetched(owner: Google, issuer: Issuer) -> None:
    owner.call("POST", POOLS, {}, workloadIdentityPoolId="temu-fetch")
    made = owner.call("POST", f"{POOLS}/temu-fetch/providers", PROVIDER, workloadIdentityPoolProviderId="github")
    name = made["response"]["name"]
    assert refused(exchange(owner, name, issuer.token(name, REPOSITORY))) == (
        "invalid_grant",
        "Error connecting to the given credential's issuer.",
    )
    issuer.trusted_by(owner, name)
    assert exchange(owner, name, issuer.token(name, REPOSITORY)).ok


def test_tokens_of_a_deleted_pool_are_good_no_more(owner: Google, issuer: Issuer) -> None:
    owner.call("POST", POOLS, {}, workloadIdentityPoolId="temu-gone")
    made = owner.call("POST", f"{POOLS}/temu-gone/providers", PROVIDER, workloadIdentityPoolProviderId="github")
    name = made["response"]["name"]
    issuer.trusted_by(owner, name)
    token = exchange(owner, name, issuer.token(name, REPOSITORY)).json()["access_token"]
    url = f"{owner.cloud.google_url}{RUN}/projects/{PROJECT}/locations/us-central1/services"

    def status() -> int:
        status: int = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code
        return status

    assert status() == 403
    owner.call("DELETE", f"{POOLS}/temu-gone")
    assert status() == 401
    assert refused(exchange(owner, name, issuer.token(name, REPOSITORY)))[0] == "invalid_target"
    owner.call("POST", f"{POOLS}/temu-gone:undelete")
    assert status() == 403
    owner.call("PATCH", f"{POOLS}/temu-gone/providers/github", {"disabled": True}, updateMask="disabled")
    assert refused(exchange(owner, name, issuer.token(name, REPOSITORY)))[0] == "invalid_target"


# -- what public services need -----------------------------------------------------------------------------


def test_invoker_check_is_turned_off_by_who_may_set_policies(owner: Google) -> None:
    email = owner.make_account("temu-public", "roles/run.developer", "roles/iam.serviceAccountUser")
    runtime = owner.make_account("temu-runtime")
    deployer = owner.impersonate(email)
    services = f"{RUN}/projects/{PROJECT}/locations/us-central1/services"
    template = {"serviceAccount": runtime, "containers": [{"image": "docker.io/library/none"}]}
    dry = {"serviceId": "temu-public", "validateOnly": "true"}
    deployer.call("POST", services, {"template": template}, **dry)
    error = deployer.refusal("POST", services, {"template": template, "invokerIamDisabled": True}, **dry)
    assert "Permission 'run.services.setIamPolicy' denied on resource" in error["message"]
    owner.grant(f"{PROJECTS}/{PROJECT}", "roles/run.admin", f"serviceAccount:{email}")
    deployer.call("POST", services, {"template": template, "invokerIamDisabled": True}, **dry)
