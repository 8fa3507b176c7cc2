"""The bootstrap of a Google project, applied by its role to the emulator's APIs, which need no engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import ACCOUNTS, PROJECTS, STORAGE, USAGE, Google
from emulator.tests.stack import Json
from tests.unit.google_layer import play

NAME = "tunit-bootstrap"
BUCKET = f"{NAME}-state"
BOOTSTRAP: Json = {"ansible.builtin.import_role": {"name": "slipway.provision.bootstrap"}}
POOL = f"{ACCOUNTS}/projects/{NAME}/locations/global/workloadIdentityPools/unit-github"
ROLE = f"{ACCOUNTS}/projects/{NAME}/roles/unit_deployer"
GIVEN = {
    "bootstrap_cloud": "gcp",
    "bootstrap_github_repository": "my-organization/my-repository",
    "bootstrap_trusted_members": ["user:me@example.org"],
    "terraform_layer_app": "bootstrap",
    "terraform_layer_name": "bootstrap",
    "terraform_layer_root": "gcp/bootstrap",
}


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """A new project, asked by its owner, with the bucket of the states."""
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        owner = Google(cloud, NAME)
        owner.call("POST", f"{STORAGE}/b", {"name": BUCKET}, project=NAME)
        yield owner


def bootstrap(google: Google, folder: Path, **variables: Any) -> str:
    """Run the role; what it says."""
    is_applied, output = play(google, folder, BOOTSTRAP, **(GIVEN | variables))
    assert is_applied, output
    return output


def changed(output: str) -> int:
    """How many tasks have changed something."""
    return int(output.rpartition("changed=")[2].split()[0])


def members(policy: Json) -> dict[str, list[str]]:
    return {binding["role"]: sorted(binding["members"]) for binding in policy.get("bindings", [])}


def test_project_is_made_ready_once_and_removed_and_made_ready_again(google: Google, tmp_path: Path) -> None:
    assert changed(bootstrap(google, tmp_path)) > 0
    enabled = google.call("GET", f"{USAGE}/projects/{NAME}/services", filter="state:ENABLED")["services"]
    names = {service["config"]["name"].partition(".")[0] for service in enabled}
    assert names >= {"artifactregistry", "cloudresourcemanager", "iam", "iamcredentials", "run", "sts"}
    deployer = f"serviceAccount:unit-deployer@{NAME}.iam.gserviceaccount.com"
    planner = f"serviceAccount:unit-planner@{NAME}.iam.gserviceaccount.com"
    project = members(google.call("POST", f"{PROJECTS}/{NAME}:getIamPolicy"))
    assert project[f"projects/{NAME}/roles/unit_deployer"] == [deployer]
    assert project["roles/run.developer"] == [deployer]
    assert project["roles/run.viewer"] == [planner]
    assert project["roles/serviceusage.serviceUsageConsumer"] == [deployer, planner]
    bucket = members(google.call("GET", f"{STORAGE}/b/{BUCKET}/iam"))
    assert bucket["roles/storage.objectUser"] == [deployer]
    assert bucket["roles/storage.legacyBucketReader"] == [deployer, planner]
    pool = google.call("GET", POOL)["name"]
    account = f"{ACCOUNTS}/projects/{NAME}/serviceAccounts/{deployer.partition(':')[2]}"
    assert members(google.call("POST", f"{account}:getIamPolicy")) == {
        "roles/iam.serviceAccountTokenCreator": ["user:me@example.org"],
        "roles/iam.workloadIdentityUser": [
            f"principal://iam.googleapis.com/{pool}/subject/repo:my-organization/my-repository:environment:unit"
        ],
    }
    assert changed(bootstrap(google, tmp_path)) == 0
    # Another repository is a change in place.
    said = bootstrap(google, tmp_path, bootstrap_github_repository="my-organization/other")
    assert "update google_iam_workload_identity_pool_provider.github[0]" in said
    condition = google.call("GET", f"{POOL}/providers/github")["attributeCondition"]
    assert condition == "assertion.repository == 'my-organization/other'"

    bootstrap(google, tmp_path, terraform_layer_state="absent")
    assert google.call("GET", POOL)["state"] == "DELETED"
    assert google.call("GET", ROLE)["deleted"]
    assert google.refusal("GET", account)["status"] == "NOT_FOUND"
    assert members(google.call("GET", f"{STORAGE}/b/{BUCKET}/iam")) == {}
    # What was deleted keeps its name, and is brought back.
    bootstrap(google, tmp_path)
    assert google.call("GET", POOL)["state"] == "ACTIVE"
    assert google.call("GET", f"{POOL}/providers/github")["attributeCondition"].endswith(
        "'my-organization/my-repository'"
    )
    assert "deleted" not in google.call("GET", ROLE)
