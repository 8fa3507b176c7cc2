"""The name of a Cloud SQL instance, in the layer data applied by its role to the emulator's APIs, which need no engine.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import DNS, SECRETS, SQL, STORAGE, Google
from emulator.tests.google_databases_alone import creations
from emulator.tests.stack import Json
from tests.unit.google_layer import play

pytestmark = pytest.mark.long

NAME = "tunit-name"
NETWORK = f"projects/{NAME}/global/networks/main"
INSTANCES = f"{SQL}/projects/{NAME}/instances"
MASTER = f"{SECRETS}/projects/{NAME}/secrets/unit-{NAME}_database_master"
ROLE: Json = {"ansible.builtin.import_role": {"name": "slipway.provision.data"}}
INSTANCE = "google_sql_database_instance.this[0]"
GIVEN = {
    "data_cloud": "gcp",
    "data_database_name": "records",
    "data_deletion_protection": False,
    "data_final_snapshot_enabled": False,
    "data_network_database_zone_name": "databases",
    "data_network_vpc_id": NETWORK,
    "terraform_layer_name": "data",
    "terraform_layer_root": "gcp/data",
}


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """A new project, asked by its owner, with the bucket of the states, a network and its zone."""
    apis = ("cloudresourcemanager", "compute", "dns", "servicenetworking")
    with creations(), google_alone(tmp_path_factory.mktemp("google")) as cloud:
        owner = Google(cloud, NAME, *apis)
        owner.call("POST", f"{STORAGE}/b", {"name": f"{NAME}-state"}, project=NAME)
        owner.make_network("main")
        visible = {"networks": [{"networkUrl": f"https://www.googleapis.com/compute/v1/{NETWORK}"}]}
        # Of all regions.
        zone = {"name": "databases", "dnsName": "sql-psa.goog.", "visibility": "private"}
        owner.call("POST", f"{DNS}/projects/{NAME}/managedZones", zone | {"privateVisibilityConfig": visible})
        yield owner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the files of all runs."""
    return tmp_path_factory.mktemp("runs")


def run(google: Google, folder: Path, **variables: Any) -> str:
    """Run the role; what it says."""
    given: dict[str, Any] = GIVEN | variables
    is_applied, output = play(google, folder, ROLE, **given)
    assert is_applied, output
    return output


def instance(google: Google) -> Json:
    """The one that there is."""
    [found] = google.call("GET", INSTANCES)["items"]
    return dict(found)


def name_by_secret(google: Google) -> str:
    made = google.call("GET", MASTER)["createTime"]
    return f"unit-{NAME}-{hashlib.sha256(made.encode()).hexdigest()[:8]}"


def test_instance_is_named_by_the_secret_of_its_master(google: Google, folder: Path) -> None:
    run(google, folder)
    assert instance(google)["name"] == name_by_secret(google)


def test_instance_that_exists_keeps_its_name(google: Google, folder: Path) -> None:
    """Somebody has deleted the secret."""
    before = instance(google)
    google.call("DELETE", MASTER)
    output = run(google, folder)
    assert 'create google_secret_manager_secret.database["master"]' in output
    assert instance(google)["createTime"] == before["createTime"]
    assert instance(google)["name"] == before["name"] != name_by_secret(google)
    assert "changed=0" in run(google, folder)


def test_database_in_another_region_has_another_name(google: Google, folder: Path) -> None:
    before = instance(google)["name"]
    users = ("app", "master", "migrator", "readonly")
    lost = [INSTANCE, *(f'google_secret_manager_secret.database["{user}"]' for user in users)]
    run(google, folder, terraform_layer_region="europe-west1", terraform_layer_allow_destroy=lost)
    after = instance(google)
    assert (after["region"], after["name"]) == ("europe-west1", name_by_secret(google))
    assert after["name"] != before
