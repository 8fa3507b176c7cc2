"""Resources of IAM of the google provider, real or stand-in, with the real Terraform; the APIs need no engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import ACCOUNTS, PROJECTS, STORAGE, Google
from emulator.tests.stack import Json, Terraform

PROJECT = "temu-provider-iam"
POOL = f"{ACCOUNTS}/projects/{PROJECT}/locations/global/workloadIdentityPools/temu-tf"
ROLE = f"{ACCOUNTS}/projects/{PROJECT}/roles/temu_tf"
ACCOUNT = f"projects/{PROJECT}/serviceAccounts/temu-tf-iam@{PROJECT}.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{ACCOUNT.rpartition('/')[2]}"
NO_CHANGE = ("plan", "-detailed-exitcode", "-input=false", "-no-color")
APPLY = ("apply", "-auto-approve", "-input=false", "-no-color")
DESTROY = ("destroy", "-auto-approve", "-input=false", "-no-color")


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """The project, asked by its owner, with a bucket."""
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        owner = Google(cloud, PROJECT, "iam", "iamcredentials", "cloudresourcemanager")
        owner.call("POST", f"{STORAGE}/b", {"name": PROJECT}, project=PROJECT)
        yield owner


@pytest.fixture(scope="module")
def applied(google: Google, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform after its first apply."""
    terraform = Terraform(tmp_path_factory.mktemp("terraform"), google.cloud, "", "terraform_google_iam")
    terraform.apply()
    return terraform


def bound(policy: Json) -> dict[str, list[str]]:
    return {binding["role"]: sorted(binding["members"]) for binding in policy.get("bindings", [])}


def test_resources_are_made_and_the_second_plan_is_empty(applied: Terraform, google: Google) -> None:
    project = bound(google.call("POST", f"{PROJECTS}/{PROJECT}:getIamPolicy"))
    assert project[f"projects/{PROJECT}/roles/temu_tf"] == [MEMBER]
    assert project["roles/run.viewer"] == [MEMBER]
    # What was there before stays.
    assert "roles/owner" in project
    assert bound(google.call("GET", f"{STORAGE}/b/{PROJECT}/iam")) == {"roles/storage.objectUser": [MEMBER]}
    pool = google.call("GET", POOL)["name"]
    account = google.call("POST", f"{ACCOUNTS}/{ACCOUNT}:getIamPolicy")
    assert bound(account) == {"roles/iam.workloadIdentityUser": [f"principalSet://iam.googleapis.com/{pool}/*"]}
    role = google.call("GET", ROLE)
    assert role["includedPermissions"] == ["run.routes.invoke", "run.services.setIamPolicy"]
    assert role["stage"] == "GA"
    applied.run(*NO_CHANGE)


def test_changes_are_in_place(applied: Terraform, google: Google) -> None:
    said = applied.run(*APPLY, "-var=repository=a/b", '-var=permissions=["run.jobs.run"]', "-var=disabled=true")
    assert "0 added, 3 changed, 0 destroyed" in said
    assert google.call("GET", f"{POOL}/providers/github")["attributeCondition"] == "assertion.repository == 'a/b'"
    assert google.call("GET", POOL)["disabled"] is True
    assert google.call("GET", ROLE)["includedPermissions"] == ["run.jobs.run"]
    assert "0 added, 3 changed, 0 destroyed" in applied.run(*APPLY, "-var=disabled=false")
    applied.run(*NO_CHANGE)


def test_what_is_altered_by_hand_is_put_right(applied: Terraform, google: Google) -> None:
    google.call("PUT", f"{STORAGE}/b/{PROJECT}/iam", {"bindings": []})
    google.call("POST", f"{ACCOUNTS}/{ACCOUNT}:setIamPolicy", {"policy": {"bindings": []}})
    google.call("PATCH", f"{POOL}/providers/github", {"displayName": "by hand"}, updateMask="displayName")
    assert "2 added, 1 changed, 0 destroyed" in applied.run(*APPLY)
    applied.run(*NO_CHANGE)


def test_what_is_there_is_imported(applied: Terraform) -> None:
    pool = POOL.removeprefix(f"{ACCOUNTS}/")
    names = {
        "google_project_iam_custom_role.this": f"projects/{PROJECT}/roles/temu_tf",
        'google_project_iam_member.this["predefined"]': f"{PROJECT} roles/run.viewer {MEMBER}",
        "google_storage_bucket_iam_member.this": f"b/{PROJECT} roles/storage.objectUser {MEMBER}",
        "google_iam_workload_identity_pool.this": pool,
        "google_iam_workload_identity_pool_provider.this": f"{pool}/providers/github",
    }
    for address, identifier in names.items():
        applied.run("state", "rm", address)
        applied.run("import", "-input=false", "-no-color", address, identifier)
    # What only Terraform knows is all there is to write down.
    applied.run(*APPLY)
    applied.run(*NO_CHANGE)


def test_deleted_pool_is_in_the_way_and_a_deleted_role_is_not(applied: Terraform, google: Google) -> None:
    applied.run(*DESTROY)
    assert applied.run("state", "list") == ""
    assert google.call("GET", POOL)["state"] == "DELETED"
    assert google.call("GET", ROLE)["deleted"]
    assert MEMBER not in str(google.call("POST", f"{PROJECTS}/{PROJECT}:getIamPolicy"))
    said = applied.fail(*APPLY)
    assert "Error creating WorkloadIdentityPool: googleapi: Error 409: Requested entity already exists" in said
    assert "deleted" not in google.call("GET", ROLE)
    applied.run("state", "rm", "google_project_iam_custom_role.this")
    said = applied.fail(*APPLY, "-target=google_project_iam_custom_role.this")
    assert f"Custom project role projects/{PROJECT}/roles/temu_tf already exists and must be imported" in said
