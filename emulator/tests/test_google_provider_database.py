"""A network and a database of the google provider, real or stand-in, with the real Terraform and real PostgreSQL."""

from __future__ import annotations

import base64
from pathlib import Path

import docker
import pytest

from emulator.tests.google_apis import COMPUTE, SECRETS, SQL, Google
from emulator.tests.stack import Terraform
from slipway_emulator.settings import Settings

PROJECT = "temu-provider-sql"
INSTANCE = f"{SQL}/projects/{PROJECT}/instances/temu-tf-sql"
NETWORK = f"{COMPUTE}/projects/{PROJECT}/global/networks/temu-tf-sql"
NO_CHANGE = ("plan", "-detailed-exitcode", "-input=false", "-no-color")
APPLY = ("apply", "-auto-approve", "-input=false", "-no-color")
DESTROY = ("destroy", "-auto-approve", "-input=false", "-no-color")
APIS = ("compute", "dns", "cloudresourcemanager", "secretmanager", "servicenetworking", "sqladmin")


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    """The project, asked by its owner."""
    return Google(cloud, PROJECT, *APIS)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Terraform works."""
    return tmp_path_factory.mktemp("terraform")


@pytest.fixture(scope="module")
def applied(google: Google, directory: Path) -> Terraform:
    """Terraform after its first apply, of a plan that was saved."""
    terraform = Terraform(directory, google.cloud, "", "terraform_google_database")
    terraform.run("init", "-input=false", "-no-color")
    terraform.run("plan", "-out=first", "-input=false", "-no-color")
    terraform.run("apply", "-input=false", "-no-color", "first")
    return terraform


def password(google: Google) -> str:
    answer = google.call("GET", f"{SECRETS}/projects/{PROJECT}/secrets/temu-tf-sql/versions/latest:access")
    return base64.b64decode(answer["payload"]["data"]).decode()


def logs_in(engine: docker.DockerClient, password: str) -> bool:
    """Whether the first user has a password."""
    name = f"{PROJECT}:us-central1:temu-tf-sql"
    [container] = engine.containers.list(filters={"label": f"sqladmin.googleapis.com/instance={name}"})
    where = "host=127.0.0.1 sslmode=require user=postgres dbname=app"
    result = container.exec_run(["psql", "-X", "-c", "SELECT 1", where], environment={"PGPASSWORD": password})
    return bool(result.exit_code == 0)


def test_what_was_applied_needs_no_change(applied: Terraform, google: Google) -> None:
    applied.run(*NO_CHANGE)
    settings = google.call("GET", INSTANCE)["settings"]
    assert (settings["maintenanceWindow"]["day"], settings["maintenanceWindow"]["hour"]) == (7, 0)
    assert settings["storageAutoResizeLimit"] == "100"
    assert settings["deletionProtectionEnabled"]


def test_password_is_that_of_the_secret_and_in_no_state_and_no_plan(
    applied: Terraform, google: Google, engine: docker.DockerClient, directory: Path
) -> None:
    first = password(google)
    assert logs_in(engine, first)
    for text in (applied.run("show", "-json", "first"), (directory / "terraform.tfstate").read_text()):
        assert first not in text
        assert first[:36] not in text
    applied.run(*APPLY, "-var=generation=2")
    assert password(google) != first
    assert logs_in(engine, password(google))
    assert not logs_in(engine, first)


def test_labels_change_in_place(applied: Terraform, google: Google) -> None:
    said = applied.run(*APPLY, "-var=generation=2", '-var=labels={"a"="b"}')
    assert "0 added, 1 changed, 0 destroyed" in said
    address = google.call("GET", f"{COMPUTE}/projects/{PROJECT}/global/addresses/temu-tf-sql")
    assert address["labels"] == {"a": "b", "environment": "development", "goog-terraform-provisioned": "true"}


def test_what_is_there_is_imported(applied: Terraform) -> None:
    network = f"projects/{PROJECT}/global/networks/temu-tf-sql"
    instance = f"projects/{PROJECT}/instances/temu-tf-sql"
    identifiers = {
        "google_compute_network.this": network,
        "google_compute_subnetwork.this": f"projects/{PROJECT}/regions/us-central1/subnetworks/temu-tf-sql",
        "google_compute_global_address.this": f"projects/{PROJECT}/global/addresses/temu-tf-sql",
        "google_service_networking_connection.this": f"{network}:servicenetworking.googleapis.com",
        "google_dns_managed_zone.this": f"projects/{PROJECT}/managedZones/temu-tf-sql",
        "google_sql_database_instance.this": instance,
        "google_sql_database.this": f"{instance}/databases/app",
    }
    applied.run("state", "rm", *identifiers)
    for address, identifier in identifiers.items():
        applied.run("import", "-input=false", "-no-color", address, identifier)
    # The deletion policy of the connection and the labels of the range are Terraform's alone.
    said = applied.run(*APPLY, "-var=generation=2")
    assert "0 added" in said
    assert "0 destroyed" in said
    applied.run(*NO_CHANGE, "-var=generation=2")


def test_protected_instance_stays_until_it_is_not(applied: Terraform, google: Google) -> None:
    said = applied.fail(
        "destroy", "-auto-approve", "-input=false", "-no-color", "-target=google_sql_database_instance.this"
    )
    assert "failed to delete instance because deletion_protection is set to true" in said
    applied.run(*APPLY, "-var=generation=2", "-var=protected=false")
    assert not google.call("GET", INSTANCE)["settings"].get("deletionProtectionEnabled")
    # The connection's peering stays, and so does the network.
    said = applied.fail(*DESTROY, "-var=protected=false")
    assert f"is already being used by 'projects/{PROJECT}/global/networks/temu-tf-sql/peerings/" in said
    assert google.ask("GET", INSTANCE).status_code == 404
    google.call("POST", f"{NETWORK}/removePeering", {"name": "servicenetworking-googleapis-com"})
    applied.run(*DESTROY, "-var=protected=false")
    assert google.ask("GET", NETWORK).status_code == 404
