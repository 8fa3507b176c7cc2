"""What `playbooks/vars/role_inputs.yml` gives the roles of an app, by its platform and its inputs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from plugins.plugin_utils.platforms import read_platforms
from tests.inventory.example import PROJECT

NETWORK = {"private_subnet_ids": ["subnet-private"], "public_subnet_ids": ["subnet-public"]}


def role_input(name: str, platform: str, **variables: Any) -> Any:
    """The value of one variable."""
    loader = DataLoader()
    known = read_platforms(PROJECT / "terraform/layers")[platform]
    upstream = {"terraform_layer_upstream_outputs": {"network": NETWORK}, "platform": vars(known)}
    templates = loader.load_from_file(str(PROJECT / "playbooks/vars/role_inputs.yml"), trusted_as_template=True)
    return Templar(loader=loader, variables=templates | upstream | variables).template(templates[name])


@pytest.mark.parametrize(
    ("platform", "subnets", "has_public_address"),
    [
        ("app_runner", ["subnet-private"], False),
        ("ec2", ["subnet-private"], False),
        ("ecs", ["subnet-private"], False),
        ("ecs_public", ["subnet-public"], True),
    ],
)
def test_migration_has_the_way_out_that_the_service_has(
    platform: str, subnets: list[str], has_public_address: bool
) -> None:
    assert role_input("migration_subnet_ids", platform) == subnets
    assert role_input("migration_assign_public_ip", platform) is has_public_address


@pytest.mark.parametrize(
    ("variables", "image", "task"),
    [
        ({}, "linux/amd64", "X86_64"),
        ({"service_cpu_architecture": "X86_64"}, "linux/amd64", "X86_64"),
        ({"service_cpu_architecture": "ARM64"}, "linux/arm64", "ARM64"),
    ],
)
def test_image_and_migration_are_for_the_cpu_of_the_service(variables: dict[str, str], image: str, task: str) -> None:
    assert role_input("image_platform", "ecs", **variables) == image
    assert role_input("migration_cpu_architecture", "ecs", **variables) == task
