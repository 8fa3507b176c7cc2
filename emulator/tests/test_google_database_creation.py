"""What is made of a database and its network, and in no Terraform state: in the making, failed, or left by another run.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from ministack.core.x509_utils import generate_ca

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import COMPUTE, CONNECTIONS, LOCATION, SQL, Google
from emulator.tests.google_databases_alone import ADDRESS, Creations, creations
from emulator.tests.stack import Json, Terraform, wait_until
from slipway_emulator.google.sql import databases
from slipway_emulator.google.sql.databases import Databases
from slipway_emulator.google.sql.settings import SHARED_CA

# As the Terraform root has it.
PROJECT, NAME = "temu-provider-sql", "temu-tf-sql"
INSTANCES = f"{SQL}/projects/{PROJECT}/instances"
APIS = ("compute", "dns", "cloudresourcemanager", "secretmanager", "servicenetworking", "sqladmin")
INSTANCE = "google_sql_database_instance.this"
APPLY = ("apply", "-auto-approve", "-input=false", "-no-color")
# How the shared authority is told: what else an instance is takes no part in it.
SHARED = {"ipConfiguration": {"serverCaMode": SHARED_CA}}


@pytest.fixture(scope="module")
def made() -> Iterator[Creations]:
    """Says what becomes of instances."""
    with creations() as made:
        yield made


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory, made: Creations) -> Iterator[Google]:
    """The project, asked by its owner."""
    del made
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        yield Google(cloud, PROJECT, *APIS)


@pytest.fixture(scope="module")
def network(google: Google) -> str:
    """Name of a network with its private connection."""
    return google.make_network("made-by-hand")


@pytest.fixture(scope="module")
def terraform(google: Google, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform in a root with a network and a database, before its first apply."""
    terraform = Terraform(tmp_path_factory.mktemp("terraform"), google.cloud, "", "terraform_google_database")
    terraform.run("init", "-input=false", "-no-color")
    return terraform


def wanted(network: str, name: str) -> Json:
    addresses = {"ipv4Enabled": False, "privateNetwork": network, "sslMode": "ENCRYPTED_ONLY"} | SHARED[
        "ipConfiguration"
    ]
    settings = {"tier": "db-f1-micro", "edition": "ENTERPRISE", "ipConfiguration": addresses}
    return {"name": name, "region": LOCATION, "databaseVersion": "POSTGRES_15", "settings": settings}


def state(google: Google, name: str) -> str:
    return str(google.call("GET", f"{INSTANCES}/{name}")["state"])


def test_instance_that_is_being_made_has_its_name_and_answers_nothing(
    google: Google, network: str, made: Creations
) -> None:
    made.goes_on.clear()
    google.call("POST", INSTANCES, wanted(network, "pending"))
    found = google.call("GET", f"{INSTANCES}/pending")
    assert found["state"] == "PENDING_CREATE"
    assert not found.keys() & {"dnsNames", "ipAddresses", "serverCaCert"}
    error = google.refusal("POST", INSTANCES, wanted(network, "pending"))
    assert (error["code"], error["errors"][0]["reason"]) == (409, "instanceAlreadyExists")
    error = google.refusal("PATCH", f"{INSTANCES}/pending", {"settings": {"tier": "db-g1-small"}})
    assert (error["code"], error["errors"][0]["reason"]) == (409, "operationInProgress")
    # Seen in turbot/steampipe-plugin-gcp#243.
    for path in ("databases", "databases/postgres", "users"):
        error = google.refusal("GET", f"{INSTANCES}/pending/{path}")
        text = "Invalid request: Invalid request since instance is not running."
        assert (error["code"], error["message"]) == (400, text)
    made.goes_on.set()
    wait_until(lambda: state(google, "pending") == "RUNNABLE")
    assert google.call("GET", f"{INSTANCES}/pending/databases")["items"][0]["name"] == "postgres"


def test_instance_whose_creation_fails_is_in_no_state_and_its_name_is_taken(
    google: Google, terraform: Terraform, made: Creations
) -> None:
    made.failure = "PostgreSQL does not start"
    said = terraform.fail(*APPLY, f"-target={INSTANCE}")
    made.failure = ""
    assert "Error waiting for Create Instance: PostgreSQL does not start" in said
    assert INSTANCE not in terraform.run("state", "list")
    assert state(google, NAME) == "FAILED"
    said = terraform.fail(*APPLY, f"-target={INSTANCE}")
    assert f"failed to create instance {NAME}: googleapi: Error 409: The Cloud SQL instance already exists." in said


def test_instance_that_is_being_made_has_nothing_to_import(
    google: Google, network: str, terraform: Terraform, made: Creations
) -> None:
    made.goes_on.clear()
    google.call("POST", INSTANCES, wanted(network, "early"))
    early = ("import", "-input=false", "-no-color", INSTANCE, f"projects/{PROJECT}/instances/early")
    # It has no certificate, for which the root has an output.
    assert "server_ca_cert[0].cert) The given key does not identify an element" in terraform.fail(*early)
    made.goes_on.set()
    wait_until(lambda: state(google, "early") == "RUNNABLE")
    terraform.run(*early)
    assert ADDRESS in terraform.run("state", "show", "-no-color", INSTANCE)


def test_connection_of_another_range_is_taken_over_where_that_is_asked_for(
    google: Google, terraform: Terraform
) -> None:
    target = "google_service_networking_connection.this"
    network = f"projects/{PROJECT}/global/networks/{NAME}"
    addresses = {"purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 20}
    body = addresses | {"name": "left", "network": network}
    google.call("POST", f"{COMPUTE}/projects/{PROJECT}/global/addresses", body)
    connection = google.connection(NAME)
    left = connection | {"reservedPeeringRanges": ["left"]}
    assert "error" not in google.connect("PATCH", f"{CONNECTIONS}/-", left, force="true")
    terraform.run("state", "rm", target)
    said = terraform.fail(*APPLY, f"-target={target}")
    assert "Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection." in said
    terraform.run(*APPLY, f"-target={target}", "-var=connection_updated=true")
    [found] = google.call("GET", CONNECTIONS, network=connection["network"])["connections"]
    assert found["reservedPeeringRanges"] == [NAME]


def test_instances_that_are_made_at_once_in_one_region_have_one_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2)

    def generate(**arguments: Any) -> tuple[str, str]:
        # Both are here at once where nothing keeps the second one out.
        with suppress(threading.BrokenBarrierError):
            together.wait(0.5)
        certificate, key = generate_ca(**arguments)
        return certificate, key

    monkeypatch.setattr(databases, "generate_ca", generate)
    engine: Any = None
    made, found = Databases(engine, engine, {}), []
    instances = [{"region": LOCATION, "connectionName": name, "settings": SHARED} for name in ("one", "other")]
    threads = [threading.Thread(target=lambda one=one: found.append(made.authority(one))) for one in instances]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
