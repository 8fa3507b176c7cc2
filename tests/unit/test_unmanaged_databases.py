"""Instances of Cloud SQL and databases that an interrupted apply has left are found by what a plan says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import LOCATION, SQL, Google
from emulator.tests.google_databases_alone import Creations, creations
from emulator.tests.stack import Json, google_environment
from plugins.plugin_utils.unmanaged_resources import google as finders
from plugins.plugin_utils.unmanaged_resources.google import find_unmanaged

PROJECT = "tunit-databases"
INSTANCES = f"{SQL}/projects/{PROJECT}/instances"
LABELS = {"environment": "unit", "project": "databases", "managedby": "terraform"}
DATABASE = "google_sql_database.this[0]"
INSTANCE = "google_sql_database_instance.this[0]"


@pytest.fixture(scope="module")
def made() -> Iterator[Creations]:
    """Says what becomes of instances."""
    with creations() as made:
        yield made


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory, made: Creations) -> Iterator[Google]:
    """The project, asked by its owner, with a network."""
    del made
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        google = Google(cloud, PROJECT, "compute", "servicenetworking", "sqladmin")
        google.make_network("main")
        yield google


@pytest.fixture
def asked(google: Google, monkeypatch: pytest.MonkeyPatch) -> GoogleCloud:
    """Asks the emulator, as a task does whose environment leads there."""
    for name, value in google_environment(google.cloud).items():
        monkeypatch.setenv(name, value)
    return GoogleCloud()


def make(google: Google, name: str, **settings: Any) -> None:
    """Begin to make an instance, as Terraform would have."""
    network = f"projects/{PROJECT}/global/networks/main"
    addresses = {"ipv4Enabled": False, "privateNetwork": network, "sslMode": "ENCRYPTED_ONLY"}
    own = {"tier": "db-f1-micro", "edition": "ENTERPRISE", "ipConfiguration": addresses, "userLabels": LABELS}
    body = {"name": name, "region": LOCATION, "databaseVersion": "POSTGRES_15", "settings": own | settings}
    google.call("POST", INSTANCES, body)


def planned(name: str | None, instance_is_new: bool = True) -> list[Json]:
    """What a plan would create: a database, and its instance where no state has it. None: it does not know the name."""
    known = {} if name is None else {"name": name}
    instance = {"address": INSTANCE, "values": known | {"settings": [{"user_labels": LABELS}]}}
    database: Json = {"address": DATABASE, "values": {"name": "postgres"} | ({"instance": name} if name else {})}
    return [
        database | {"type": "google_sql_database"},
        *([instance | {"type": "google_sql_database_instance"}] if instance_is_new else []),
    ]


def end(google: Google, made: Creations, name: str) -> None:
    """Let the instances be made, and wait for one."""
    made.goes_on.set()
    for operation in google.call("GET", f"{SQL}/projects/{PROJECT}/operations", instance=name)["items"]:
        google.until_sql_is_done(operation["name"])


def identifier(name: str) -> str:
    return f"projects/{PROJECT}/instances/{name}"


def test_instance_is_found_once_it_runs_and_its_database_in_the_plan_after_that(
    asked: GoogleCloud, google: Google, made: Creations, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.goes_on.clear()
    make(google, "found")

    class Clock:
        """Time passes where it is waited for, and with it the creation ends."""

        now, waits = 0.0, 0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            assert google.call("GET", f"{INSTANCES}/found")["state"] == "PENDING_CREATE"
            self.now, self.waits = self.now + seconds, self.waits + 1
            if self.waits == 2:
                end(google, made, "found")

    clock = Clock()
    monkeypatch.setattr(finders, "time", clock)
    assert find_unmanaged(asked, PROJECT, planned("found")) == [{"address": INSTANCE, "id": identifier("found")}]
    assert clock.waits == 2
    assert find_unmanaged(asked, PROJECT, planned("found", instance_is_new=False)) == [
        {"address": DATABASE, "id": f"{identifier('found')}/databases/postgres"}
    ]


def test_instance_that_is_made_for_too_long_is_not_waited_for(
    asked: GoogleCloud, google: Google, made: Creations, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.goes_on.clear()
    make(google, "long")
    monkeypatch.setattr(finders, "_LONGEST_CREATION_SECONDS", -1)
    with pytest.raises(ActionError, match=r"has been PENDING_CREATE for -1 s\. Run again when it is RUNNABLE"):
        find_unmanaged(asked, PROJECT, planned("long"))
    end(google, made, "long")


def test_what_the_plan_does_not_know_or_nobody_has_made_is_not_found(asked: GoogleCloud) -> None:
    assert find_unmanaged(asked, PROJECT, planned(None)) == []
    assert find_unmanaged(asked, PROJECT, planned("none")) == []
    assert find_unmanaged(asked, PROJECT, planned("none", instance_is_new=False)) == []


def test_instance_of_somebody_else_is_left_alone(asked: GoogleCloud, google: Google, made: Creations) -> None:
    make(google, "other", userLabels=LABELS | {"environment": "another"})
    end(google, made, "other")
    with pytest.raises(ActionError) as caught:
        find_unmanaged(asked, PROJECT, planned("other"))
    assert f"{INSTANCE}: {identifier('other')} exists and was not made by this environment" in str(caught.value)


def test_instance_whose_creation_failed_says_how_to_get_another(
    asked: GoogleCloud, google: Google, made: Creations
) -> None:
    made.failure = "PostgreSQL does not start"
    make(google, "unit-app-0a1b2c3d")
    end(google, made, "unit-app-0a1b2c3d")
    made.failure = ""
    with pytest.raises(ActionError) as caught:
        find_unmanaged(asked, PROJECT, planned("unit-app-0a1b2c3d"))
    message = str(caught.value)
    assert "nothing was changed" in message
    assert "its creation failed. Delete it (gcloud sql instances delete unit-app-0a1b2c3d) and the secret" in message
    assert "(gcloud secrets delete unit-app_database_master), and run again" in message
