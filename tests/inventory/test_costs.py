"""What the inventories cost: the items, the prices, and the budget of staging."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.costs import (
    Cost,
    CostsError,
    Prices,
    as_table,
    monthly_costs,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.inventory import read_yaml
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_rules import broken_rules

from terraform.generate import hostvars_of
from tests.inventory.example import PROJECT, Inventory, Json

_LAYERS = PROJECT / "terraform/layers"
_PRICES = PROJECT / "terraform/prices.yml"
ROOTS = sorted(file.parent for file in _LAYERS.glob("*/*/variables.tf"))
STAGING_BUDGET_USD = 110


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """An inventory that is right, to be changed."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    return Inventory(folder, broken_rules)


def _costs(inventory: Inventory, host: str) -> dict[str, Cost]:
    costs = monthly_costs(inventory.hosts, PROJECT)
    return {cost.item: cost for cost in costs if cost.host == host}


def test_staging_is_within_its_budget() -> None:
    costs = monthly_costs(hostvars_of(PROJECT / "inventories/staging"), PROJECT)
    assert {"main", "tasks", "beers", "web"} <= {cost.host for cost in costs}
    assert 90 < sum(cost.total for cost in costs) <= STAGING_BUDGET_USD, as_table(costs)


def test_every_item_of_an_app_with_everything(inventory: Inventory) -> None:
    inventory.set("tasks", data_multi_az=True, data_api_key_required=True)
    inventory.set("tasks", service_min_count=3, service_container_insights_enabled=True)
    found = {item: (cost.number, round(cost.usd, 2)) for item, cost in _costs(inventory, "tasks").items()}
    assert found == {
        "database": (2, 13.14),
        "storage of a database": (2, 2.30),
        "secret": (5, 0.40),
        "task": (3, 9.01),
        "load balancer": (1, 16.43),
        "address of the load balancer": (2, 3.65),
        "alarm": (9, 0.10),
    }


def test_processes(inventory: Inventory) -> None:
    beat: Json = {"command": ["beat"], "max_count": 1}
    worker: Json = {"command": ["worker"], "min_count": 2, "max_count": 4, "cpu_units": 512, "memory_mib": 1024}
    inventory.set("tasks", service_processes={"beat": beat, "worker": worker})
    schedules = {name: {"command": ["flask", name], "schedule": "rate(1 day)"} for name in ("cleanup", "sync")}
    inventory.set("records", service_processes={"worker": worker}, service_schedules=schedules)
    before = {"task", "load balancer", "address of the load balancer", "alarm"}
    found = {
        item: (cost.number, round(cost.usd, 2))
        for item, cost in _costs(inventory, "tasks").items()
        if "process" in item or item in before
    }
    assert found == {
        "task": (2, 9.01),
        "task of the process beat": (1, 9.01),
        "task of the process worker": (2, 18.02),
        "load balancer": (1, 16.43),
        "address of the load balancer": (2, 3.65),
        "alarm of the process beat": (1, 0.10),
        "alarm of the process worker": (3, 0.10),
        "alarm": (8, 0.10),
    }
    public = {item: (cost.number, round(cost.usd, 2)) for item, cost in _costs(inventory, "records").items()}
    assert public["task of the process worker"] == (2, 18.02)
    assert public["address of a task of the process worker"] == (2, 3.65)
    assert public["alarm of schedules"] == (3, 0.10)


def test_processes_on_cloud_run(inventory: Inventory) -> None:
    worker: Json = {"command": ["worker"], "min_count": 2, "cpu_units": 2048, "memory_mib": 1024}
    schedules = {name: {"command": ["flask", name], "schedule": "rate(1 day)"} for name in ("cleanup", "sync")}
    inventory.set("hello-gcp", service_processes={"beat": {"command": ["beat"]}, "worker": worker})
    inventory.set("hello-gcp", service_schedules=schedules)
    found = {
        item: (cost.number, round(cost.usd, 2))
        for item, cost in _costs(inventory, "hello-gcp").items()
        if "process" in item or "schedule" in item
    }
    assert found == {
        "instance of the process beat": (1, 31.17),
        "instance of the process worker": (2, 62.34),
        "schedule": (2, 0.10),
    }


def test_processes_on_instances(inventory: Inventory) -> None:
    worker: Json = {"command": ["worker"], "min_count": 2, "max_count": 4, "instance_type": "t3.small"}
    schedules = {"cleanup": {"command": ["flask", "cleanup"], "schedule": "rate(1 day)"}}
    inventory.add("web", "apps", "ec2", service_schedules=schedules)
    inventory.set("web", service_processes={"beat": {"command": ["beat"]}, "worker": worker})
    found = {
        item: (cost.number, round(cost.usd, 2))
        for item, cost in _costs(inventory, "web").items()
        if "process" in item or "schedule" in item
    }
    assert found == {
        "instance of the process beat": (1, 7.59),
        "instance of the process worker": (2, 15.18),
        "volume of an instance of the process beat": (1, 0.80),
        "volume of an instance of the process worker": (2, 0.80),
        "alarm of the process beat": (1, 0.10),
        "alarm of the process worker": (3, 0.10),
        "alarm of schedules": (2, 0.10),
    }


def test_every_platform(inventory: Inventory) -> None:
    inventory.add("web", "apps", "ec2", service_zone_create=True, service_zone_name="example.net")
    costs = monthly_costs(inventory.hosts, PROJECT)
    assert {cost.host for cost in costs} == inventory.hosts.keys()
    table = as_table(costs)
    assert "| `web` | Route 53 zone | 1 | 0.50 |" in table
    assert table.splitlines()[-1] == f"| **all** | | | **{sum(cost.total for cost in costs):.2f}** |"


def test_what_an_app_saves(inventory: Inventory) -> None:
    inventory.set("main", network_load_balancer_zone_name="example.org", network_nat_gateway_mode="none")
    inventory.set(
        "tasks",
        service_shared_load_balancer=True,
        service_zone_name=None,
        service_zone_create=False,
        service_assign_public_ip=True,
        service_capacity_provider="FARGATE_SPOT",
        service_min_count=1,
    )
    found = _costs(inventory, "tasks")
    assert not {"load balancer", "address of the load balancer", "Route 53 zone"} & found.keys()
    assert (found["task"].number, round(found["task"].total, 2)) == (1, 4.51)
    assert round(found["address of a task"].total, 2) == 3.65
    network = _costs(inventory, "main")
    assert network.keys() == {"load balancer", "address of the load balancer", "alarm"}


def test_a_price_that_is_missing(inventory: Inventory) -> None:
    inventory.set("tasks", data_instance_class="db.r6g.large")
    with pytest.raises(
        CostsError, match=re.escape("tasks: database: there is no price db.r6g.large_hour in terraform/")
    ):
        monthly_costs(inventory.hosts, PROJECT)


def test_every_price_has_a_date_and_a_source_and_a_use() -> None:
    table = read_yaml(_PRICES)
    for name, price in table["prices"].items():
        assert price.keys() == {"usd", "date", "source"}, name
        datetime.datetime.strptime(price["date"], "%Y-%m").replace(tzinfo=datetime.UTC)
        assert re.match(r"https://(aws\.amazon|cloud\.google)\.com/", price["source"]), name
    with pytest.raises(CostsError, match="with its date and its source"):
        Prices(_PRICES)("mainframe_hour")


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: str(root.relative_to(_LAYERS)))
def test_every_resource_has_a_price_or_none(root: Path) -> None:
    modules = {_LAYERS.parent / "modules" / name for name in _found(root, r'source += "\.\./\.\./\.\./modules/(\w+)"')}
    # A module's own modules.
    used = {kind for folder in (root, *modules) for kind in _found(folder, r'^resource "(\w+)"')}
    priced = {kind for item in _items(root) for kind in item["resources"]}
    free = set(read_yaml(_PRICES)["no_standing_charge"])
    assert used - priced - free == set(), f"say in {root.name}/costs.yml or in prices.yml what they cost"
    assert priced & free == set()
    assert priced <= used


def test_nothing_is_called_free_that_is_not_there() -> None:
    files = (PROJECT / "terraform").glob("*/**/*.tf")
    used = {kind for file in files for kind in re.findall(r'^resource "(\w+)"', file.read_text(), re.MULTILINE)}
    assert set(read_yaml(_PRICES)["no_standing_charge"]) <= used


def _items(root: Path) -> list[Json]:
    file = root / "costs.yml"
    items: list[Json] = read_yaml(file) if file.is_file() else []
    return items


def _found(folder: Path, expression: str) -> set[str]:
    return {found for file in folder.glob("*.tf") for found in re.findall(expression, file.read_text(), re.MULTILINE)}
