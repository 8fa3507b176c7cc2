"""The roles that run one-off jobs beside a database of Google Cloud: the layers, users and grants, and a migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker
import pytest

from emulator.tests.google_apis import LOCATION, RUN, STORAGE, Google
from emulator.tests.google_cloud_run import short
from emulator.tests.stack import Json
from slipway_emulator.settings import Settings
from tests.unit.google_layer import play

pytestmark = pytest.mark.long

PROJECT = "temu-jobs"
NAME = f"unit-{PROJECT}"
LAYERS: list[Json] = [
    {"ansible.builtin.import_role": {"name": f"slipway.provision.{layer}"}} for layer in ("network", "data")
]
AUTHORITY: Json = {
    "ansible.builtin.copy": {
        "dest": "{{ database_access_ca_file }}",
        "content": "{{ data_outputs.database_ca_certificates }}",
        "mode": "0644",
    }
}
OF_BOTH = {
    "cloud": "gcp",
    "project": PROJECT,
    "region": LOCATION,
    "name": NAME,
    "subnet_id": "{{ network_outputs.subnet_id }}",
    "database_resource_id": "{{ data_outputs.database_instance_name }}",
    "record_store": "gcs",
    "record_bucket": f"{PROJECT}-state",
}
# Of the deployer that playbooks/bootstrap.yml makes, what these roles need; and of the planner.
DEPLOYER = (
    "roles/artifactregistry.writer",
    "roles/iam.serviceAccountUser",
    "roles/logging.viewer",
    "roles/run.developer",
    "roles/secretmanager.viewer",
)
PLANNER = ("roles/artifactregistry.reader", "roles/run.viewer", "roles/secretmanager.viewer")
SCRIPT = 'psql -X -v ON_ERROR_STOP=1 "$DATABASE_URL" -c "$STATEMENT"'


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    """A new project, asked by its owner, with the bucket of the states."""
    google = Google(cloud, PROJECT, "cloudresourcemanager", "artifactregistry", "iam", "iamcredentials", "logging")
    google.call("POST", f"{STORAGE}/b", {"name": f"{PROJECT}-state"}, project=PROJECT)
    return google


@pytest.fixture(scope="module")
def variables(google: Google, engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """What the roles are given. The application whose database is migrated is psql."""
    repository = f"{google.make_repository(PROJECT)}/app"
    engine.images.get("postgres:15-alpine").tag(repository, tag="1")
    assert google.push(engine, repository, "1") == ""
    package = f"/artifactregistry/v1/{google.parent}/repositories/{PROJECT}/packages/app/tags/1"
    return {
        **{f"{role}_{name}": value for role in ("database_access", "migration") for name, value in OF_BOTH.items()},
        "network_cloud": "gcp",
        "terraform_layer_upstream_outputs": {"network": "{{ network_outputs | default({}) }}"},
        "data_cloud": "gcp",
        "data_database_name": "taskdb",
        "data_database_url_enabled": True,
        "data_deletion_protection": False,
        "data_final_snapshot_enabled": False,
        "data_multi_az": False,
        "database_access_host": "{{ data_outputs.database_host }}",
        "database_access_database": "{{ data_outputs.database_name }}",
        "database_access_ca_file": str(tmp_path_factory.mktemp("authority") / "ca.pem"),
        "database_access_master_secret": "{{ data_outputs.master_secret_name }}",
        "database_access_secrets": "{{ data_outputs.secret_names }}",
        "database_access_service_account": "{{ data_outputs.database_access_service_account }}",
        "database_access_repository_url": repository,
        "database_access_record_key": "unit/database_access",
        "migration_image": f"{repository}@{short(google.call('GET', package)['version'])}",
        "migration_command": ["sh", "-c", SCRIPT],
        "migration_environment": {
            "PGSSLROOTCERT": "{{ data_outputs.secret_files | first }}",
            "STATEMENT": "CREATE TABLE kept (a int)",
        },
        "migration_secrets": "{{ data_outputs.migration_environment_secrets }}",
        "migration_secret_files": "{{ data_outputs.secret_files }}",
        "migration_service_account": "{{ data_outputs.migration_service_account }}",
        "migration_record_key": "unit/migration",
    }


@pytest.fixture(scope="module")
def deployer(google: Google) -> str:
    """Address of an account."""
    return make_account(google, "temu-deployer", "roles/storage.objectUser", *DEPLOYER)


def make_account(google: Google, identifier: str, of_objects: str, *roles: str) -> str:
    """An account with roles on the project and on the bucket of the states; its address."""
    account = google.make_account(identifier, *roles)
    path = f"{STORAGE}/b/{PROJECT}-state/iam"
    policy = google.call("GET", path)
    member = f"serviceAccount:{account}"
    added = [{"role": role, "members": [member]} for role in ("roles/storage.legacyBucketReader", of_objects)]
    google.call("PUT", path, policy | {"bindings": [*policy.get("bindings", []), *added]})
    return account


def role(name: str, account: str, **more: str) -> Json:
    """A role that somebody runs."""
    environment = {"GOOGLE_IMPERSONATE_SERVICE_ACCOUNT": account}
    return {"ansible.builtin.import_role": {"name": f"slipway.provision.{name}"} | more, "environment": environment}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the files of all runs."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def deployed(google: Google, folder: Path, variables: Json, deployer: str) -> str:
    """What is said by a run that makes everything."""
    jobs = [role(name, deployer) for name in ("database_access", "migration")]
    succeeds, output = play(google, folder, *LAYERS, AUTHORITY, *jobs, **variables)
    assert succeeds, output
    return output


def jobs(google: Google) -> Any:
    return google.call("GET", f"{RUN}/{google.parent}/jobs").get("jobs", [])


def test_users_are_set_and_the_migrator_has_migrated(deployed: str, google: Google) -> None:
    assert "attempts ended as they should" in deployed
    assert "CREATE TABLE" in deployed
    assert jobs(google) == []
    for name in ("database_access", "migration"):
        assert google.ask("GET", f"{STORAGE}/b/{PROJECT}-state/o/unit%2F{name}").ok
    # Of each account, the secrets that its job reads.
    policy = google.call("GET", f"/secretmanager/v1/projects/{PROJECT}/secrets/{NAME}_database_readonly:getIamPolicy")
    [binding] = policy["bindings"]
    assert binding["members"] == [f"serviceAccount:{NAME}--d@{PROJECT}.iam.gserviceaccount.com"]


@pytest.mark.usefixtures("deployed")
def test_second_run_changes_nothing_and_starts_nothing(
    google: Google, folder: Path, variables: Json, deployer: str
) -> None:
    jobs = [role(name, deployer) for name in ("database_access", "migration")]
    succeeds, output = play(google, folder, *LAYERS, AUTHORITY, *jobs, **variables)
    assert succeeds, output
    assert "changed=0" in output
    assert "attempts ended" not in output


@pytest.mark.usefixtures("deployed")
def test_dry_run_looks_and_a_planner_may_not(google: Google, folder: Path, variables: Json, deployer: str) -> None:
    record = f"{STORAGE}/b/{PROJECT}-state/o/unit%2Fdatabase_access"
    before = google.call("GET", record)
    given = variables | {"database_access_force": True}
    tasks = [*LAYERS, role("database_access", deployer)]
    succeeds, output = play(google, folder, *tasks, check=True, **given)
    assert succeeds, output
    assert "attempts ended as they should" in output
    planner = make_account(google, "temu-planner", "roles/storage.objectViewer", *PLANNER)
    succeeds, output = play(google, folder, *LAYERS, role("database_access", planner), check=True, **given)
    assert succeeds, output
    assert "because database_access_force is true" in output
    assert "role may not start it (could not run the job" in output.replace("\n", " ")
    assert google.call("GET", record) == before
    assert jobs(google) == []


@pytest.mark.usefixtures("deployed")
def test_failed_migration_says_why(google: Google, folder: Path, variables: Json, deployer: str) -> None:
    environment = variables["migration_environment"] | {"STATEMENT": "CREATE TABLE kept (b int)"}
    given = variables | {"migration_environment": environment, "migration_command": ["sh", "-c", f"{SCRIPT} "]}
    succeeds, output = play(google, folder, *LAYERS, role("migration", deployer), **given)
    assert not succeeds
    assert "ended with exit code 1" in output
    assert 'relation "kept" already exists' in output
    assert jobs(google) == []


@pytest.mark.usefixtures("deployed")
def test_what_is_recorded_is_forgotten(google: Google, folder: Path, variables: Json, deployer: str) -> None:
    tasks = [role(name, deployer, tasks_from="absent") for name in ("migration", "database_access")]
    succeeds, output = play(google, folder, *tasks, **variables)
    assert succeeds, output
    for name in ("database_access", "migration"):
        assert google.ask("GET", f"{STORAGE}/b/{PROJECT}-state/o/unit%2F{name}").status_code == 404
