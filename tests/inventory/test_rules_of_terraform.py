"""The filter and Terraform refuse the same values, and Terraform's rules are all known to the filter.

Terraform is asked with the variables of each root and module alone: no provider, so that it answers at once.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.plugin_utils.input_rules import SIZES
from tests.inventory.example import PROJECT, Inventory, Json

_IMAGE = "registry.example.org/app@sha256:" + "0" * 64
_COMMON: Json = {"name": "dev-tasks", "tags": {"Environment": "development", "Project": "tasks"}}
_GOOGLE: Json = {"project": "slipway-rehearsal"}
# What the project adds to an application's environment where there are no data (playbooks/vars/wiring.yml).
_PLATFORM = {"APP_NAME": "tasks", "IMAGE_DIGEST": "sha256:" + "0" * 64}
_SUBNETS = ["subnet-1", "subnet-2"]
_SERVICE: Json = _COMMON | {
    "data_app_security_group_id": "sg-1",
    "image": _IMAGE,
    "network_public_subnet_ids": _SUBNETS,
    "network_vpc_id": "vpc-1",
    "registry_repository_arn": None,
}

# What each needs to be asked at all: by folder below terraform/, the host, the Ansible prefix and the inputs.
ROOTS: dict[str, tuple[str, str, Json]] = {
    "layers/aws/network": ("main", "network", _COMMON),
    "layers/aws/registry": ("tasks", "registry", _COMMON),
    "layers/aws/data": (
        "tasks",
        "data",
        _COMMON
        | {
            "network_private_subnet_ids": _SUBNETS,
            "network_vpc_id": "vpc-1",
            "registry_repository_arn": None,
        },
    ),
    "layers/aws/service_ec2": ("web", "service", _SERVICE | {"network_private_subnet_ids": _SUBNETS}),
    "layers/aws/service_ecs": ("beers", "service", _SERVICE | {"network_private_subnet_ids": _SUBNETS}),
    "layers/aws/service_ecs_public": ("records", "service", _SERVICE),
    "modules/app_alarms": ("beers", "service", {"load_balancer_arn_suffix": "app/dev-tasks/1", "name": "dev-tasks"}),
    "modules/load_balancer": (
        "beers",
        "service",
        {
            "app_security_group_id": "sg-1",
            "container_port": 8000,
            "name": "dev-tasks",
            "public_subnet_ids": _SUBNETS,
            "target_type": "ip",
            "vpc_id": "vpc-1",
        },
    ),
    "layers/aws/service_app_runner": (
        "hello",
        "service",
        _COMMON
        | {"image": _IMAGE, "registry_repository_arn": "arn:aws:ecr:us-east-1:111122223333:repository/dev-hello"},
    ),
    "layers/gcp/registry": ("hello-gcp", "registry", _COMMON | _GOOGLE),
    "layers/gcp/service_cloud_run": ("hello-gcp", "service", _COMMON | _GOOGLE | {"image": _IMAGE}),
    "modules/ecs_task": (
        "beers",
        "service",
        {
            "container_port": 8000,
            "cpu_units": 256,
            "execution_role_arn": "arn",
            "image": _IMAGE,
            "log_group_name": "log",
            "memory_mib": 512,
            "name": "dev-tasks",
            "region": "us-east-1",
            "task_role_arn": "arn",
        },
    ),
    "modules/ecs_task_roles": (
        "beers",
        "service",
        {"account_id": "1" * 12, "name": "dev-tasks/service", "region": "us-east-1"},
    ),
}


def _variables(count: int) -> Json:
    return {f"A{number}": "x" for number in range(count)}


_DAYS = ([1, 7, 3653], [0, 2, 8])
_SUBNET_CASES: tuple[list[Any], list[Any]] = (
    [["10.0.100.0/24", "10.0.101.0/28"]],
    [
        ["10.0.100.0/24"],
        ["10.0.100.0/24", "10.0.101.1/24"],
        ["10.0.100.0/24", "10.0.101.0/29"],
        ["10.0.100.0/24", "10.1.0.0/24"],
        ["10.0.100.0/24", "fd00::/24"],
        ["10.0.100.0/24", "10.0.101.0"],
    ],
)
_ENVIRONMENTS: tuple[list[Any], list[Any]] = (
    [
        {},
        {"A": 'it\'s "$HOME" 100 % ${x} %{y}'},
        {"A_SECRET_ID": "arn"},
        {"URL": "https://u@h/a:b@c"},
    ],
    [{"PASSWORD": "x"}, {"my_token": "x"}, {"A_API_KEY": "x"}, {"URL": "postgresql://u:p@h/d"}],
)
_GRACE = ([0, 3600], [-1, 3601])
_LEAST = ([1, 10], [0, 1.5])
_MOST = ([2, 100], [1, 2.5])
_PERCENT = ([10, 95, 70.5], [9, 96])
_PORTS = ([1024, 65535], [1023, 65536, 80, 8000.5])
_STOP = ([2, 120], [1, 121])
_TMP = ([1, 511], [0, 512])
_USERS = (["10001", "1:1", 5], ["0", "root", "10001:", "-1", ""])
_IN_GOOGLE_CLOUD: dict[str, tuple[list[Any], list[Any]]] = {
    "project": (
        ["slipway-rehearsal", "a12345"],
        ["Example", "an example", "123456789012", "short", "a" * 31, "ends-with-", "", "example.com:app"],
    ),
    "region": (["us-central1", "northamerica-northeast1"], ["us-east-1", "us-central", "US-CENTRAL1", ""]),
    "tags": (
        [
            {"Environment": "development", "Project": "Example of Köln & others"},
            {"Environment": "e" * 63, "Project": "p" * 63},
        ],
        [
            {"Environment": "", "Project": "hello"},
            {"Environment": "development", "Project": "  "},
            {"Environment": "e" * 64, "Project": "hello"},
            {"Environment": "development", "Project": "p" * 64},
        ],
    ),
}
# By folder and variable: values that are accepted, and values that are refused because of that variable.
CASES: dict[str, dict[str, tuple[list[Any], list[Any]]]] = {
    "layers/aws/network": {
        "availability_zones": (
            [["us-east-1a", "us-east-1f"]],
            [["us-east-1a", "us-east-1a"], ["us-east-1a", "eu-west-1b"], ["us-east-1a", "b"]],
        ),
        "cidr_block": (
            ["10.0.0.0/16"],
            ["10.0.0.0", "10.0.0.0/15", "10.0.0.1/16", "10.0.0.0/29", "", "10.0.0.0/255.255.0.0"],
        ),
        "nat_gateway_mode": (["single", "per_availability_zone", "none"], ["both", "", "None"]),
        "private_subnet_cidr_blocks": (
            _SUBNET_CASES[0],
            [*_SUBNET_CASES[1], ["10.0.1.0/25", "10.0.101.0/24"], ["10.0.100.0/24", "10.0.100.0/23"]],
        ),
        "public_subnet_cidr_blocks": _SUBNET_CASES,
    },
    "layers/aws/registry": {"retained_image_count": ([2, 1000], [1, 1001, 2.5])},
    "layers/aws/data": {
        "allocated_storage_gb": ([20, 65536, "30"], [19, 65537, 20.5]),
        "archive_expiration_days": ([1, 9999], [0, 1.5]),
        "backup_retention_days": ([1, 35], [0, 36, 7.5]),
        "credentials_version": ([1, 2], [0, 1.5]),
        "database_name": (
            ["a", "taskdb", "t_1", "t" * 54, None],
            ["", "1a", "_a", "A", "a-b", "t" * 55, "postgres", "rdsadmin", "template0", "template1"],
        ),
        "engine_version": (["13", "17", 15, 15.8], ["12", "18", "15.", "15.x", "latest"]),
        "instance_class": (["db.t3.micro", "db.r6gd.2xlarge"], ["t3.micro", "db.t3", "db.T3.micro"]),
        "master_username": (["postgres", "a_1"], ["", "1a", "pg_me", "admin", "rdsadmin", "Me", "m" * 64]),
        "noncurrent_version_expiration_days": ([1], [0, 1.5]),
        "secret_recovery_days": ([0, 7, 30], [1, 6, 31, -1]),
    },
    "layers/aws/service_ec2": {
        "ami_id": ([None, "ami-0123456789abcdef0"], ["al2023", "ami-", "ami-0123456789ABCDEF0"]),
        "container_port": _PORTS,
        "cpu_architecture": (["X86_64"], ["x86_64", ""]),
        "cpu_target_percent": _PERCENT,
        "environment_variables": (
            _ENVIRONMENTS[0],
            [*_ENVIRONMENTS[1], {"GREETING": "two\nlines"}],
        ),
        "health_check_grace_period_seconds": _GRACE,
        "instance_type": (["t3.micro", "m7i-flex.large", "u-6tb1.56xlarge"], ["micro", "t4g.micro", "T3.micro", "t3"]),
        "log_retention_days": _DAYS,
        "max_count": _MOST,
        "memory_mib": ([129, 768], [769, 63, 512.5]),
        "min_count": _LEAST,
        "root_device_name": (["/dev/xvda", "/dev/sda1"], ["xvda", "/dev/", "/dev/disk/by-id"]),
        "root_volume_gb": ([8, 16384], [7, 16385, 8.5]),
        "stop_timeout_seconds": _STOP,
        "tmp_size_mib": _TMP,
        "user": _USERS,
    },
    "layers/aws/service_ecs": {
        "cpu_target_percent": _PERCENT,
        "health_check_grace_period_seconds": _GRACE,
        "max_count": _MOST,
        "min_count": _LEAST,
    },
    "layers/aws/service_ecs_public": {
        "allowed_cidr_blocks": (
            [["0.0.0.0/0"], ["203.0.113.0/24", "198.51.100.7/32"]],
            [[], ["203.0.113.1/24"], ["203.0.113.0"], ["everyone"], ["::/0"]],
        ),
        "desired_count": ([1, 5], [0, 1.5]),
    },
    "modules/app_alarms": {
        "alarm_action_arns": ([[], ["arn:aws:sns:us-east-1:111122223333:x"]], [["x"], ["sns:arn:aws:"]]),
    },
    "modules/load_balancer": {
        "domain_name": ([None], ["example.org", "Example.org", "example", "-a.example.org", "a..org"]),
        "health_check_path": (["/", "/health", "/a/b"], ["health", "/a?b", "/a b", "/a#b", ""]),
        "ssl_policy": (
            ["ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-3-2021-06"],
            ["ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-1-2021-06", ""],
        ),
        "zone_create": ([False], [True]),
    },
    "layers/aws/service_app_runner": {
        "container_port": ([1024, 65535], [1023, 65536, 80, 8000.5]),
        "cpu_units": ([256], [128, 300, 8192]),
        "environment_variables": (
            [*_ENVIRONMENTS[0], {"MY_AWSAPPRUNNER": "x"}, _variables(46)],
            [*_ENVIRONMENTS[1], {"AWSAPPRUNNER": "x"}, {"AWSAPPRUNNER_X": "x"}, {"PORT": "x"}, _variables(47)],
        ),
        "health_check_path": (["/", "/healthz"], ["healthz", "/a?b", "/a b", "/a#b", ""]),
        "max_concurrent_requests": ([1, 200], [0, 201, 1.5]),
        "max_count": ([2, 25], [1, 26, 2.5]),
        "memory_mib": ([512, 1024], [256, 2048, 4096]),
        "min_count": ([1, 10], [0, 26, 1.5]),
    },
    "layers/gcp/registry": {
        **_IN_GOOGLE_CLOUD,
        "host": (
            [None, "127.0.0.1:4567", "us-central1-docker.pkg.dev", "registry"],
            ["http://127.0.0.1", "Registry.example.org", "127.0.0.1:", "a/b", "-a", ""],
        ),
        "retained_image_count": ([2, 1000], [1, 1001, 2.5]),
    },
    "layers/gcp/service_cloud_run": {
        **_IN_GOOGLE_CLOUD,
        "container_port": _PORTS,
        "cpu_units": ([1024, 2048], [256, 512, 3072, 8192]),
        "environment_variables": (
            [
                *_ENVIRONMENTS[0],
                {"K_SERVICES": "x", "MY_K_SERVICE": "x", "GOOGLE_X": "x", "k_service": "x"},
                _variables(998),
            ],
            [
                *_ENVIRONMENTS[1],
                *(
                    {name: "x"}
                    for name in ("PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "X_GOOGLE_", "X_GOOGLE_A")
                ),
                _variables(999),
            ],
        ),
        "health_check_path": (["/", "/healthz"], ["healthz", "/a?b", "/a b", "/a#b", ""]),
        "ingress": (
            ["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"],
            ["INGRESS_TRAFFIC_NONE", "all", ""],
        ),
        "max_concurrent_requests": ([1, 1000], [0, 1001, 1.5]),
        "max_count": ([2, 100], [0, 1, 2.5]),
        "memory_mib": ([512, 4096], [511, 4097, 512.5]),
        "min_count": ([0, 1, 10], [-1, 1.5]),
    },
    "modules/ecs_task": {
        "container_port": _PORTS,
        "cpu_architecture": (["X86_64", "ARM64"], ["x86_64", "RISC", ""]),
        "cpu_units": ([256], [128, 300, 8192]),
        "environment_variables": _ENVIRONMENTS,
        "health_check_command": (
            [None, ["CMD", "true"], ["CMD-SHELL", "exit 0"]],
            [["true"], ["CMD"], ["curl", "-f"], []],
        ),
        "memory_mib": ([512, 1024, 2048], [256, 513, 3072, 4096]),
        "start_period_seconds": ([0, 300], [-1, 301]),
        "stop_timeout_seconds": _STOP,
        "tmp_size_mib": _TMP,
        "user": _USERS,
    },
    "modules/ecs_task_roles": {"log_retention_days": _DAYS},
}


@pytest.mark.parametrize("root", ROOTS)
def test_every_rule_of_terraform_has_a_case(root: str) -> None:
    given_by_the_project = {
        *("name", "region", "tags", "account_id", "bucket_arn", "image", "readable_secret_arns", "target_type"),
        *(name for name in _validated(root) if name.startswith(("network_", "registry_", "data_"))),
    }
    assert _validated(root) - given_by_the_project <= set(CASES[root]) <= _validated(root)


def test_every_layer_is_asked() -> None:
    roots = {
        str(file.parent.relative_to(PROJECT / "terraform")) for file in PROJECT.glob("terraform/*/**/variables.tf")
    }
    assert set(ROOTS) == {root for root in roots if ".terraform" not in root}


def _validated(root: str) -> set[str]:
    text = "".join(file.read_text() for file in (PROJECT / "terraform" / root).glob("*.tf"))
    blocks = re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL)
    return {name for name, block in blocks if "validation {" in block}


@pytest.mark.parametrize("root", ROOTS)
def test_the_filter_agrees(root: str, tmp_path: Path) -> None:
    host, prefix, _ = ROOTS[root]
    inventory = Inventory(tmp_path)
    if host == "web":
        inventory.add("web", "apps", "ec2")
    before = dict(inventory.hosts[host])
    for variable, (accepted, refused) in CASES[root].items():
        for value in accepted:
            inventory.hosts[host] = before | _in_an_inventory(prefix, variable, value)
            assert inventory.problems() == [], (variable, value)
        for value in refused:
            inventory.hosts[host] = before | _in_an_inventory(prefix, variable, value)
            assert inventory.problems(), (variable, value)


def _in_an_inventory(prefix: str, variable: str, value: Any) -> Json:
    """What an inventory says for a Terraform variable to have a value."""
    if variable == "tags":
        return {"slipway_environment_tag": value["Environment"], "slipway_project": value["Project"]}
    names = {
        "environment_variables": "app_environment_variables",
        "project": "slipway_google_project",
        "region": "slipway_region",
    }
    return {names.get(variable, f"{prefix}_{variable}"): value}


@pytest.mark.parametrize("root", ROOTS)
def test_terraform_agrees(root: str, tmp_path: Path) -> None:
    shutil.copy(PROJECT / "terraform" / root / "variables.tf", tmp_path)
    runs: Json = {}
    for variable, (accepted, refused) in CASES[root].items():
        for number, value in enumerate([*accepted, *refused]):
            given = value | _PLATFORM if variable == "environment_variables" else value
            run: Json = {"command": "plan", "variables": {variable: given}}
            if number >= len(accepted):
                run["expect_failures"] = [f"var.{variable}"]
            runs[f"{variable}_{number}"] = run
    tests = {"variables": ROOTS[root][2], "run": runs}
    # In Terraform's JSON, a string is a template.
    text = json.dumps(tests).replace("${", "$${").replace("%{", "%%{")
    (tmp_path / "cases.tftest.json").write_text(text)
    done = subprocess.run(["terraform", "test", "-no-color"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Success! {len(runs)} passed, 0 failed." in done.stdout


def test_every_choice_of_cpu_has_its_memory() -> None:
    specification = yaml.safe_load((PROJECT / "roles/service/meta/argument_specs.yml").read_text())
    options = specification["argument_specs"]["main"]["options"]
    for sizes in SIZES.values():
        assert set(sizes.mib_by_cpu_units) <= set(options["service_cpu_units"]["choices"])
