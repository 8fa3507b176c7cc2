"""The bootstrap of a Google project, applied by its role to the emulator's APIs, which need no engine.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import (
    ACCOUNTS,
    ARTIFACTS,
    LOCATION,
    PROJECTS,
    RUN,
    SECRETS,
    STORAGE,
    USAGE,
    Google,
    credentials,
)
from emulator.tests.stack import Json
from tests.unit.google_layer import APPLY, play

NAME = "tunit-bootstrap"
BUCKET = f"{NAME}-state"
BOOTSTRAP: Json = {"ansible.builtin.import_role": {"name": "slipway.provision.bootstrap"}}
POOL = f"{ACCOUNTS}/projects/{NAME}/locations/global/workloadIdentityPools/unit-github"
ROLES = [
    f"{ACCOUNTS}/projects/{NAME}/roles/unit_{which}"
    for which in ("deployer", "secrets", "secret_access", "networks", "databases", "database_secrets")
]
ROLE = ROLES[0]
SCHEDULER = "/cloudscheduler/v1"
COMPUTE = f"/compute/v1/projects/{NAME}"
ZONES = f"/dns/v1/projects/{NAME}/managedZones"
INSTANCES = f"/sqladmin/sql/v1beta4/projects/{NAME}/instances"
SECRET_LIST = f"{SECRETS}/projects/{NAME}/secrets"
# A secret that somebody else has made, which the inventory names.
NAMED = f"{SECRET_LIST}/payment"
PARENT = f"projects/{NAME}/locations/{LOCATION}"
ACCOUNT_LIST = f"{ACCOUNTS}/projects/{NAME}/serviceAccounts"
DEPLOYER, PLANNER = (f"unit-{who}@{NAME}.iam.gserviceaccount.com" for who in ("deployer", "planner"))
SERVE: Json = {"ansible.builtin.import_role": {"name": "slipway.provision.service"}}
GIVEN = {
    "bootstrap_cloud": "gcp",
    "bootstrap_github_repository": "my-organization/my-repository",
    # Of AWS: an inventory gives it to all hosts.
    "bootstrap_budget_monthly_usd": 50,
    "bootstrap_secret_names": [f"projects/{NAME}/secrets/payment"],
    "terraform_layer_app": "bootstrap",
    "terraform_layer_name": "bootstrap",
    "terraform_layer_root": "gcp/bootstrap",
}


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """A new project, asked by its owner, with the bucket of the states and a secret."""
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        owner = Google(cloud, NAME, "secretmanager")
        owner.call("POST", SECRET_LIST, {"replication": {"automatic": {}}}, secretId="payment")
        owner.call("POST", f"{NAMED}:addVersion", {"payload": {"data": "eA=="}})
        owner.call("POST", f"{STORAGE}/b", {"name": BUCKET}, project=NAME)
        yield owner


def bootstrap(google: Google, folder: Path, **variables: Any) -> str:
    """Run the role; what it says."""
    # The owner of the emulator's projects is a service account, too.
    trusted = {"bootstrap_trusted_members": [f"serviceAccount:{credentials(google.cloud).service_account_email}"]}
    given: dict[str, Any] = GIVEN | trusted | variables
    is_applied, output = play(google, folder, BOOTSTRAP, **given)
    assert is_applied, output
    return output


def changed(output: str) -> int:
    """How many tasks have changed something."""
    return int(output.rpartition("changed=")[2].split()[0])


def members(policy: Json) -> dict[str, list[str]]:
    return {binding["role"]: sorted(binding["members"]) for binding in policy.get("bindings", [])}


def test_project_is_made_ready_once(google: Google, tmp_path: Path) -> None:
    assert changed(bootstrap(google, tmp_path)) > 0
    enabled = google.call("GET", f"{USAGE}/projects/{NAME}/services", filter="state:ENABLED")["services"]
    names = {service["config"]["name"].partition(".")[0] for service in enabled}
    assert names >= {"artifactregistry", "cloudresourcemanager", "iam", "iamcredentials", "run", "sts"}
    deployer, planner = f"serviceAccount:{DEPLOYER}", f"serviceAccount:{PLANNER}"
    project = members(google.call("POST", f"{PROJECTS}/{NAME}:getIamPolicy"))
    assert project[f"projects/{NAME}/roles/unit_deployer"] == [deployer]
    assert project["roles/run.developer"] == [deployer]
    assert project["roles/run.viewer"] == [planner]
    assert project["roles/serviceusage.serviceUsageConsumer"] == [deployer, planner]
    bucket = members(google.call("GET", f"{STORAGE}/b/{BUCKET}/iam"))
    assert bucket["roles/storage.objectUser"] == [deployer]
    assert bucket["roles/storage.legacyBucketReader"] == [deployer, planner]
    pool = google.call("GET", POOL)["name"]
    assert members(google.call("POST", f"{ACCOUNT_LIST}/{DEPLOYER}:getIamPolicy")) == {
        "roles/iam.serviceAccountTokenCreator": [f"serviceAccount:{credentials(google.cloud).service_account_email}"],
        "roles/iam.workloadIdentityUser": [
            f"principal://iam.googleapis.com/{pool}/subject/repo:my-organization/my-repository:environment:unit"
        ],
    }
    assert changed(bootstrap(google, tmp_path)) == 0


def token(google: Google, email: str) -> dict[str, str]:
    """The environment variable with a token of an account."""
    authorization = str(google.impersonate(email).session.headers["Authorization"])
    return {"GOOGLE_OAUTH_ACCESS_TOKEN": authorization.removeprefix("Bearer ")}


def test_deployer_may_deploy(google: Google, tmp_path: Path) -> None:
    environment = token(google, DEPLOYER)
    is_applied, output = play(google, tmp_path, APPLY, environment=environment)
    assert is_applied, output
    service: dict[str, Any] = {
        "terraform_layer_name": "service",
        "terraform_layer_root": "gcp/service_cloud_run",
        "service_platform": "cloud_run",
        "service_region": LOCATION,
        "service_allow_unauthenticated": True,
        "service_processes": {"worker": {"command": ["celery"]}},
        "service_schedules": {"cleanup": {"command": ["flask", "cleanup"], "schedule": "cron(0 3 * * ? *)"}},
        "service_image": f"{google.cloud.google_registry_address}/{NAME}/unit-{NAME}/app@sha256:{'0' * 64}",
    }
    is_applied, output = play(google, tmp_path, SERVE, environment=environment, **service)
    # All is as it must be, but for the image, which nobody has pushed: that would take an engine.
    assert not is_applied
    assert "denied" not in output
    assert "is not ready and cannot serve traffic. Image '" in " ".join(output.split())
    # It may read the log too, of which there is none.
    shown = output.partition("cloud_run_failed | Show it")[2]
    assert f"Revision unit-{NAME}-00001-" in shown
    assert f"Revision unit-{NAME}--worker-00001-" in shown
    assert "'  | no log'" in shown
    # It destroys what it has made.
    for tasks, variables in ((SERVE, service), (APPLY, {})):
        absent = {"terraform_layer_state": "absent"} | variables
        is_applied, output = play(google, tmp_path, tasks, environment=environment, **absent)
        assert is_applied, output


# What a deployment asks for, by the role that lets it: `custom` is the project's own.
NEEDS = [
    ("roles/artifactregistry.writer", "GET", f"{ARTIFACTS}/{PARENT}/repositories/none"),
    ("roles/logging.viewer", "POST", "/logging/v2/entries:list"),
    ("roles/run.developer", "POST", f"{RUN}/{PARENT}/services"),
    ("roles/run.developer", "PATCH", f"{RUN}/{PARENT}/services/none"),
    ("roles/run.developer", "DELETE", f"{RUN}/{PARENT}/services/none"),
    ("roles/run.developer", "POST", f"{RUN}/{PARENT}/workerPools"),
    ("roles/run.developer", "PATCH", f"{RUN}/{PARENT}/jobs/none"),
    ("roles/serviceusage.serviceUsageConsumer", "GET", f"{USAGE}/projects/{NAME}/services"),
    ("roles/iam.serviceAccountUser", "GET", ACCOUNT_LIST),
    ("artifactregistry.repositories.create", "POST", f"{ARTIFACTS}/{PARENT}/repositories"),
    ("artifactregistry.repositories.delete", "DELETE", f"{ARTIFACTS}/{PARENT}/repositories/none"),
    ("artifactregistry.repositories.update", "PATCH", f"{ARTIFACTS}/{PARENT}/repositories/none"),
    ("cloudscheduler.jobs.create", "POST", f"{SCHEDULER}/{PARENT}/jobs"),
    ("cloudscheduler.jobs.delete", "DELETE", f"{SCHEDULER}/{PARENT}/jobs/none"),
    ("cloudscheduler.jobs.enable", "POST", f"{SCHEDULER}/{PARENT}/jobs/none:resume"),
    ("cloudscheduler.jobs.fullView", "", ""),
    ("cloudscheduler.jobs.get", "GET", f"{SCHEDULER}/{PARENT}/jobs/none"),
    ("cloudscheduler.jobs.list", "GET", f"{SCHEDULER}/{PARENT}/jobs"),
    ("cloudscheduler.jobs.update", "PATCH", f"{SCHEDULER}/{PARENT}/jobs/none"),
    ("iam.serviceAccounts.create", "POST", ACCOUNT_LIST),
    ("iam.serviceAccounts.delete", "DELETE", f"{ACCOUNT_LIST}/none"),
    ("iam.serviceAccounts.update", "PATCH", f"{ACCOUNT_LIST}/none"),
    ("run.jobs.setIamPolicy", "POST", f"{RUN}/{PARENT}/jobs/none:setIamPolicy"),
    ("run.services.setIamPolicy", "POST", f"{RUN}/{PARENT}/services/none:setIamPolicy"),
    ("run.routes.invoke", "", ""),
    ("secretmanager.secrets.create", "POST", SECRET_LIST),
    ("secretmanager.secrets.list", "GET", SECRET_LIST),
    ("secretmanager.secrets.delete", "DELETE", f"{SECRET_LIST}/unit-none"),
    ("secretmanager.secrets.get", "GET", f"{SECRET_LIST}/unit-none"),
    ("secretmanager.secrets.update", "PATCH", f"{SECRET_LIST}/unit-none"),
    ("secretmanager.versions.add", "POST", f"{SECRET_LIST}/unit-none:addVersion"),
    ("secretmanager.versions.enable", "POST", f"{SECRET_LIST}/unit-none/versions/1:enable"),
    ("secretmanager.secrets.getIamPolicy", "GET", f"{SECRET_LIST}/unit-none:getIamPolicy"),
    ("secretmanager.secrets.setIamPolicy", "POST", f"{SECRET_LIST}/unit-none:setIamPolicy"),
    ("secretmanager.versions.get", "GET", f"{SECRET_LIST}/unit-none/versions/latest"),
    ("secretmanager.versions.access", "GET", f"{SECRET_LIST}/unit-none_database_app/versions/1:access"),
    ("compute.globalAddresses.createInternal", "", ""),
    ("compute.globalAddresses.deleteInternal", "", ""),
    ("compute.globalAddresses.get", "GET", f"{COMPUTE}/global/addresses/none"),
    ("compute.globalAddresses.list", "GET", f"{COMPUTE}/global/addresses"),
    ("compute.globalAddresses.setLabels", "", ""),
    ("compute.globalOperations.get", "", ""),
    ("compute.networks.create", "POST", f"{COMPUTE}/global/networks"),
    ("compute.networks.delete", "DELETE", f"{COMPUTE}/global/networks/none"),
    ("compute.networks.get", "GET", f"{COMPUTE}/global/networks/none"),
    ("compute.networks.list", "GET", f"{COMPUTE}/global/networks"),
    ("compute.networks.removePeering", "", ""),
    ("compute.networks.updatePolicy", "", ""),
    ("compute.networks.use", "", ""),
    ("compute.regionOperations.get", "", ""),
    ("compute.subnetworks.create", "", ""),
    ("compute.subnetworks.delete", "DELETE", f"{COMPUTE}/regions/{LOCATION}/subnetworks/none"),
    ("compute.subnetworks.get", "GET", f"{COMPUTE}/regions/{LOCATION}/subnetworks/none"),
    ("compute.subnetworks.list", "GET", f"{COMPUTE}/regions/{LOCATION}/subnetworks"),
    ("compute.subnetworks.setPrivateIpGoogleAccess", "", ""),
    ("compute.subnetworks.use", "", ""),
    ("dns.changes.create", "", ""),
    ("dns.changes.get", "", ""),
    ("dns.managedZones.create", "POST", ZONES),
    ("dns.managedZones.delete", "DELETE", f"{ZONES}/none"),
    ("dns.managedZones.get", "GET", f"{ZONES}/none"),
    ("dns.managedZones.list", "GET", ZONES),
    ("dns.managedZones.update", "", ""),
    ("dns.networks.bindPrivateDNSZone", "", ""),
    ("dns.resourceRecordSets.create", "", ""),
    ("dns.resourceRecordSets.delete", "", ""),
    ("dns.resourceRecordSets.list", "", ""),
    ("dns.resourceRecordSets.update", "", ""),
    ("servicenetworking.services.addPeering", "", ""),
    ("servicenetworking.services.get", "", ""),
    ("cloudsql.instances.create", "POST", INSTANCES),
    ("cloudsql.instances.list", "GET", INSTANCES),
    ("cloudsql.instances.get", "GET", f"{INSTANCES}/unit-none"),
    ("cloudsql.instances.delete", "DELETE", f"{INSTANCES}/unit-none"),
    ("cloudsql.instances.update", "PATCH", f"{INSTANCES}/unit-none"),
    ("cloudsql.databases.create", "POST", f"{INSTANCES}/unit-none/databases"),
    ("cloudsql.databases.delete", "DELETE", f"{INSTANCES}/unit-none/databases/none"),
    ("cloudsql.databases.get", "GET", f"{INSTANCES}/unit-none/databases/none"),
    ("cloudsql.databases.list", "GET", f"{INSTANCES}/unit-none/databases"),
    ("cloudsql.users.create", "POST", f"{INSTANCES}/unit-none/users"),
    ("cloudsql.users.delete", "DELETE", f"{INSTANCES}/unit-none/users"),
    ("cloudsql.users.list", "GET", f"{INSTANCES}/unit-none/users"),
    ("cloudsql.users.update", "PUT", f"{INSTANCES}/unit-none/users"),
]


def may(caller: Google, permission: str, method: str, path: str) -> bool:
    """Whether somebody is let do something, though there is nothing to do it to."""
    if not method:
        asked = {"permissions": [permission]}
        return bool(caller.call("POST", f"{PROJECTS}/{NAME}:testIamPermissions", asked)["permissions"])
    body = {"resourceNames": [f"projects/{NAME}"]} if "/logging/" in path else None
    return bool(caller.ask(method, path, body).status_code != 403)


@pytest.mark.parametrize(("grant", "method", "path"), NEEDS)
def test_deployer_has_nothing_that_it_does_not_need(google: Google, grant: str, method: str, path: str) -> None:
    deployer = google.impersonate(DEPLOYER)
    assert may(deployer, grant, method, path)
    if grant.startswith("roles/"):
        policy = google.call("POST", f"{PROJECTS}/{NAME}:getIamPolicy")
        member = f"serviceAccount:{DEPLOYER}"
        lesser = [
            binding | {"members": [one for one in binding["members"] if one != member]}
            if binding["role"] == grant
            else binding
            for binding in policy["bindings"]
        ]
        google.call("POST", f"{PROJECTS}/{NAME}:setIamPolicy", {"policy": {"bindings": lesser}})
        is_let = may(deployer, grant, method, path)
        google.call("POST", f"{PROJECTS}/{NAME}:setIamPolicy", {"policy": {"bindings": policy["bindings"]}})
    else:
        roles = {path: google.call("GET", path) for path in ROLES}
        granting = {path: role for path, role in roles.items() if grant in role["includedPermissions"]}
        for own, role in granting.items():
            lesser = [permission for permission in role["includedPermissions"] if permission != grant]
            google.call("PATCH", own, {"includedPermissions": lesser}, updateMask="includedPermissions")
        is_let = may(deployer, grant, method, path)
        for own, role in granting.items():
            google.call("PATCH", own, role, updateMask="includedPermissions")
    assert not is_let


def test_every_grant_of_the_deployer_has_been_looked_at(google: Google) -> None:
    project = google.call("POST", f"{PROJECTS}/{NAME}:getIamPolicy")["bindings"]
    roles = {binding["role"] for binding in project if f"serviceAccount:{DEPLOYER}" in binding["members"]}
    custom = [google.call("GET", path) for path in ROLES]
    assert (roles - {role["name"] for role in custom}) | {
        permission for role in custom for permission in role["includedPermissions"]
    } == {grant for grant, _, _ in NEEDS}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{PROJECTS}/{NAME}:setIamPolicy"),
        ("POST", f"{ACCOUNT_LIST}/{PLANNER}:setIamPolicy"),
        ("POST", f"{ARTIFACTS}/{PARENT}/repositories/none:setIamPolicy"),
        ("PATCH", ROLE),
        ("PATCH", POOL),
        ("POST", f"{USAGE}/projects/{NAME}/services/run.googleapis.com:enable"),
        ("POST", f"{SCHEDULER}/{PARENT}/jobs/none:run"),
        ("POST", f"{RUN}/{PARENT}/workerPools/none:setIamPolicy"),
        ("GET", f"{STORAGE}/b/{NAME}-other"),
        ("DELETE", f"{STORAGE}/b/{BUCKET}"),
        ("PUT", f"{STORAGE}/b/{BUCKET}/iam"),
        ("POST", f"{STORAGE}/b?project={NAME}"),
        # Secrets of others, even one that an application may read; of those of its own, the values.
        *((method, f"{SECRET_LIST}/payment{path}") for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""))),
        ("POST", f"{NAMED}:addVersion"),
        ("POST", f"{SECRET_LIST}/other:setIamPolicy"),
        ("GET", f"{SECRET_LIST}/other/versions/latest"),
        ("GET", f"{SECRET_LIST}/unit-none/versions/1:access"),
    ],
)
def test_deployer_may_not_widen_what_it_may(google: Google, method: str, path: str) -> None:
    google.ask("POST", f"{STORAGE}/b", {"name": f"{NAME}-other"}, project=NAME)
    assert google.impersonate(DEPLOYER).refusal(method, path)["code"] == 403


def test_deployer_lets_an_application_read_a_secret_that_is_named(google: Google) -> None:
    deployer = google.impersonate(DEPLOYER)
    assert deployer.call("GET", f"{NAMED}/versions/latest")["state"] == "ENABLED"
    policy = deployer.call("GET", f"{NAMED}:getIamPolicy")
    assert deployer.call("POST", f"{NAMED}:setIamPolicy", {"policy": policy})["bindings"] == policy["bindings"]


@pytest.mark.parametrize(("grant", "method", "path"), NEEDS)
def test_planner_reads_and_changes_nothing(google: Google, grant: str, method: str, path: str) -> None:
    # Logs are shown of a deployment that has failed. Of values, a plan reads the passwords that Terraform hands over.
    value = not method and grant.endswith((".fullView", ".get", ".list"))
    reads = value or (method == "GET" and grant != "roles/logging.viewer")
    assert may(google.impersonate(PLANNER), grant, method, path) == reads


def test_planner_reads_the_states_and_writes_none(google: Google) -> None:
    planner = google.impersonate(PLANNER)
    planner.call("GET", f"{STORAGE}/b/{BUCKET}")
    planner.call("GET", f"{STORAGE}/b/{BUCKET}/o")
    upload = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=lock"
    assert planner.refusal("POST", upload)["code"] == 403
    assert google.impersonate(DEPLOYER).ask("POST", upload, b"x").ok


def test_service_runs_as_no_account_for_who_may_not_use_it(google: Google) -> None:
    services = f"{RUN}/{PARENT}/services"
    template = {"serviceAccount": PLANNER, "containers": [{"image": "docker.io/library/none"}]}
    dry = {"serviceId": "unit-acting", "validateOnly": "true"}
    google.impersonate(DEPLOYER).call("POST", services, {"template": template}, **dry)
    other = google.impersonate(google.make_account("unit-other", "roles/run.developer"))
    error = other.refusal("POST", services, {"template": template}, **dry)
    assert "Permission 'iam.serviceaccounts.actAs' denied on service account" in error["message"]


def test_change_is_in_place_and_what_was_removed_is_brought_back(google: Google, tmp_path: Path) -> None:
    # Another repository is a change in place.
    said = bootstrap(google, tmp_path, bootstrap_github_repository="my-organization/other")
    assert "update google_iam_workload_identity_pool_provider.github[0]" in said
    condition = google.call("GET", f"{POOL}/providers/github")["attributeCondition"]
    assert condition == "assertion.repository == 'my-organization/other'"

    bootstrap(google, tmp_path, terraform_layer_state="absent")
    assert google.call("GET", POOL)["state"] == "DELETED"
    assert google.call("GET", ROLE)["deleted"]
    assert google.refusal("GET", f"{ACCOUNT_LIST}/{DEPLOYER}")["status"] == "NOT_FOUND"
    assert members(google.call("GET", f"{STORAGE}/b/{BUCKET}/iam")) == {}
    # What was deleted keeps its name, and is brought back.
    bootstrap(google, tmp_path)
    assert google.call("GET", POOL)["state"] == "ACTIVE"
    assert google.call("GET", f"{POOL}/providers/github")["attributeCondition"].endswith(
        "'my-organization/my-repository'"
    )
    assert "deleted" not in google.call("GET", ROLE)
