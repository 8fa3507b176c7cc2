"""Apps of two platforms on the network's load balancer, without a NAT gateway and on Fargate Spot, as staging has it.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.http import ask
from tests.e2e.runs import Site, failed, succeeded

ENVIRONMENT = "e2elb"
APPS = ("beers", "web")
ZONE = f"{ENVIRONMENT}.localhost"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site, aws: Any) -> Iterator[None]:
    """The apps, deployed for all tests of this file."""
    written: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("main", "network", {"network_load_balancer_zone_name": ZONE, "network_load_balancer_zone_create": True}),
        ("main", "nat", {"network_nat_gateway_mode": "none"}),
        ("beers", "spot", {"service_capacity_provider": "FARGATE_SPOT", "service_max_count": 2}),
        *((app, "service", _on_the_networks(app)) for app in APPS),
    )
    for host, file, variables in written:
        _write(site, host, file, variables)
    succeeded(site.run())
    yield
    site.destroy()
    assert _load_balancers(aws) == []


def _write(site: Site, host: str, file: str, variables: dict[str, Any]) -> None:
    path = site.inventory / "host_vars" / host / f"{file}.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(variables))


def _load_balancers(aws: Any) -> list[dict[str, Any]]:
    """Those of this environment; other tests have some, too."""
    found: list[dict[str, Any]] = aws("elbv2").describe_load_balancers()["LoadBalancers"]
    return [one for one in found if one["LoadBalancerName"].startswith(f"{ENVIRONMENT}-")]


def _nat_gateways(aws: Any, vpc: str) -> list[dict[str, Any]]:
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "state", "Values": ["available"]}]
    found: list[dict[str, Any]] = aws("ec2").describe_nat_gateways(Filter=filters)["NatGateways"]
    return found


def _on_the_networks(app: str) -> dict[str, Any]:
    return {
        "service_shared_load_balancer": True,
        "service_domain_name": f"{app}.{ZONE}",
        "service_zone_create": False,
        "service_zone_name": None,
        "service_assign_public_ip": True,
        "service_min_count": 1,
    }


def test_one_load_balancer_tells_the_apps_by_their_names(site: Site, aws: Any) -> None:
    (balancer,) = _load_balancers(aws)
    assert balancer["LoadBalancerName"] == f"{ENVIRONMENT}-main"
    for app in APPS:
        assert site.summary()[app]["url"] == f"https://{app}.{ZONE}"
        assert site.served(app) == site.summary()[app]["image_digest"]
    assert ask(f"https://beers.{ZONE}/beers").status == 200
    assert ask(f"https://web.{ZONE}/beers").status == 404


def test_nothing_but_the_load_balancer_reaches_the_apps(aws: Any) -> None:
    (balancer,) = _load_balancers(aws)
    assert _nat_gateways(aws, balancer["VpcId"]) == []
    for app in APPS:
        filters = [{"Name": "group-name", "Values": [f"{ENVIRONMENT}-{app}-app"]}]
        (group,) = aws("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
        (rule,) = group["IpPermissions"]
        assert rule["IpRanges"] == []
        assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == balancer["SecurityGroups"]
    (service,) = aws("ecs").describe_services(cluster=f"{ENVIRONMENT}-beers", services=[f"{ENVIRONMENT}-beers"])[
        "services"
    ]
    assert [one["capacityProvider"] for one in service["capacityProviderStrategy"]] == ["FARGATE_SPOT"]


def test_second_run_changes_nothing(site: Site) -> None:
    assert succeeded(site.run()).changed == {}


def test_apps_change_load_balancers_and_the_network_grows(site: Site, aws: Any) -> None:
    own = {"service_shared_load_balancer": False, "service_zone_name": ZONE}
    three = {
        "network_availability_zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
        "network_public_subnet_cidr_blocks": ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"],
        "network_private_subnet_cidr_blocks": ["10.0.10.0/24", "10.0.11.0/24", "10.0.12.0/24"],
    }
    for gateways, count, beers, web in (
        ("single", 1, own, {"service_health_check_path": "/health"}),
        ("per_availability_zone", 3, {}, own),
    ):
        _write(site, "main", "nat", three | {"network_nat_gateway_mode": gateways})
        for app, changed in (("beers", beers), ("web", web)):
            _write(site, app, "service", _on_the_networks(app) | changed)
        succeeded(site.run())
        balancers = {one["LoadBalancerName"]: one for one in _load_balancers(aws)}
        assert set(balancers) == {f"{ENVIRONMENT}-main", f"{ENVIRONMENT}-{'beers' if beers else 'web'}"}
        assert {len(one["AvailabilityZones"]) for one in balancers.values()} == {3}
        assert len(_nat_gateways(aws, balancers[f"{ENVIRONMENT}-main"]["VpcId"])) == count
        for app in APPS:
            assert ask(f"https://{app}.{ZONE}/healthz").status == 200


def test_an_app_goes_and_the_other_stays(site: Site) -> None:
    refused = failed(site.run("playbooks/destroy.yml", "--limit", "main", slipway_confirm=ENVIRONMENT))
    assert "Apps are left in the network main" in refused.output
    site.destroy("web")
    assert ask(f"https://beers.{ZONE}/healthz").status == 200
