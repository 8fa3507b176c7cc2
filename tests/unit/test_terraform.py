"""What a plan said is read as Terraform means it."""

from __future__ import annotations

import pytest

from plugins.filter.terraform import has_changes, missing_outputs, plan_changes, protected_deletions


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("\nNo changes. Your infrastructure matches the configuration.\n", False),
        ("aws_vpc.this: Refreshing state...\n\nNo changes. Your infrastructure matches the configuration.\n", False),
        ("Plan: 1 to add, 0 to change, 0 to destroy.\n", True),
        # Somebody's text in a value.
        ('  ~ description = "No changes. Please." -> "Changes"\nPlan: 0 to add, 1 to change, 0 to destroy.\n', True),
    ],
)
def test_plan_without_changes_says_so_at_the_beginning_of_a_line(said: str, expected: bool) -> None:
    assert has_changes(said) is expected


@pytest.mark.parametrize(
    ("network", "is_shared", "expected"),
    [
        ({}, False, ["network.load_balancer", "network.vpc_id"]),
        ({"vpc_id": "vpc-1", "load_balancer": {}}, False, []),
        # The network was applied before it was to have a load balancer.
        ({"vpc_id": "vpc-1", "load_balancer": {}}, True, ["network.load_balancer"]),
        ({"vpc_id": "vpc-1"}, "true", ["network.load_balancer"]),
        ({"vpc_id": "vpc-1", "load_balancer": {"zone_id": "Z1"}}, True, []),
    ],
)
def test_what_a_layer_waits_for(network: dict[str, object], is_shared: object, expected: list[str]) -> None:
    declared = ["name", "network_load_balancer", "network_vpc_id", "shared_load_balancer", "zone_name"]
    inputs = {"shared_load_balancer": is_shared}
    assert missing_outputs(declared, {"network": network, "data": {}}, inputs) == expected


def test_outputs_are_what_changes_where_no_resource_does() -> None:
    outputs = {"a": {"actions": ["update"]}, "b": {"actions": ["no-op"]}, "c": {"actions": ["create"]}}
    stays = {"address": "aws_vpc.this", "change": {"actions": ["no-op"]}}
    changes = {"address": "aws_subnet.this", "change": {"actions": ["update"]}}
    plan = {"resource_changes": [stays], "output_changes": outputs}
    assert plan_changes(plan) == ["create output c", "update output a"]
    assert plan_changes(plan | {"resource_changes": [stays, changes]}) == ["update aws_subnet.this"]


@pytest.mark.parametrize("kind", ["aws_secretsmanager_secret", "google_secret_manager_secret"])
def test_secret_is_not_deleted_unasked(kind: str) -> None:
    address = f'{kind}.generated["KEY"]'
    version = {"address": f"{kind}_version.x", "type": f"{kind}_version", "change": {"actions": ["delete", "create"]}}
    plan = {"resource_changes": [{"address": address, "type": kind, "change": {"actions": ["delete"]}}, version]}
    assert protected_deletions(plan, []) == [address]
    assert protected_deletions(plan, [address]) == []
