"""A project that allows only its own domains in IAM policies: nobody else gets a role, but a service can be public."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator.tests.google_apis import Google
from emulator.tests.google_cloud_run import CloudRun, host
from emulator.tests.stack import ask
from slipway_emulator.settings import Settings

DOMAINS = "constraints/iam.allowedPolicyMemberDomains"
REFUSED = (
    "One or more users named in the policy do not belong to a permitted customer,  perhaps due to an organization "
    "policy."
)


@pytest.fixture
def restricted(run: CloudRun) -> Iterator[CloudRun]:
    """Cloud Run in a project of an organization that shares with nobody else."""
    project = f"/cloudresourcemanager/v1/projects/{run.google.project}"
    policy = {"constraint": DOMAINS, "listPolicy": {"allowedValues": ["C0rehearsal"]}}
    assert run.google.call("POST", f"{project}:setOrgPolicy", {"policy": policy}) == policy
    assert run.google.call("POST", f"{project}:getOrgPolicy", {"constraint": DOMAINS}) == policy
    run.create("temu-restricted", run.service() | {"invokerIamDisabled": True})
    yield run
    run.google.call("POST", f"{project}:clearOrgPolicy", {"constraint": DOMAINS})
    assert run.google.call("POST", f"{project}:getOrgPolicy", {"constraint": DOMAINS}) == {"constraint": DOMAINS}
    run.open("temu-restricted")
    run.delete("temu-restricted")


def test_public_role_is_refused_and_a_service_is_public_without_it(restricted: CloudRun, cloud: Settings) -> None:
    path = f"{restricted.path('temu-restricted')}:setIamPolicy"
    for member in ("allUsers", "allAuthenticatedUsers"):
        policy = {"bindings": [{"role": "roles/run.invoker", "members": [member]}]}
        error = restricted.google.refusal("POST", path, {"policy": policy})
        assert (error["code"], error["status"], error["message"]) == (400, "FAILED_PRECONDITION", REFUSED)
    mine = {"bindings": [{"role": "roles/run.invoker", "members": ["user:somebody@example.org"]}]}
    restricted.google.call("POST", path, {"policy": mine})
    assert ask(cloud, host(restricted.get("temu-restricted")["uri"])) == (200, "1")


@pytest.mark.usefixtures("restricted")
def test_other_projects_are_not_restricted(cloud: Settings) -> None:
    other = Google(cloud, "temu-unrestricted", "iam")
    accounts = f"/iam/v1/projects/{other.project}/serviceAccounts"
    account = other.call("POST", accounts, {"accountId": "somebody"})["email"]
    policy = {"bindings": [{"role": "roles/iam.serviceAccountUser", "members": ["allUsers"]}]}
    other.call("POST", f"{accounts}/{account}:setIamPolicy", {"policy": policy})


def test_other_constraints_are_unknown(run: CloudRun) -> None:
    path = f"/cloudresourcemanager/v1/projects/{run.google.project}:setOrgPolicy"
    error = run.google.refusal("POST", path, {"policy": {"constraint": "constraints/run.allowedIngress"}})
    assert f"knows one constraint, {DOMAINS}" in error["message"]
