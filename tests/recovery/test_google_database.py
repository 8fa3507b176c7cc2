"""Runs that are killed while Terraform makes a database on Google Cloud: running again finishes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from emulator.tests.google_apis import DNS, LOCATION, SECRETS, SQL, STORAGE, Google
from emulator.tests.stack import google_environment
from slipway_emulator.settings import Settings
from tests.recovery.environment import NAME, PROJECT, Environment, Json

pytestmark = pytest.mark.long

GOOGLE_PROJECT = f"{NAME}-databases"
STATE_BUCKET = f"{GOOGLE_PROJECT}-state"
NETWORK, DATABASE = "main", "records"
INSTANCES = f"{SQL}/projects/{GOOGLE_PROJECT}/instances"
RECORDS = f"{DNS}/projects/{GOOGLE_PROJECT}/managedZones/{NAME}-{NETWORK}-databases/rrsets"


def _inventory(cloud: Settings) -> Json:
    variables = {
        "slipway_environment": NAME,
        "slipway_environment_tag": "recovery",
        "slipway_google_project": GOOGLE_PROJECT,
        "slipway_region": LOCATION,
        "slipway_state_store": "gcs",
        "slipway_state_bucket": STATE_BUCKET,
        "slipway_network": NETWORK,
        "slipway_cloud_environment": google_environment(cloud) | {"GOOGLE_PROJECT": GOOGLE_PROJECT},
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "terraform_layer_cli_config_file": str(PROJECT / ".build" / "terraform.rc"),
        "data_database_name": DATABASE,
        "data_deletion_protection": False,
        "data_final_snapshot_enabled": False,
        "data_multi_az": False,
    }
    apps: Json = {name: {} for name in ("pending", "ready", "doomed")}
    children = {
        "networks": {"hosts": {NETWORK: {}}},
        "gcp": {"hosts": {NETWORK: {}}},
        "apps": {"children": {"cloud_run": {"hosts": apps}}},
    }
    return {"all": {"vars": variables, "children": children}}


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    """The project, asked by its owner."""
    return Google(cloud, GOOGLE_PROJECT)


@pytest.fixture(scope="module")
def environment(cloud: Settings, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment, with its network."""
    environment = Environment(tmp_path_factory.mktemp("google"), _inventory(cloud))
    environment.apply(NETWORK).end().succeeded()
    return environment


def _instances(google: Google, app: str) -> list[Json]:
    answer = google.ask("GET", INSTANCES)
    items: list[Json] = answer.json().get("items", []) if answer.ok else []
    return [one for one in items if one["name"].startswith(f"{NAME}-{app}-")]


def _databases(google: Google, app: str) -> list[str]:
    """Names of the databases in the instances that run."""
    return [
        database["name"]
        for instance in _instances(google, app)
        if instance["state"] == "RUNNABLE"
        for database in google.call("GET", f"{INSTANCES}/{instance['name']}/databases").get("items", [])
    ]


def _records(google: Google, app: str) -> list[Json]:
    """The records of the names of an app's instances."""
    names = [name["name"] for instance in _instances(google, app) for name in instance.get("dnsNames", [])]
    return [one for one in google.call("GET", RECORDS).get("rrsets", []) if one["name"] in names]


def _is_in_state(google: Google, app: str, kind: str) -> bool:
    answer = google.ask("GET", f"{STORAGE}/b/{STATE_BUCKET}/o/{NAME}%2F{app}%2Fdata%2Fdefault.tfstate", alt="media")
    return bool(answer.ok) and any(resource["type"] == kind for resource in answer.json()["resources"])


def _kill(environment: Environment, app: str, condition: Callable[[], Any], what: str) -> None:
    run = environment.apply(app)
    run.until(condition, what)
    run.kill_everything()


def _finish(environment: Environment, google: Google, app: str) -> str:
    """What the run printed that finishes another; one more must have nothing to do, and the app have one database."""
    output = environment.apply(app).end().succeeded().tasks
    again = environment.apply(app).end().succeeded()
    assert again.changed == 0, again.output[-6000:]
    [instance] = _instances(google, app)
    assert instance["state"] == "RUNNABLE"
    assert _databases(google, app) == ["postgres", DATABASE]
    [record] = _records(google, app)
    assert record["rrdatas"] == [instance["ipAddresses"][0]["ipAddress"]]
    return output


def test_instance_that_is_being_made_is_imported(environment: Environment, google: Google) -> None:
    _kill(environment, "pending", lambda: _instances(google, "pending"), "the instance")
    [instance] = _instances(google, "pending")
    assert not _is_in_state(google, "pending", "google_sql_database_instance")

    output = _finish(environment, google, "pending")

    assert "An earlier run did not end" in output
    assert "import and update google_sql_database_instance.this[0]" in output
    assert [one["name"] for one in _instances(google, "pending")] == [instance["name"]]


def test_database_and_record_that_are_in_no_state_are_managed_again(environment: Environment, google: Google) -> None:
    def is_made() -> bool:
        return DATABASE in _databases(google, "ready") and bool(_records(google, "ready"))

    _kill(environment, "ready", is_made, "the database and its record")
    [instance] = _instances(google, "ready")
    assert not _is_in_state(google, "ready", "google_sql_database")

    output = _finish(environment, google, "ready")

    assert "import and update google_sql_database.this[0]" in output
    assert [one["createTime"] for one in _instances(google, "ready")] == [instance["createTime"]]


def test_instance_of_a_killed_run_can_be_destroyed(environment: Environment, google: Google) -> None:
    _kill(environment, "doomed", lambda: _instances(google, "doomed"), "the instance")
    environment.apply("doomed", terraform_layer_state="absent").end().succeeded()
    assert _instances(google, "doomed") == []
    secrets = google.call("GET", f"{SECRETS}/projects/{GOOGLE_PROJECT}/secrets").get("secrets", [])
    assert not [one for one in secrets if f"/{NAME}-doomed_" in one["name"]]
