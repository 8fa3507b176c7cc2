"""The app `records`, which dev has on ECS, on Cloud Run with its database: in a network of Google Cloud.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.google_cloud import GOOGLE_PROJECT, google, left, secret_value, service, state_bucket
from tests.e2e.http import ask
from tests.e2e.runs import PROJECT, Site, environments, failed, succeeded

ENVIRONMENT = "e2ecloudsql"
APPS = ("records",)
NETWORK, NAME = f"{ENVIRONMENT}-main-gcp", f"{ENVIRONMENT}-records"
HOSTS = ("--limit", "main-gcp,records")
# Nothing of it is worth keeping.
INPUTS: dict[str, Any] = {
    "slipway_network": "main-gcp",
    "app_database_url": True,
    "data_deletion_protection": False,
    "data_final_snapshot_enabled": False,
    "service_allow_unauthenticated": True,
    "service_container_port": 8000,
}

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site) -> Iterator[None]:
    """The app and its network, deployed for all tests of this file."""
    file = site.inventory / "hosts.yml"
    groups = yaml.safe_load(file.read_text())
    children = groups["all"]["children"]
    children["networks"]["hosts"]["main-gcp"] = None
    children["gcp"]["hosts"] = {"main-gcp": None}
    platforms = children["apps"]["children"]
    platforms["cloud_run"]["hosts"] = platforms["ecs_public"].pop("hosts")
    file.write_text(yaml.safe_dump(groups))
    (site.inventory / "host_vars" / "main-gcp").mkdir()
    site.set("records", **INPUTS)
    succeeded(site.run("site.yml", *HOSTS))
    yield
    site.destroy("main-gcp", "records")
    succeeded(site.run("playbooks/remove_bootstrap.yml", "--limit", "records", slipway_confirm=ENVIRONMENT))
    assert left(ENVIRONMENT, "records") == []


def test_app_keeps_its_records_in_a_database_of_google_cloud(site: Site) -> None:
    entry = site.summary()["records"]
    assert entry["platform"] == "cloud_run"
    assert site.served("records") == entry["image_digest"]
    assert ask(f"{entry['url']}/data", "POST", {"key": "number", "value": "one"}).status in (200, 201)
    assert "one" in ask(f"{entry['url']}/data").body.decode()
    (instance,) = (google(f"/sqladmin/sql/v1beta4/projects/{GOOGLE_PROJECT}/instances") or {})["items"]
    assert instance["name"].startswith(f"{NAME}-")
    assert [address["type"] for address in instance["ipAddresses"]] == ["PRIVATE"]


def test_it_is_told_by_a_secret() -> None:
    found = environments(NAME, "cloud_run")[0]
    assert found["DATABASE_URL"] == secret_value(f"{NAME}_database_app_url")
    assert found["DATABASE_URL"].startswith("postgresql://records_app:")
    assert found["DATABASE_URL"].endswith("?sslmode=verify-full")
    assert "AWS_REGION" not in found
    described = service(NAME)
    assert described
    assert found["DATABASE_URL"] not in str(described)


def test_second_run_changes_nothing(site: Site) -> None:
    run = succeeded(site.run("site.yml", *HOSTS))
    assert run.changed == {}
    assert "attempts ended" not in run.output
    assert succeeded(site.run("site.yml", *HOSTS, "--check", "--diff")).changed == {}


def test_who_may_only_plan_finds_nothing_to_do(site: Site) -> None:
    # As the deployer's, which a run writes; Terraform's backend has no other way to an account of the emulator.
    credentials = (PROJECT / f".build/emulator/google-{ENVIRONMENT}-deployer.json").read_text()
    planner = site.folder / "planner.json"
    planner.write_text(credentials.replace(f"/{ENVIRONMENT}-deployer@", f"/{ENVIRONMENT}-planner@"))
    cloud = yaml.safe_load((site.inventory / "group_vars" / "gcp" / "cloud.yml").read_text())
    given = cloud["slipway_cloud_environment"] | {
        "GOOGLE_APPLICATION_CREDENTIALS": str(planner),
        "GOOGLE_PROJECT": GOOGLE_PROJECT,
    }
    run = site.run("playbooks/drift.yml", *HOSTS, "--check", "--diff", slipway_cloud_environment=given)
    assert succeeded(run).changed == {}


def test_network_stays_as_long_as_an_app_is_in_it(site: Site) -> None:
    run = failed(site.run("playbooks/destroy.yml", "--limit", "main-gcp", slipway_confirm=ENVIRONMENT))
    assert f"{ENVIRONMENT}/records/data" in run.output
    assert "Nothing of the network was changed" in " ".join(run.output.split())
    network = google(f"/compute/v1/projects/{GOOGLE_PROJECT}/global/networks/{NETWORK}")
    assert network
    assert network["peerings"]


def test_destroy_leaves_nothing(site: Site) -> None:
    site.destroy("main-gcp", "records")
    assert left(ENVIRONMENT, "records") == [state_bucket(ENVIRONMENT)]
    assert google(f"/compute/v1/projects/{GOOGLE_PROJECT}/global/networks/{NETWORK}") is None
