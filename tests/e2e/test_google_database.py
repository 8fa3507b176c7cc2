"""The apps `records` and `beers`, which dev has on ECS, on Cloud Run with their databases: by their host lines alone.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.google_cloud import GOOGLE_PROJECT, google, left, secret_value, service, state_bucket
from tests.e2e.http import ask
from tests.e2e.runs import PROJECT, Site, environments, failed, succeeded

ENVIRONMENT = "e2ecloudsql"
APPS = {"records": "cloud_run", "beers": "cloud_run"}
NETWORK, NAME = f"{ENVIRONMENT}-main-gcp", f"{ENVIRONMENT}-records"
HOSTS = ("--limit", "gcp")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site) -> Iterator[None]:
    """The apps and their network, deployed for all tests of this file."""
    succeeded(site.run("site.yml", *HOSTS))
    yield
    site.destroy("gcp")
    succeeded(site.run("playbooks/remove_bootstrap.yml", *HOSTS, slipway_confirm=ENVIRONMENT))
    for app in APPS:
        assert left(ENVIRONMENT, app) == []


def test_app_keeps_its_records_in_a_database_of_google_cloud(site: Site) -> None:
    entry = site.summary()["records"]
    assert entry["platform"] == "cloud_run"
    assert site.served("records") == entry["image_digest"]
    # Nothing of a database is in it.
    assert entry["image_digest"] == site.summary()["beers"]["image_digest"]
    assert ask(f"{entry['url']}/data", "POST", {"key": "number", "value": "one"}).status in (200, 201)
    assert "one" in ask(f"{entry['url']}/data").body.decode()
    assert ask(f"{site.summary()['beers']['url']}/beers").status == 200
    instances = (google(f"/sqladmin/sql/v1beta4/projects/{GOOGLE_PROJECT}/instances") or {})["items"]
    (instance,) = [one for one in instances if one["name"].startswith(f"{NAME}-")]
    assert [address["type"] for address in instance["ipAddresses"]] == ["PRIVATE"]


def test_it_is_told_by_a_secret() -> None:
    found = environments(NAME, "cloud_run")[0]
    assert found["DATABASE_URL"] == secret_value(f"{NAME}_database_app_url")
    assert found["DATABASE_URL"].startswith("postgresql://records_app:")
    assert found["DATABASE_URL"].endswith("?sslmode=verify-full")
    assert "AWS_REGION" not in found
    assert found["PGSSLROOTCERT"] == "/slipway/database-ca.pem"
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


def test_protected_database_keeps_its_network(site: Site) -> None:
    both = ("--limit", "main-gcp,records")
    site.set("records", data_deletion_protection=True)
    succeeded(site.run("site.yml", *both))
    run = failed(site.run("playbooks/destroy.yml", *HOSTS, slipway_confirm=ENVIRONMENT))
    assert "Nothing of the network was changed" in " ".join(run.output.split())
    assert google(f"/compute/v1/projects/{GOOGLE_PROJECT}/global/networks/{NETWORK}")
    site.set("records")
    succeeded(site.run("site.yml", *both))
    assert "one" in ask(f"{site.summary()['records']['url']}/data").body.decode()


def test_destroy_leaves_nothing(site: Site) -> None:
    site.destroy("gcp")
    for app in APPS:
        assert left(ENVIRONMENT, app) == [state_bucket(ENVIRONMENT)]
    assert google(f"/compute/v1/projects/{GOOGLE_PROJECT}/global/networks/{NETWORK}") is None
