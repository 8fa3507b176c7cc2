# ruff: noqa: E501  (one case, one line)
"""Validation of an inventory: what it refuses, in which words, and what it lets through."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_rules import Call
from jinja2.exceptions import UndefinedError

from plugins.filter.rds_ca import rds_ca_file
from plugins.plugin_utils.inventory import Project
from plugins.plugin_utils.inventory_problems import (
    OF_WHAT_IS_ASKED_FOR,
    OF_WHAT_IS_MADE,
    inputs_of_layers,
    why_unsupported,
)
from plugins.plugin_utils.platforms import read_platforms
from plugins.plugin_utils.terraform_files import declared_variables
from tests.inventory.example import (
    ON_GOOGLE_CLOUD,
    PLATFORMS,
    PROJECT,
    Inventory,
    Json,
    Rules,
)
from tests.inventory.test_rules import CASES


class Asked(BaseException):
    """A test has asked for the problems of its inventory. It ends the test's first run and is no error to handle."""


@pytest.fixture(scope="module")
def rules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """The rules of the layers, evaluated in one go for the inventories of all tests: a Terraform for each takes minutes.

    To have them, each test is run up to where it first asks for problems. What it asks for later is evaluated then.
    """
    asked: list[Call] = []

    def record(calls: Sequence[Call]) -> NoReturn:
        asked.extend(calls)
        raise Asked

    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.path == request.path and "inventory" in item.fixturenames:
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            with contextlib.suppress(Asked):
                item.obj(inventory=Inventory(tmp_path_factory.mktemp("asked"), record), **parameters)
    rules = Rules()
    rules(asked)
    return rules


@pytest.fixture
def inventory(tmp_path: Path, rules: Rules) -> Inventory:
    return Inventory(tmp_path, rules)


def test_what_is_right_has_no_problem(inventory: Inventory) -> None:
    assert inventory.problems() == []


def test_real_values_pass(inventory: Inventory) -> None:
    environment = {
        "GREETING": 'it\'s "$HOME" 100 % sure ${nothing} #1 \\ é',
        "SPACES": "  around  ",
        "NUMBER": 5,
        "FLAG": True,
        "LEFT_OUT": None,
        "LIST": ["a", "b"],
        "MY_SECRET_ID": "session",
        "DOCS_URL": "https://user@example.org/a:b@c",
    }
    session = "arn:aws:secretsmanager:us-east-1:111122223333:secret:session-AbCdEf"
    secrets = {"KEY": "generated", "SESSION_SECRET": session, "TOKEN": f"{session}:token::", "LEFT_OUT_TOO": None}
    inventory.set("tasks", app_environment_variables=environment, app_secrets=secrets)
    inventory.set("beers", service_cpu_units="512", service_memory_mib="1024", data_multi_az="false")
    inventory.set("records", data_engine_version=15.8, service_log_retention_days=None)
    inventory.set("main", network_cidr_block="10.0.0.0/16", my_own_variable={"anything": object})
    assert inventory.problems() == []


# -- groups ----------------------------------------------------------------------------------------------


def test_no_host_at_all(inventory: Inventory) -> None:
    inventory.hosts.clear()
    assert inventory.problem().startswith(
        f"the inventory {inventory.folder} has no host in the groups apps and networks, so there is nothing to do. "
        "Give one with -i, such as "
    )
    assert str(PROJECT / "inventories/dev").endswith("inventories/dev")


def test_app_in_no_platform_group(inventory: Inventory) -> None:
    inventory.set("beers", group_names=["apps"])
    assert inventory.problem() == (
        f"beers: stands in no platform group; below apps it must stand in one of {PLATFORMS}"
        + inventory.edit("hosts.yml")
    )


def test_app_in_unknown_platform_group(inventory: Inventory) -> None:
    inventory.set("beers", group_names=["apps", "ecs_publik"])
    assert (
        "beers: stands in no platform group: it is in ecs_publik (did you mean ecs_public?); below apps"
        in inventory.problem()
    )


def test_app_in_two_platform_groups(inventory: Inventory) -> None:
    inventory.set("beers", group_names=["apps", "ecs", "ecs_public"])
    assert "beers: stands in the platform groups ecs and ecs_public; it must stand in one" in inventory.problem()


def test_network_and_app_of_one_name(inventory: Inventory) -> None:
    inventory.set("beers", group_names=["apps", "ecs", "networks"], network_cidr_block="10.9.0.0/16")
    assert (
        "beers: stands in the groups apps and networks, which would share its cloud names and state keys; it must "
        "stand in one" + inventory.edit("hosts.yml")
    ) in inventory.problems()


def test_host_of_the_name_of_the_bootstrap(inventory: Inventory) -> None:
    inventory.add("bootstrap", "apps", "app_runner")
    assert (
        "bootstrap: has the name under which the account's own states are kept (playbooks/bootstrap.yml); it must have "
        "another" + inventory.edit("hosts.yml")
    ) in inventory.problems()


def test_what_an_account_is_bootstrapped_with(inventory: Inventory) -> None:
    inventory.write("group_vars/all/account.yml", bootstrap_github_repository="shop", bootstrap_budget=5)
    # One of AWS and one of Google Cloud, for all hosts.
    inventory.everywhere(
        bootstrap_github_repository="example/shop",
        bootstrap_budget_monthly_usd=5,
        bootstrap_trusted_members=["user:me@example.org"],
    )
    assert inventory.problems() == []
    inventory.everywhere(bootstrap_github_repository="shop", bootstrap_budget=5)
    wrong = inventory.problems()
    hosts = "main, tasks, beers, records, hello, hello-gcp"
    file = "group_vars/all/account.yml"
    assert (
        f'{hosts}: bootstrap_github_repository is "shop"; it must be <owner>/<name>, such as example/shop, or null'
        + inventory.edit(file)
    ) in wrong
    assert f"{hosts}: there is no input of the layer bootstrap named bootstrap_budget" in " ".join(wrong)
    assert len(wrong) == 2


def test_budget_is_a_decision(inventory: Inventory) -> None:
    """What an environment costs differs from one to the other, so there is no default that fits."""
    inventory.write("group_vars/all/account.yml", bootstrap_budget_email_addresses=["me@example.org"])
    inventory.everywhere(bootstrap_budget_email_addresses=["me@example.org"])
    assert inventory.problem() == (
        "main, tasks, beers, records, hello: bootstrap_budget_monthly_usd is null, and bootstrap_budget_email_addresses "
        "are to be told of what exceeds it; it must be 1 or more. playbooks/costs.yml says what the environment costs"
        + inventory.edit("group_vars/all/account.yml")
    )
    inventory.everywhere(bootstrap_budget_monthly_usd=350)
    assert inventory.problems() == []


def test_release_of_what_there_is(inventory: Inventory) -> None:
    tag, digest = "0123456789abcdef" * 2, f"sha256:{'0' * 64}"
    inventory.everywhere(slipway_release={"tasks": {"tag": tag, "digest": digest}, "beers": {"tag": tag}})
    assert inventory.problems() == []
    inventory.everywhere(slipway_release={"task": {"tag": tag}})
    assert "slipway_release names task, which is no app; there are beers, hello, hello-gcp, records, tasks" in (
        inventory.problem()
    )
    for image in ({"tags": tag}, {"tag": "latest"}, {"tag": tag, "digest": "sha256:1"}, tag):
        inventory.everywhere(slipway_release={"tasks": image})
        assert "it must be a tag of 32 hexadecimal digits" in inventory.problem()


def test_host_that_nothing_is_done_for(inventory: Inventory) -> None:
    inventory.set("beers", group_names=["ecs"])
    assert "beers: stands in neither of the groups apps and networks" in inventory.problem()


def test_groups_of_ones_own_are_let_be(inventory: Inventory) -> None:
    inventory.set("beers", group_names=["apps", "ecs", "canaries"])
    assert inventory.problems() == []


# -- variables of the project ----------------------------------------------------------------------------

_ACCOUNT_ID = "it must be the 12 digits of an AWS account, in quotes, as aws sts get-caller-identity prints them"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("slipway_environment", "name of the environment, such as dev"),
        ("slipway_environment_tag", "value of the tag Environment of every resource, such as development"),
        ("slipway_region", "region, such as us-east-1"),
        ("slipway_state_bucket", "bucket that holds Terraform's states"),
        (
            "slipway_cloud_environment",
            "environment variables of every call to the cloud, such as AWS_PROFILE",
        ),
    ],
)
def test_missing_everywhere_is_said_once(inventory: Inventory, name: str, text: str) -> None:
    for host in inventory.hosts.values():
        del host[name]
    assert inventory.problem() == (
        f"main, tasks, beers, records, hello, hello-gcp: {name} is not set; it must be the {text}. "
        f"Write it into {inventory.folder}/group_vars/all/environment.yml."
    )


@pytest.mark.parametrize(
    ("name", "file"),
    [("slipway_network", "group_vars/all/environment.yml"), ("image_source", "host_vars/beers/app.yml")],
)
def test_missing_for_one_app(inventory: Inventory, name: str, file: str) -> None:
    del inventory.hosts["main"][name]
    assert inventory.problems() == []
    inventory.set("beers", **{name: None})
    found = inventory.problem()
    assert found.startswith(f"beers: {name} is not set; it must be the ")
    assert found.endswith(f". Write it into {inventory.folder}/{file}.")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("slipway_region", "virginia", '"virginia"; it must be an AWS region\'s code such as us-east-1'),
        ("slipway_account_id", "your-account-id", f'"your-account-id"; {_ACCOUNT_ID}'),
        # What YAML makes of 000000000012 without quotes.
        ("slipway_account_id", 10, f'"10"; {_ACCOUNT_ID}'),
        ("slipway_environment_tag", " ", '" "; tags must have a value, and not spaces alone, for Environment'),
        ("slipway_project", "", '""; tags must have a value, and not spaces alone, for Project'),
        (
            "slipway_state_bucket",
            "Slipway_State",
            '"Slipway_State"; it must be a bucket\'s name: 3 to 63 lower-case letters, digits, dots and hyphens',
        ),
        ("slipway_cloud_environment", "none", '"none"; it must be a dictionary'),
        ("slipway_allow_destroy", "aws_db_instance.this[0]", '"aws_db_instance.this[0]"; it must be a list'),
    ],
)
def test_wrong_value_of_the_project(inventory: Inventory, name: str, value: Any, text: str) -> None:
    del inventory.hosts["hello-gcp"]
    inventory.everywhere(**{name: value})
    assert f"main, tasks, beers, records, hello: {name} is {text}. Edit " in "\n".join(inventory.problems())


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("slipway_region", "us-east-1", "it must be a Google Cloud region such as us-central1"),
        ("slipway_state_bucket", "my-google-states", "it must be a bucket's name: 3 to 63 lower-case letters, digits, hyphens and underscores, without google and not with goog at its beginning"),
        ("slipway_state_bucket", "goog-states", "without google and not with goog at its beginning"),
        ("slipway_state_bucket", "states.example.org", "3 to 63 lower-case letters, digits, hyphens and underscores"),
        ("slipway_state_bucket", "_states", "3 to 63 lower-case letters, digits, hyphens and underscores"),
        ("slipway_google_project", "My Project", "it must be a project's id, neither its name nor its number: 6 to 30 lower-case letters"),
        ("slipway_google_project", 123456789012, "it must be a project's id, neither its name nor its number: 6 to 30 lower-case letters"),
        ("slipway_environment_tag", "e" * 64, "whose keys and values have at most 63 characters; it must be so for Environment"),
        ("slipway_project", "p" * 64, "whose keys and values have at most 63 characters; it must be so for Project"),
    ],
)  # fmt: skip
def test_wrong_value_of_the_project_on_google_cloud(inventory: Inventory, name: str, value: Any, text: str) -> None:
    inventory.write("group_vars/gcp/cloud.yml", **{name: value})
    inventory.set("hello-gcp", **{name: value})
    found = inventory.problem()
    assert found.startswith(
        f"hello-gcp: {name} is {json.dumps(value if name == 'slipway_state_bucket' else str(value))}; "
    )
    assert text in found
    assert found.endswith(inventory.edit("group_vars/gcp/cloud.yml"))


def test_host_on_aws_without_an_account(inventory: Inventory) -> None:
    for host in inventory.hosts.values():
        del host["slipway_account_id"]
    assert inventory.problem() == (
        "main, tasks, beers, records, hello: slipway_account_id is not set; it must be the id of the AWS account to "
        f"deploy to, in quotes. Write it into {inventory.folder}/group_vars/all/environment.yml."
    )


def test_app_on_google_cloud_without_a_project(inventory: Inventory) -> None:
    del inventory.hosts["hello-gcp"]["slipway_google_project"]
    assert inventory.problem() == (
        "hello-gcp: slipway_google_project is not set; it must be the id of the Google project that the app is deployed "
        f"to. Write it into {inventory.folder}/group_vars/gcp/cloud.yml."
    )


@pytest.mark.parametrize("given", [True, False])
def test_states_of_google_cloud_are_in_cloud_storage(inventory: Inventory, given: bool) -> None:
    inventory.set("hello-gcp", slipway_state_store="s3" if given else None)
    assert inventory.problem() == (
        f"hello-gcp: slipway_state_store is {'s3' if given else 'not set, which means s3'}; it must be gcs, because "
        "what is on Google Cloud has its states in Cloud Storage" + inventory.edit("group_vars/gcp/cloud.yml")
    )


def test_states_of_aws_are_in_s3(inventory: Inventory) -> None:
    inventory.write("group_vars/all/environment.yml", slipway_state_store="gcs")
    inventory.everywhere(slipway_state_store="gcs")
    assert inventory.problem() == (
        "main, tasks, beers, records, hello: slipway_state_store is gcs; it must be s3, because what is on AWS has its "
        "states in Amazon S3" + inventory.edit("group_vars/all/environment.yml")
    )
    inventory.everywhere(slipway_state_store="s3")
    inventory.set("hello-gcp", slipway_state_store="gcs")
    assert inventory.problems() == []


def test_cloud_of_an_app_in_no_target_group_is_not_known(inventory: Inventory) -> None:
    inventory.set("hello-gcp", group_names=["apps"])
    found = "\n".join(inventory.problems())
    assert "hello-gcp: stands in no platform group" in found
    assert "slipway_state_store" not in found
    assert "region's code" not in found


def test_store_that_there_is_not(inventory: Inventory) -> None:
    inventory.set("beers", slipway_state_store="azurerm")
    assert "value of slipway_state_store must be one of: s3, gcs, got: azurerm" in inventory.problem()


@pytest.mark.parametrize(
    ("host", "name", "text"),
    [
        ("main", "slipway_enviroment", "variable of the project named slipway_enviroment (did you mean slipway_environment?)"),
        ("tasks", "app_environment_variable", "variable of the project named app_environment_variable (did you mean app_environment_variables?)"),
        ("tasks", "image_sources", "variable of the role image named image_sources (did you mean image_source?)"),
        ("main", "network_cidr_blok", "input of the layer network named network_cidr_blok (did you mean network_cidr_block?)"),
        ("tasks", "registry_force_deletes", "input of the layer registry named registry_force_deletes (did you mean registry_force_delete?)"),
        ("tasks", "data_multi_azz", "input of the layer data named data_multi_azz (did you mean data_multi_az?)"),
        ("tasks", "service_desired_counts", "input of the layer service_ecs named service_desired_counts (did you mean service_min_count?)"),
        ("records", "service_min_counts", "input of the layer service_ecs_public named service_min_counts (did you mean service_desired_count?)"),
    ],
)  # fmt: skip
def test_mistyped_name(inventory: Inventory, host: str, name: str, text: str) -> None:
    file = inventory.folder / "host_vars" / host / "here.yml"
    file.parent.mkdir(parents=True)
    file.write_text(f"---\n{name}: 1\n")
    inventory.set(host, **{name: 1})
    assert inventory.problem() == f"{host}: there is no {text}. Edit {file}."


def test_options_of_the_role_are_no_input(inventory: Inventory) -> None:
    inventory.set("records", service_deployment_timeout_seconds=60)
    assert inventory.problems() == []


def test_variables_for_other_hosts_of_a_group(inventory: Inventory) -> None:
    for host in ("main", "tasks", "beers", "records", "hello"):
        inventory.set(host, registry_force_delete=True)
    inventory.everywhere(data_multi_az=False, migration_command=["migrate"], network_nat_gateway_mode="single")
    for group in ("all", "aws", "apps"):
        inventory.write(f"group_vars/{group}/layers.yml", data_multi_az=False, migration_command=["migrate"])
        assert inventory.problems() == []


@pytest.mark.parametrize(
    ("host", "file", "name", "text"),
    [
        ("main", "host_vars/main/here.yml", "service_memory_mib", "a network: it has the layer network alone"),
        ("main", "host_vars/main.yml", "data_multi_az", "a network: it has the layer network alone"),
        ("tasks", "host_vars/tasks/here.yml", "network_cidr_block", "an app: its network is a host of its own, in the group networks"),
        ("tasks", "group_vars/ecs/here.yml", "network_nat_gateway_mode", "an app: its network is a host of its own, in the group networks"),
    ],
)  # fmt: skip
def test_variables_of_a_layer_that_the_host_has_not(
    inventory: Inventory, host: str, file: str, name: str, text: str
) -> None:
    inventory.write(file, **{name: 1})
    inventory.set(host, **{name: 1})
    assert inventory.problem() == f"{host}: {name} is not for {text}" + inventory.edit(file)


@pytest.mark.parametrize(
    "networks",
    [
        {"hosts": {"main": {"data_multi_az": True}, "edge": None}},
        {"hosts": {"main": None}, "vars": {"data_multi_az": True}},
    ],
    ids=["beside the host's name", "of the group"],
)
def test_variables_in_the_file_that_lists_the_hosts(inventory: Inventory, networks: dict[str, Any]) -> None:
    inventory.everywhere(data_multi_az=True)
    inventory.write("hosts.yml", all={"children": {"networks": networks, "apps": {"vars": {"data_multi_az": True}}}})
    text = "main: data_multi_az is not for a network: it has the layer network alone"
    assert inventory.problem() == text + inventory.edit("hosts.yml")


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("data_network_vpc_id", "vpc-1", "the layer network"),
        ("service_image", "python:3.11", "playbooks/vars/role_inputs.yml"),
        ("service_environment_variables", {}, "playbooks/vars/application_environment.yml"),
        ("migration_cluster", "mine", "playbooks/vars/role_inputs.yml"),
    ],
)
def test_what_would_be_ignored(inventory: Inventory, name: str, value: Any, source: str) -> None:
    inventory.set("tasks", **{name: value})
    found = inventory.problem()
    assert found.startswith(f"tasks: {name} comes from {source}, whatever the inventory says")
    assert ("app_environment_variables" in found) == (name == "service_environment_variables")


# -- values of layers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "name", "value", "text"),
    [
        ("tasks", "data_multi_az", "maybe", 'is "maybe"; a bool is required'),
        ("tasks", "data_multi_az", "yes", 'is "yes"; a bool is required'),
        ("tasks", "data_allocated_storage_gb", "much", 'is "much"; a number is required'),
        ("tasks", "data_allocated_storage_gb", True, "is true; number required"),
        ("tasks", "data_database_name", ["a"], 'is ["a"]; string required'),
        ("tasks", "service_alarm_action_arns", "arn:aws:sns:x", 'is "arn:aws:sns:x"; list of string required'),
        ("records", "service_allowed_cidr_blocks", {}, "is {}; list of string required"),
        ("main", "network_availability_zones", [["a"]], 'is [["a"]]; element 0: string required'),
        ("tasks", "data_allocated_storage_gb", 19, "is 19; RDS allows whole numbers from 20 to 65536 for gp3"),
        ("tasks", "data_backup_retention_days", 0, "is 0; it must be a whole number from 1 to 35"),
        ("tasks", "data_secret_recovery_days", 3, "is 3; it must be 0 (deletes at once) or 7 to 30"),
        ("tasks", "data_log_retention_days", 8, "is 8; it must be 1, 3, 5, 7, 14, 30"),
        ("tasks", "service_container_port", 80, "is 80; it must be a whole number from 1024 to 65535: ports below"),
        ("records", "service_container_port", 70000, "is 70000; it must be a whole number from 1024 to 65535"),
        ("tasks", "service_memory_mib", 4096, "is 4096 with service_cpu_units 256; it must be 512, 1024 or 2048 with service_cpu_units 256, 1024 to 4096 with 512"),
        ("records", "service_cpu_units", 512, "is 512 with service_cpu_units 512; it must be 512, 1024 or 2048 with service_cpu_units 256, 1024 to 4096 with 512"),
        ("tasks", "service_tmp_size_mib", 512, "is 512; it must be at least 1 and less than service_memory_mib (512)"),
        ("tasks", "service_min_count", 11, "is 10; it must be a whole number of at least service_min_count (11)"),
        ("tasks", "service_max_count", 1, "is 1; it must be a whole number of at least service_min_count (2)"),
        ("tasks", "service_health_check_path", "health", 'is "health"; it must be a path that begins with /'),
        ("tasks", "service_user", 0, 'is "0"; it must be the number of a user who is not root'),
        ("records", "service_allowed_cidr_blocks", ["10.0.0.1/8"], "at least one IPv4 network address with its length"),
    ],
)  # fmt: skip
def test_wrong_value(inventory: Inventory, host: str, name: str, value: Any, text: str) -> None:
    inventory.set(host, **{name: value})
    found = inventory.problem()
    assert found.startswith(f"{host}: {name.split('_', 1)[0]}_")
    assert text in found
    assert f". Edit {inventory.folder}/host_vars/{host}/" in found


@pytest.mark.parametrize(
    ("host", "name", "value"),
    [
        ("tasks", "service_cpu_units", 300),
        ("tasks", "service_cpu_architecture", "RISC"),
        ("main", "network_nat_gateway_mode", "both"),
        ("tasks", "image_build_timeout_seconds", "long"),
    ],
)
def test_the_roles_own_specifications_decide(inventory: Inventory, host: str, name: str, value: Any) -> None:
    inventory.set(host, **{name: value})
    found = inventory.problem()
    assert name in found
    assert str(value) in found
    assert f". Edit {inventory.folder}/host_vars/{host}/" in found


@pytest.mark.parametrize("name", ["1st", "my-db", "Tasks", "t" * 55, "postgres", "rdsadmin", "template1", ""])
def test_database_name(inventory: Inventory, name: str) -> None:
    inventory.set("tasks", data_database_name=name)
    assert (
        f'tasks: data_database_name is "{name}"; it must be null or have 1 to 54 lower-case letters, digits and underscores, '
        "first a letter (PostgreSQL allows 63"
    ) in inventory.problem()


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"domain_name": "Tasks"}, 'service_domain_name is "Tasks"; it must be a host name in lower case'),
        (
            {"domain_name": "x.example.org"},
            'service_zone_name is not set, but service_domain_name is "x.example.org"',
        ),
        (
            {"domain_name": "x.example.org", "zone_name": "example.com"},
            'service_domain_name is "x.example.org"; it must be service_zone_name ("example.com") or end with a dot and service_zone_name',
        ),
        (
            {"domain_name": "badexample.org", "zone_name": "example.org"},
            'service_domain_name is "badexample.org"; it must be service_zone_name ("example.org") or end with',
        ),
        ({"zone_create": True}, "service_zone_name is not set, but service_zone_create is true"),
    ],
)
def test_domains_and_zones(inventory: Inventory, variables: Json, text: str) -> None:
    inventory.set("beers", **{f"service_{name}": value for name, value in variables.items()})
    assert f"beers: {text}" in inventory.problem()


_WORKER = {"command": ["celery", "-A", "shop", "worker"]}


@pytest.mark.parametrize(
    ("processes", "text"),
    [
        ({"web": _WORKER}, 'service_processes holds "web"; a name must have 1 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen. task and web stand for the web server, which runs the image\'s own command'),
        ({"worker": {"command": []}}, "service_processes holds worker with the command []; it must be the words of a command, such as [celery, -A, shop, worker]"),
        ({"worker": _WORKER | {"min_count": 3, "max_count": 2}, "beat": _WORKER}, 'service_processes must have whole numbers of tasks, "min_count" at least 1 and "max_count" at least "min_count"; they are: beat 1 to 1, worker 3 to 2'),
        ({"worker": _WORKER | {"memory_mib": 4096}}, "each in steps of 1024; they are: worker 256 with 4096"),
        ({"worker": _WORKER | {"stop_timeout_seconds": 300}}, 'service_processes must have a "stop_timeout_seconds" from 2 to 120; they are: worker 300'),
        ({"worker": {"comand": ["celery"]}}, "service_processes holds worker with comand (did you mean command?); it may have command, cpu_units, health_check_command, max_count, memory_mib, min_count, stop_timeout_seconds"),
        ({"worker": {"min_count": 2}}, 'service_processes is {"worker": {"min_count": 2}}; element "worker": attribute "command" is required'),
        ({"worker": {"command": "celery worker"}}, 'element "worker": attribute "command": list of string required'),
        ({"worker": None}, "service_processes holds worker: null; it must be a dictionary with some of command, "),
        (["worker"], 'service_processes is ["worker"]; it must be a dictionary'),
    ],
)  # fmt: skip
def test_processes(inventory: Inventory, processes: Any, text: str) -> None:
    inventory.set("tasks", service_processes=processes)
    found = inventory.problem()
    assert found.startswith("tasks: service_processes ")
    assert text in found
    assert found.endswith(inventory.edit("host_vars/tasks/service.yml"))


_CLEANUP = {"command": ["flask", "cleanup"], "schedule": "cron(0 3 * * ? *)"}


@pytest.mark.parametrize(
    ("schedules", "text"),
    [
        ({"cleanup": _CLEANUP | {"schedule": "0 3 * * *"}}, "service_schedules must be cron(<minutes> <hours> <day of month> <month> <day of week> <year>) with ? for one of the two days, such as cron(0 3 * * ? *) for every day at three, or rate(<number> <minutes, hours or days>); they are: cleanup 0 3 * * *"),
        ({"worker": _CLEANUP}, 'service_schedules holds worker, and "processes" too; a name must be one of them'),
        ({"cleanup": _CLEANUP | {"timezone": "Berlin time"}}, 'service_schedules must have a "timezone" of the IANA database, such as Europe/Berlin, or UTC; they are: cleanup Berlin time'),
        ({"cleanup": {"command": ["flask", "cleanup"], "cron": "0 3 * * *"}}, "service_schedules holds cleanup with cron; it may have command, cpu_units, memory_mib, schedule, timezone"),
    ],
)  # fmt: skip
def test_schedules(inventory: Inventory, schedules: Any, text: str) -> None:
    inventory.set("tasks", service_processes={"worker": _WORKER}, service_schedules=schedules)
    assert inventory.problem() == f"tasks: {text}" + inventory.edit("host_vars/tasks/service.yml")


@pytest.mark.parametrize(
    ("processes", "text"),
    [
        ({"worker": _WORKER | {"cpu_units": 512}}, "service_processes holds worker with cpu_units; it may have command, instance_type, max_count, memory_mib, min_count, stop_timeout_seconds"),
        ({"instance": _WORKER}, 'service_processes holds "instance"; a name must have 1 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen. instance and web stand for the web server, which runs the image\'s own command'),
        ({"worker": _WORKER | {"memory_mib": 1024}}, "service_processes must leave 256 MiB of their instances' memory to the system: nano has 512, micro 1024, small 2048, medium 4096, large 8192, xlarge 16384, 2xlarge 32768; they are: worker 1024 with t3.micro"),
    ],
)  # fmt: skip
def test_processes_on_instances(inventory: Inventory, processes: Any, text: str) -> None:
    inventory.add("web", "apps", "ec2")
    inventory.set("web", service_processes={"worker": _WORKER}, service_schedules={"cleanup": _CLEANUP})
    assert inventory.problems() == []
    inventory.set("web", service_processes=processes)
    assert inventory.problem().startswith(f"web: {text}")


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"processes": {"worker": _WORKER | {"max_count": 4}}}, 'service_processes must have whole numbers of instances, "min_count" at least 1, and no other "max_count", because Cloud Run runs as many instances of a worker pool as it is told and scales none; they are: worker 1 to 4'),
        ({"processes": {"worker": _WORKER | {"stop_timeout_seconds": 5}}}, "service_processes holds worker with stop_timeout_seconds; it may have command, cpu_units, max_count, memory_mib, min_count"),
        ({"schedules": {"cleanup": _CLEANUP | {"schedule": "cron(0 3 L * ? *)"}}}, "service_schedules must be times that Cloud Scheduler has: cron(<minutes> <hours> <day of month> <month> <day of week> *) with ? for one of the two days and without L, W and #, such as cron(0 3 * * ? *) for every day at three, or a rate that divides the hour or the day, such as rate(15 minutes); they are: cleanup cron(0 3 L * ? *)"),
    ],
)  # fmt: skip
def test_processes_on_cloud_run(inventory: Inventory, variables: Json, text: str) -> None:
    wanted = {"processes": {"worker": _WORKER | {"max_count": 1}}, "schedules": {"cleanup": _CLEANUP}}
    inventory.set("hello-gcp", **{f"service_{name}": value for name, value in wanted.items()})
    assert inventory.problems() == []
    inventory.set("hello-gcp", **{f"service_{name}": value for name, value in (wanted | variables).items()})
    assert inventory.problem().startswith(f"hello-gcp: {text}")


def test_processes_are_for_all_but_app_runner(inventory: Inventory) -> None:
    processes = {"beat": _WORKER | {"max_count": 1, "stop_timeout_seconds": "5"}, "worker": _WORKER | {"max_count": 4}}
    inventory.set("beers", service_processes=processes, service_schedules={"cleanup": _CLEANUP})
    inventory.set("records", service_processes=processes)
    assert inventory.problems() == []
    inventory.set("hello", service_processes=processes)
    assert (
        "hello: service_processes is not for the platform app_runner: it is an input of cloud_run, ec2, ecs, ecs_public"
        in inventory.problem()
    )


# -- platforms ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("platform", "name", "reason"),
    [
        ("app_runner", "service_alarm_action_arns", "its alarms would watch a load balancer, and App Runner shows none of its own"),
        ("app_runner", "service_user", "App Runner runs the image as the user that it names"),
        ("cloud_run", "service_alarm_action_arns", "its alarms would watch a load balancer, and Cloud Run shows none of its own"),
        ("cloud_run", "service_stop_timeout_seconds", "Cloud Run gives a stopping task 10 s"),
        ("cloud_run", "service_readable_secret_arns", "its secrets are Secret Manager's, which app_secrets puts into its environment"),
        ("ec2", "service_cpu_units", "an application has all the CPU of its instance, which service_instance_type says"),
        ("ec2", "service_desired_count", "auto-scaling runs from service_min_count to service_max_count"),
        ("ecs", "service_instance_type", "Fargate has no instances; service_cpu_units and service_memory_mib say how large a task is"),
        ("ecs_public", "service_domain_name", "its tasks have public addresses and no load balancer"),
    ],
)  # fmt: skip
def test_what_a_platform_cannot_do_is_refused_with_the_reason(
    inventory: Inventory, platform: str, name: str, reason: str
) -> None:
    inventory.add("web-app", "apps", platform, **(ON_GOOGLE_CLOUD if platform == "cloud_run" else {}), **{name: 1})
    text = f"web-app: {name} is not for the platform {platform}: {reason}"
    assert inventory.problem() == text + inventory.edit("host_vars/web-app")


@pytest.mark.parametrize(
    ("name", "value"), [("data_bucket_enabled", True), ("data_bucket_name", "files"), ("data_api_key_required", True)]
)
def test_data_where_there_is_no_place_for_them(inventory: Inventory, name: str, value: Any) -> None:
    inventory.set("hello-gcp", **{name: value})
    text = f"hello-gcp: {name} is not for Google Cloud: the layer data has no such input there"
    assert inventory.problem() == text + inventory.edit("host_vars/hello-gcp/data.yml")
    # Who asks for data is told wherever that stands.
    inventory.write("group_vars/all/layers.yml", **{name: value})
    assert inventory.problem() == text + inventory.edit("group_vars/all/layers.yml")


def test_what_one_cloud_alone_has_is_for_its_hosts_in_a_group_of_both(inventory: Inventory) -> None:
    inventory.set("hello-gcp", data_instance_class="db.t3.micro")
    inventory.write("group_vars/apps/layers.yml", data_instance_class="db.t3.micro")
    assert inventory.problems() == []
    for file in ("group_vars/gcp/layers.yml", "host_vars/hello-gcp/data.yml"):
        inventory.write(file, data_instance_class="db.t3.micro")
        text = "hello-gcp: data_instance_class is not for Google Cloud: the layer data has no such input there"
        assert inventory.problem() == text + inventory.edit(file)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data_multi_az", False),
        ("data_tier", "db-f1-micro"),
        ("database_access_schema", "app"),
        ("migration_command", ["flask", "migrate"]),
    ],
)
def test_what_does_nothing_without_a_database_on_cloud_run(inventory: Inventory, name: str, value: Any) -> None:
    inventory.set("hello-gcp", **{name: value})
    inventory.write("host_vars/hello-gcp/data.yml", **{name: value})
    text = f"hello-gcp: {name} does nothing, because the app does not have a database: data_database_name asks for one"
    assert inventory.problem() == text + inventory.edit("host_vars/hello-gcp/data.yml")


def test_database_on_google_cloud_is_in_a_network_there(inventory: Inventory) -> None:
    inventory.set("hello-gcp", data_database_name="hello")
    text = (
        "hello-gcp: slipway_network is main, which is in the other cloud; it must be a network in the groups networks "
        f"and gcp of {inventory.folder}/hosts.yml"
    )
    assert inventory.problem() == text + inventory.edit("group_vars/gcp/cloud.yml")
    inventory.add("main-gcp", "networks", "gcp", **ON_GOOGLE_CLOUD)
    inventory.set("hello-gcp", slipway_network="main-gcp")
    # Ranges of another cloud's networks are no matter.
    inventory.set("main-gcp", network_cidr_block="10.0.0.0/22")
    assert inventory.problems() == []
    [roots] = [layers for host, layers in inputs_of_layers(inventory.hosts, PROJECT) if host.name == "main-gcp"]
    assert [root.parent.name for root, _ in roots] == ["gcp"]
    inventory.set("main-gcp", slipway_region="europe-west1")
    text = "hello-gcp: slipway_region is us-central1; it must be europe-west1, where its network main-gcp is"
    assert inventory.problem().startswith(text)
    inventory.set("main-gcp", slipway_region="us-central1")
    inventory.set("beers", slipway_network="main-gcp")
    text = "beers: slipway_network is main-gcp, which is in the other cloud; it must be a network in no group gcp"
    assert inventory.problem().startswith(text)


def test_networks_of_google_cloud_do_not_overlap(inventory: Inventory) -> None:
    for name in ("main-gcp", "other-gcp"):
        inventory.add(name, "networks", "gcp", **ON_GOOGLE_CLOUD)
    text = "main-gcp, other-gcp: network_cidr_block is 10.0.0.0/22 and 10.0.0.0/22, which overlap"
    assert text in inventory.problem()


@pytest.mark.parametrize(
    ("variables", "has_data"),
    [
        ({}, False),
        ({"app_secrets": {}, "data_bucket_enabled": False, "data_database_name": None}, False),
        ({"data_database_name": "hello"}, True),
        ({"data_database_name": "hello", "app_database_url": True}, True),
        ({"data_bucket_enabled": True}, True),
        ({"data_api_key_required": True}, True),
        ({"app_secrets": {"KEY": "generated"}}, True),
    ],
)
def test_app_on_app_runner_has_the_layer_data_and_a_network_if_it_asks(
    inventory: Inventory, variables: Json, has_data: bool
) -> None:
    for name in ("tasks", "beers"):
        del inventory.hosts[name]
    inventory.set("hello", **variables)
    assert inventory.problems() == []
    [layers] = [layers for host, layers in inputs_of_layers(inventory.hosts, PROJECT) if host.name == "hello"]
    assert ("data" in [root.name for root, _ in layers]) is has_data
    inventory.set("main", network_nat_gateway_mode="none")
    text = (
        "hello: its network main has network_nat_gateway_mode none, but all that instances of the platform app_runner"
    )
    assert [problem.startswith(text) for problem in inventory.problems()] == [True] * has_data


def test_what_does_nothing_without_a_database_on_app_runner(inventory: Inventory) -> None:
    for name, value in {"data_instance_class": "db.t3.micro", "migration_command": ["flask", "migrate"]}.items():
        inventory.write("host_vars/hello/data.yml", **{name: value})
        inventory.set("hello", **{name: value})
        text = f"hello: {name} does nothing, because the app does not have a database: data_database_name asks for one"
        assert inventory.problem() == text + inventory.edit("host_vars/hello/data.yml")
        inventory.set("hello", **{name: None})


def test_what_no_layer_data_has(inventory: Inventory) -> None:
    for host, text in (
        ("hello", "hello: there is no input of the layer data named data_no_such_input"),
        ("hello-gcp", "hello-gcp: there is no input of the layer data named data_no_such_input"),
    ):
        inventory.write(f"host_vars/{host}/data.yml", data_no_such_input=1)
        inventory.set(host, data_no_such_input=1)
        assert text in inventory.problem()
        inventory.set(host, data_no_such_input=None)


def test_what_a_group_says_of_databases_is_for_those_that_have_one(inventory: Inventory) -> None:
    inventory.write("group_vars/all/layers.yml", data_multi_az=False, data_credentials_version=2)
    inventory.everywhere(data_multi_az=False, data_credentials_version=2)
    assert inventory.problems() == []


def test_what_is_for_data_alone_and_taken_back(inventory: Inventory) -> None:
    inventory.write("host_vars/hello/data.yml", data_database_name=None, data_multi_az=None)
    inventory.set("hello", data_database_name=None, data_multi_az=None)
    assert inventory.problems() == []


@pytest.mark.parametrize(
    ("host", "variables", "text"),
    [
        ("hello", {"service_cpu_units": 512}, "service_memory_mib is 512; with service_cpu_units 512 App Runner has: 256 with 512 or 1024, 512 with 1024"),
        ("hello", {"service_max_count": 26}, "service_max_count is 26; it must be a whole number from service_min_count (2) to 25"),
        ("hello", {"service_max_concurrent_requests": 201}, "service_max_concurrent_requests is 201; App Runner takes whole numbers from 1 to 200"),
        ("hello", {"service_min_count": 0}, "service_min_count is 0; it must be a whole number from 1 to 25"),
        ("hello-gcp", {"service_cpu_units": 512}, "service_cpu_units is 512; it must be 1024, 2048 or 4096"),
        ("hello-gcp", {"service_memory_mib": 4097}, "service_memory_mib is 4097 with service_cpu_units 1024; Cloud Run takes whole numbers: with 1024 from 512 to 4096"),
        ("hello-gcp", {"service_cpu_units": 4096}, "service_memory_mib is 512 with service_cpu_units 4096; Cloud Run takes whole numbers: with 1024 from 512 to 4096, with 2048 from 512 to 8192, with 4096 from 2048 to 16384"),
        ("hello-gcp", {"service_max_concurrent_requests": 1001}, "service_max_concurrent_requests is 1001; Cloud Run takes whole numbers from 1 to 1000"),
        ("hello-gcp", {"service_min_count": -1}, "service_min_count is -1; it must be a whole number of at least 0"),
        ("hello-gcp", {"service_ingress": "internal"}, 'service_ingress is "internal"; it must be INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY'),
        ("hello-gcp", {"registry_host": "http://127.0.0.1"}, 'registry_host is "http://127.0.0.1"; it must be a host name or an IPv4 address'),
    ],
)  # fmt: skip
def test_what_app_runner_and_cloud_run_demand(inventory: Inventory, host: str, variables: Json, text: str) -> None:
    inventory.set(host, **variables)
    assert f"{host}: {text}" in inventory.problem()


def test_what_cloud_run_takes(inventory: Inventory) -> None:
    inventory.set("hello-gcp", service_min_count=0, service_max_concurrent_requests=1000, registry_host=None)
    inventory.set("hello-gcp", service_cpu_units=4096, service_memory_mib=16384, slipway_state_bucket="a_bucket")
    assert inventory.problems() == []


def test_renamed_variable(inventory: Inventory) -> None:
    inventory.set("tasks", service_min_task_count=None)
    inventory.write("host_vars/tasks/service.yml", service_min_task_count=None)
    assert inventory.problem() == (
        "tasks: service_min_task_count is called service_min_count now. "
        f"Rename it in {inventory.folder}/host_vars/tasks/service.yml."
    )


def test_no_variable_has_an_old_name() -> None:
    known = Project(PROJECT)
    names = known.host_variables.keys() | known.app_variables.keys() | set(known.shared)
    names |= {name for options in known.roles.values() for name in options}
    assert not names & known.renamed.keys()
    assert set(known.renamed.values()) <= names


def test_every_reason_is_of_a_variable_that_other_platforms_have() -> None:
    platforms = read_platforms(PROJECT / "terraform/layers")
    declared = {name: set(declared_variables(platform.root)) for name, platform in platforms.items()}
    assert declared
    for name, platform in platforms.items():
        assert set(platform.unsupported_variables) <= set().union(*declared.values()) - declared[name], name


def test_an_input_of_other_platforms_needs_no_reason() -> None:
    known = Project(PROJECT)
    platform = replace(known.platforms["app_runner"], unsupported_variables={})
    assert why_unsupported("cpu_architecture", platform, known) == "it is an input of ec2, ecs, ecs_public"
    assert why_unsupported("image", platform, known) == ""
    assert why_unsupported("colour", platform, known) == ""


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"service_ami_id": "al2023"}, 'service_ami_id is "al2023"; it must be the id of a machine image'),
        ({"service_instance_type": "micro"}, 'service_instance_type is "micro"; it must be an EC2 instance type such as t3.micro'),
        ({"service_instance_type": "t4g.micro"}, 'service_instance_type is "t4g.micro", which is not of service_cpu_architecture X86_64; ARM64 needs a Graviton type such as t4g.micro, X86_64 another'),
        ({"service_cpu_architecture": "ARM64"}, 'service_instance_type is "t3.micro", which is not of service_cpu_architecture ARM64; ARM64 needs a Graviton type such as t4g.micro'),
        ({"service_memory_mib": 769}, "service_memory_mib is 769 with service_instance_type t3.micro; it must leave 256 MiB of the instance's memory to its system: nano has 512, micro 1024"),
        ({"service_instance_type": "t3.nano"}, "service_memory_mib is 512 with service_instance_type t3.nano; it must leave 256 MiB"),
        ({"service_tmp_size_mib": 512}, "service_tmp_size_mib is 512; it must be at least 1 and less than service_memory_mib (512)"),
        ({"app_environment_variables": {"GREETING": "two\nlines"}}, "app_environment_variables holds GREETING of several lines; it must be one, because an instance reads a line for each variable"),
    ],
)  # fmt: skip
def test_what_ec2_demands(inventory: Inventory, variables: Json, text: str) -> None:
    inventory.add("web", "apps", "ec2", **variables)
    assert text in inventory.problem()


def test_what_ec2_takes(inventory: Inventory) -> None:
    inventory.add("web", "apps", "ec2", service_instance_type="m7g.medium", service_cpu_architecture="ARM64")
    inventory.set("web", service_memory_mib=3072, service_ami_id="ami-0123456789abcdef0", data_api_key_required=True)
    inventory.set("tasks", app_environment_variables={"GREETING": "two\nlines"})
    assert inventory.problems() == []


@pytest.mark.parametrize(
    ("platform", "what"),
    [
        (
            "ec2",
            "instances of the platform ec2 are in private subnets and have to reach the image registry, CloudWatch "
            "Logs, Secrets Manager and Systems Manager",
        ),
        (
            "ecs",
            "tasks of the platform ecs are in private subnets and have to reach the image registry, CloudWatch Logs "
            "and Secrets Manager",
        ),
    ],
)
def test_network_without_a_way_out_for_private_subnets(inventory: Inventory, platform: str, what: str) -> None:
    inventory.hosts = {"main": inventory.hosts["main"]}
    inventory.add("web", "apps", platform)
    inventory.set("main", network_nat_gateway_mode="none")
    assert inventory.problem() == (
        f"web: its network main has network_nat_gateway_mode none, but {what}; it must be single or "
        "per_availability_zone, or service_assign_public_ip of web true" + inventory.edit("host_vars/main/network.yml")
    )
    inventory.set("web", service_assign_public_ip=True)
    assert inventory.problems() == []


def test_network_without_a_way_out_for_private_subnets_that_nobody_is_in(inventory: Inventory) -> None:
    inventory.hosts = {"main": inventory.hosts["main"]}
    inventory.add("records", "apps", "ecs_public", data_database_name="records")
    inventory.set("main", network_nat_gateway_mode="none")
    assert inventory.problems() == []


def test_name_of_the_load_balancer_of_instances(inventory: Inventory) -> None:
    inventory.everywhere(slipway_environment="internal")
    inventory.hosts = {"main": inventory.hosts["main"]}
    inventory.add("web", "apps", "ec2", slipway_environment="internal")
    assert (
        'its cloud name is "internal-web"; AWS refuses load balancers whose name begins with internal-'
        in inventory.problem()
    )


def _shared(inventory: Inventory, **values: Any) -> None:
    inventory.set("main", network_load_balancer_zone_name="example.org")
    inventory.set("tasks", service_shared_load_balancer=True, service_domain_name="tasks.example.org", **values)


def test_load_balancer_of_the_network(inventory: Inventory) -> None:
    _shared(inventory, service_zone_name=None)
    assert inventory.problems() == []


def test_load_balancer_that_the_network_has_not(inventory: Inventory) -> None:
    _shared(inventory, service_zone_name=None)
    inventory.set("main", network_load_balancer_zone_name=None)
    assert inventory.problem() == (
        "tasks: service_shared_load_balancer is true, but its network main has no load balancer; "
        "network_load_balancer_zone_name must be the Route 53 zone that service_domain_name is in"
        + inventory.edit("host_vars/main/network.yml")
    )


@pytest.mark.parametrize("domain", ["example.org", "a.tasks.example.org", "tasks.example.com", "tasksexample.org"])
def test_domain_that_the_certificate_of_the_network_is_not_for(inventory: Inventory, domain: str) -> None:
    _shared(inventory, service_zone_name=None)
    inventory.set("tasks", service_domain_name=domain)
    assert inventory.problem() == (
        f'tasks: service_domain_name is "{domain}"; on the load balancer of the network main, whose certificate is for '
        "*.example.org, it must be one label and example.org, such as tasks.example.org"
        + inventory.edit("host_vars/tasks/service.yml")
    )


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"service_zone_name": "example.org"}, "service_zone_name is"),
        ({"service_zone_name": None, "service_zone_create": True}, "service_zone_create too"),
        ({"service_zone_name": None, "service_domain_name": None}, "service_domain_name is not set"),
        ({"service_zone_name": None, "service_load_balancer_deletion_protection": True}, "deletion_protection too"),
    ],
)
def test_what_is_the_networks_with_its_load_balancer(inventory: Inventory, values: Json, text: str) -> None:
    _shared(inventory)
    inventory.set("tasks", **values)
    assert text in " ".join(inventory.problems())


def test_two_apps_with_one_target_group(inventory: Inventory) -> None:
    _shared(inventory, service_zone_name=None)
    inventory.add("tasks-net", "apps", "ecs")
    assert "tasks, tasks-net: each would have a target group named " in inventory.problem()


# -- networks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"cidr_block": "10.0.0.0"}, 'network_cidr_block is "10.0.0.0"; it must be an IPv4 network address'),
        ({"cidr_block": "10.0.0.0/8"}, "with a length of /16 to /28"),
        ({"cidr_block": "10.0.1.0/16"}, "without bits beyond its length"),
        ({"cidr_block": "10.0.0.256/16"}, "it must be an IPv4 network address"),
        ({"cidr_block": "10.0.0.0/255.255.0.0"}, "it must be an IPv4 network address"),
        ({"cidr_block": "fd00::/16"}, "it must be an IPv4 network address"),
        (
            {"public_subnet_cidr_blocks": ["10.0.1.0/24", "10.0.2.0"]},
            'network_public_subnet_cidr_blocks is ["10.0.1.0/24","10.0.2.0"]; each must be an IPv4 network address',
        ),
        (
            {"public_subnet_cidr_blocks": ["10.0.1.0/24"]},
            "network_public_subnet_cidr_blocks has 1 entries for 2 availability zones; it must have one for each",
        ),
        (
            {"private_subnet_cidr_blocks": ["10.0.10.0/24", "10.1.11.0/24"]},
            'network_private_subnet_cidr_blocks is ["10.0.10.0/24","10.1.11.0/24"]; each must lie inside '
            "network_cidr_block 10.0.0.0/16",
        ),
        (
            {"private_subnet_cidr_blocks": ["10.0.2.128/25", "10.0.11.0/24"]},
            'network_private_subnet_cidr_blocks is ["10.0.2.128/25","10.0.11.0/24"] and network_public_subnet_cidr_blocks '
            'is ["10.0.1.0/24","10.0.2.0/24"]; subnets must not overlap',
        ),
        (
            {"public_subnet_cidr_blocks": ["10.0.1.0/24", "10.0.1.0/24"]},
            'network_public_subnet_cidr_blocks is ["10.0.1.0/24","10.0.1.0/24"]; subnets must not overlap',
        ),
        (
            {"availability_zones": ["us-east-1a", "us-east-1a"]},
            "it must be two different zones at least: a load balancer and a Multi-AZ database need two",
        ),
        (
            {"availability_zones": ["eu-west-1a", "us-east-1b"]},
            "it must be zones of the region us-east-1, such as us-east-1a",
        ),
    ],
)
def test_network(inventory: Inventory, variables: Json, text: str) -> None:
    inventory.set("main", **{f"network_{name}": value for name, value in variables.items()})
    found = inventory.problem()
    assert text in found
    assert found.endswith(inventory.edit("host_vars/main/network.yml"))


def test_zones_that_were_not_set_with_another_region(inventory: Inventory) -> None:
    del inventory.hosts["hello-gcp"]
    inventory.everywhere(slipway_region="eu-west-1")
    assert (
        'main: network_availability_zones is ["us-east-1a","us-east-1b"]; it must be zones of the region eu-west-1'
        in inventory.problem()
    )


def test_app_without_its_network(inventory: Inventory) -> None:
    inventory.set("beers", slipway_network="mian")
    assert (
        "beers: slipway_network is mian, which is no host of the group networks; it must be one of main"
        in inventory.problem()
    )


def test_app_in_another_region_than_its_network(inventory: Inventory) -> None:
    inventory.set("beers", slipway_region="us-west-2")
    assert "beers: slipway_region is us-west-2; it must be us-east-1, where its network main is" in inventory.problem()


def test_networks_that_overlap(inventory: Inventory) -> None:
    subnets: Json = {
        "network_public_subnet_cidr_blocks": ["10.0.129.0/24", "10.0.130.0/24"],
        "network_private_subnet_cidr_blocks": ["10.0.131.0/24", "10.0.132.0/24"],
    }
    inventory.add("other", "networks", network_cidr_block="10.0.128.0/17", **subnets)
    assert inventory.problem() == (
        "main, other: network_cidr_block is 10.0.0.0/16 and 10.0.128.0/17, which overlap; networks of an environment "
        "must not, so that they can be connected" + inventory.edit("host_vars/other/network.yml")
    )


_EXISTING: Json = {
    "network_load_balancer_https_listener_arn": "arn:aws:elasticloadbalancing:us-east-1:111122223333:listener/app/a/0a/0b",
    "network_load_balancer_zone_name": "example.org",
    "network_private_subnet_ids": ["subnet-0a", "subnet-0b"],
    "network_public_subnet_ids": ["subnet-0c", "subnet-0d"],
    "network_vpc_id": "vpc-0123456789abcdef0",
}


_EXISTING_INSTANCE: Json = {
    "data_database_instance_identifier": "shared",
    "data_database_master_secret_arn": "arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db-a-AbCdEf",
    "data_database_name": "tasks",
}


def test_instance_that_exists(inventory: Inventory) -> None:
    inventory.set("tasks", **_EXISTING_INSTANCE)
    assert inventory.problems() == []
    inventory.set("tasks", data_database_master_secret_arn=None)
    assert "they must be an instance that exists and the secret of its master user" in inventory.problem()


def test_instance_of_two_apps(inventory: Inventory) -> None:
    for app in ("tasks", "beers"):
        inventory.set(app, **_EXISTING_INSTANCE)
    assert inventory.problem().startswith(
        "tasks, beers: each would have the database tasks in shared, and its users; they must have one each"
    )
    inventory.set("beers", data_database_name="beers")
    assert inventory.problems() == []


def test_bucket_of_the_states(inventory: Inventory) -> None:
    inventory.set("tasks", data_bucket_name="files")
    assert inventory.problems() == []
    bucket = inventory.hosts["tasks"]["slipway_state_bucket"]
    inventory.set("tasks", data_bucket_name=bucket)
    assert inventory.problem().startswith(f"tasks: data_bucket_name is {bucket}, the bucket of Terraform's states")


def test_vpc_that_exists(inventory: Inventory) -> None:
    """Its range and its routes are not said, so nothing is wrong with them."""
    inventory.hosts = {"main": inventory.hosts["main"]}
    inventory.add("tasks", "apps", "ecs", data_database_name="tasks")
    inventory.add("other", "networks", **_EXISTING)
    inventory.set("main", **_EXISTING, network_nat_gateway_mode="none")
    assert inventory.problems() == []


@pytest.mark.parametrize(
    ("switch", "variable"),
    [(switch, variable) for switch, (_, inputs) in OF_WHAT_IS_MADE.items() for variable in sorted(inputs)],
)
def test_what_does_nothing_where_something_exists(inventory: Inventory, switch: str, variable: str) -> None:
    layer = switch.partition("_")[0]
    host = {"network": "main", "data": "tasks"}[layer]
    existing = _EXISTING if layer == "network" else _EXISTING_INSTANCE | {"data_bucket_name": "files"}
    (value, *_), _ = CASES[f"aws/{layer}"].get(variable, ([True], []))
    # A group says it for those that are made.
    inventory.set(host, **existing, **{f"{layer}_{variable}": value})
    assert not [problem for problem in inventory.problems() if "does nothing" in problem]
    inventory.write(f"host_vars/{host}/some.yml", **{f"{layer}_{variable}": value})
    (problem,) = [problem for problem in inventory.problems() if "does nothing" in problem]
    assert problem == (
        f"{host}: {layer}_{variable} does nothing, because {switch} names {OF_WHAT_IS_MADE[switch][0]} that exists"
        + inventory.edit(f"host_vars/{host}/some.yml")
    )


def test_vpc_that_exists_without_its_subnets(inventory: Inventory) -> None:
    inventory.set("main", network_vpc_id="vpc-0123456789abcdef0")
    private, public = sorted(inventory.problems())
    assert "network_private_subnet_ids is [], and network_vpc_id is" in private
    assert "network_public_subnet_ids is [], and network_vpc_id is" in public
    inventory.set("main", network_vpc_id="main", network_cidr_block="10.0.0.0/16")
    assert any('network_vpc_id is "main"; it must be a VPC' in problem for problem in inventory.problems())


# -- names in the cloud ----------------------------------------------------------------------------------


def test_longest_name(inventory: Inventory) -> None:
    inventory.add("t" * 24, "apps", "ecs")
    assert inventory.problems() == []
    inventory.add("u" * 25, "apps", "ecs")
    assert (
        f'{"u" * 25}: its cloud name is "dev-{"u" * 25}" and has 29 characters; it must have 2 to 28: lower-case letters, '
        "digits and single hyphens, first a letter, last no hyphen. AWS allows nothing else in names of load balancers and "
        "databases, allows load balancers 32 characters"
    ) in inventory.problem()


@pytest.mark.parametrize(
    ("platform", "shortest", "reason"),
    [
        ("app_runner", 4, "App Runner allows no fewer than 4"),
        ("cloud_run", 6, "a service account's id has at least 6"),
    ],
)
def test_shortest_name(inventory: Inventory, platform: str, shortest: int, reason: str) -> None:
    del inventory.hosts["hello-gcp"]
    inventory.everywhere(slipway_environment="d")
    variables = {"slipway_environment": "d"} | (ON_GOOGLE_CLOUD if platform == "cloud_run" else {})
    inventory.add("a" * (shortest - 2), "apps", platform, **variables)
    assert inventory.problems() == []
    name = "b" * (shortest - 3)
    inventory.add(name, "apps", platform, **variables)
    found = inventory.problem()
    assert found.startswith(
        f'{name}: its cloud name is "d-{name}" and has {shortest - 1} characters; it must have {shortest} to 28 ({reason})'
    )
    assert found.endswith(
        f". Rename the host in {inventory.folder}/hosts.yml, with its folder in host_vars, or the environment."
    )


@pytest.mark.parametrize("name", ["my_app", "Tasks", "tasks-", "my--app", "my.app", "käse"])
def test_characters_of_names(inventory: Inventory, name: str) -> None:
    inventory.add(name, "apps", "ecs")
    assert (
        "lower-case letters, digits and single hyphens, first a letter, last no hyphen. AWS allows nothing else"
    ) in inventory.problem()
    assert inventory.problem().startswith(f'{name}: its cloud name is "dev-{name}" and has ')


def test_environment_named_as_aws_names_internal_load_balancers(inventory: Inventory) -> None:
    inventory.everywhere(slipway_environment="internal")
    found = inventory.problems()
    assert [line.split(":")[0] for line in found] == ["tasks", "beers"]
    assert "AWS refuses load balancers whose name begins with internal-" in found[0]


def test_an_inventory_is_one_environment(inventory: Inventory) -> None:
    inventory.set("beers", slipway_environment="staging")
    assert "slipway_environment is dev and staging; an inventory is one environment" in inventory.problem()


def test_app_named_as_anothers_migrations(inventory: Inventory) -> None:
    inventory.add("tasks-migration", "apps", "ecs")
    assert "tasks, tasks-migration: each would have an ECS cluster named dev-tasks-migration" in inventory.problem()


def test_two_apps_with_one_domain(inventory: Inventory) -> None:
    inventory.set("beers", service_domain_name="tasks.example.org", service_zone_name="example.org")
    assert inventory.problem() == (
        "tasks, beers: service_domain_name is tasks.example.org for each; a domain name belongs to one app. "
        f"Edit {inventory.folder}/host_vars/tasks/service.yml or {inventory.folder}/host_vars/beers/service.yml."
    )


def test_two_apps_that_create_one_zone(inventory: Inventory) -> None:
    inventory.set("tasks", service_zone_create=True)
    inventory.set("beers", service_zone_create=True, service_zone_name="example.org")
    assert "tasks, beers: each would create the zone example.org; one must, and the others only use it" in (
        inventory.problem()
    )


# -- the application -------------------------------------------------------------------------------------


def test_source_that_is_not_there(inventory: Inventory) -> None:
    inventory.set("beers", image_source=str(inventory.folder / "nowhere"))
    assert inventory.problem() == (
        f"beers: image_source is {inventory.folder}/nowhere, which is no folder; it must be the application's"
        + inventory.edit("host_vars/beers/app.yml")
    )


def test_dockerfile_that_is_not_there(inventory: Inventory) -> None:
    inventory.set("beers", image_dockerfile=str(inventory.folder / "Dockerfile"))
    assert inventory.problem() == (
        f"beers: there is no Dockerfile {inventory.folder}/Dockerfile; image_dockerfile must name one that is not "
        "image_source's own, and an application without one leaves it out. "
        f"Write it, or edit {inventory.folder}/host_vars/beers/app.yml."
    )


def test_file_of_the_image_that_cannot_be_read(inventory: Inventory) -> None:
    secret = inventory.folder / "app" / "secret.key"
    secret.write_text("x")
    secret.chmod(0)
    for folder in [secret.parent, *list(secret.parents)[:-2]]:
        folder.chmod(0o755)
    inventory.set("beers", image_source=str(secret.parent))
    user = os.geteuid()
    if user == 0:
        # Nothing is unreadable for root.
        os.setresuid(65534, 65534, 0)
    try:
        found = inventory.problems()
    finally:
        os.setresuid(user, user, user)
    assert found == [
        f"tasks, beers, records, hello, hello-gcp: {secret} cannot be read: Permission denied. Make it readable for who runs the playbook, or name it in .dockerignore if it does not belong in the image."
    ]
    (secret.parent / ".dockerignore").write_text("*.key")
    assert inventory.problems() == []


def test_authorities_of_the_database_that_are_not_there(inventory: Inventory) -> None:
    """Only where there is a database, and not where the emulator is about to write the file."""
    nowhere = str(inventory.folder / "ca.pem")
    for host in inventory.hosts:
        inventory.set(host, slipway_database_ca_file=nowhere)
    assert inventory.problem() == (
        f"tasks: slipway_database_ca_file is {nowhere}, which is no file; it must be the PEM file of the authorities "
        "that may sign the database's certificate" + inventory.edit("group_vars/all/environment.yml")
    )
    inventory.set("tasks", slipway_rehearsal=True)
    assert inventory.problems() == []
    inventory.set("tasks", slipway_rehearsal=False)
    shutil.copy(rds_ca_file("us-east-1"), nowhere)
    assert inventory.problems() == []


def test_authorities_of_the_database_that_are_none_or_too_many(inventory: Inventory) -> None:
    """Those of all regions, as AWS publishes them too, fit into no task definition."""
    file = inventory.folder / "ca.pem"
    inventory.set("tasks", slipway_database_ca_file=str(file))
    region = Path(rds_ca_file("us-east-1")).read_text()
    for held, problem in (
        (
            region * 30,
            f"which has {30 * len(region)} bytes; 30000 fit into a task definition. Take the authorities of ",
        ),
        ("", "which holds no certificate in PEM; it must be the PEM file"),
    ):
        file.write_text(held)
        assert problem in inventory.problem()


def test_names_of_extensions(inventory: Inventory) -> None:
    inventory.set("tasks", database_access_extensions=["uuid-ossp", "pg_trgm", "plv8", "_x" + 61 * "y"])
    assert inventory.problems() == []
    for wrong in ("pg crypto", 'a"; DROP', "Citext", "-a", "a-", "a--b", "", "8", "a,b", "é", 64 * "x", "citext\n"):
        inventory.set("tasks", database_access_extensions=["citext", wrong])
        shown = json.dumps(wrong, ensure_ascii=False)
        assert inventory.problem() == (
            f"tasks: database_access_extensions holds {shown}; it must hold names of PostgreSQL extensions, such as pgcrypto "
            "and uuid-ossp: at most 63 lower-case letters, digits and underscores, not a digit first, and single hyphens "
            "between them" + inventory.edit("host_vars/tasks/data.yml")
        )
    inventory.set("tasks", database_access_extensions="citext")
    assert 'tasks: database_access_extensions is "citext"; it must be a list' in inventory.problem()
    inventory.set("tasks", database_access_extensions=None)
    assert "tasks: database_access_extensions is null; it must be a list, [] for none" in inventory.problem()


def test_region_whose_authorities_are_not_there(inventory: Inventory) -> None:
    for host in ("main", "tasks", "beers", "records", "hello"):
        inventory.set(host, slipway_region="us-south-9")
    inventory.set("main", network_availability_zones=["us-south-9a", "us-south-9b"])
    assert inventory.problem() == (
        "tasks: there is no playbooks/files/rds_ca/us-south-9.pem, which holds the authorities of Amazon RDS in the "
        "region us-south-9. Get it as README.md beside it says, or set slipway_database_ca_file in "
        f"{inventory.folder}/group_vars/all/environment.yml."
    )


def test_from_that_names_no_image(inventory: Inventory) -> None:
    dockerfile = inventory.folder / "Dockerfile"
    dockerfile.write_text("ARG BASE\nFROM ${BASE}\n")
    inventory.set("beers", image_dockerfile=str(dockerfile), image_build_args={"BASE": "python:3.12"})
    assert inventory.problems() == []
    inventory.set("beers", image_build_args={})
    assert inventory.problem() == (
        f"beers: FROM ${{BASE}} in {dockerfile} names no image. Give the ARG in it a default, or a value in image_build_args."
    )


def test_application_without_a_dockerfile(inventory: Inventory) -> None:
    """Problems name file and line, or the file with the build arguments; tests/unit/test_python_project.py has them all."""
    shop = inventory.folder / "shop"
    shop.mkdir()
    (shop / "requirements.txt").write_text("flask\n-r missing.txt\n")
    inventory.set("beers", image_source=str(shop), image_build_args={"WSGI_APP": "shop.web:app"})
    assert inventory.problems() == [
        f"beers: {shop}/requirements.txt:2: missing.txt is not there. Put it into the folder, or take the line out.",
        "beers: image_build_args has WSGI_APP shop.web:app, and image_source has neither shop/web.py nor src/shop/web.py. "
        "Name the callable, as WSGI_APP or ASGI_APP of image_build_args, in "
        f"{inventory.folder}/host_vars/beers/app.yml.",
    ]
    (shop / "missing.txt").touch()
    (shop / "src" / "shop").mkdir(parents=True)
    (shop / "src" / "shop" / "web.py").touch()
    assert inventory.problems() == []
    inventory.set("beers", image_dockerfile=str(PROJECT / "images/python/Dockerfile"))
    assert inventory.problems() == []


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("MY-NAME", "x", 'holds "MY-NAME"; a name must be letters, digits and underscores, and begin with no digit'),
        ("PORT", 8080, "holds PORT, which the platform sets (from service_container_port); leave it out"),
        (
            "ADMIN_PASSWORD",
            "hunter2",
            "holds ADMIN_PASSWORD, which looks like a secret (a name that ends like one, or a URL with a password). Put it into Secrets Manager",
        ),
        ("DATABASE_URL", "postgresql://u:hunter2@h/d", "holds DATABASE_URL, which looks like a secret"),
        (
            "STRIPE_SECRET_ID",
            "arn:aws:secretsmanager:us-east-1:111122223333:secret:stripe-AbCdEf",
            "holds STRIPE_SECRET_ID, the ARN of a secret that the application may not read; app_secrets gives it the value",
        ),
    ],
)
def test_environment_variables(inventory: Inventory, name: str, value: Any, text: str) -> None:
    inventory.set("beers", app_environment_variables={name: value})
    found = inventory.problem()
    assert f"beers: app_environment_variables {text}" in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("name", "source", "text"),
    [
        ("2ND", "generated", 'holds "2ND"; a name must be letters, digits and underscores, and begin with no digit'),
        ("IMAGE_DIGEST", "generated", "holds IMAGE_DIGEST, which the platform sets (from the image); leave it out"),
        (
            "PIN",
            "hunter2",
            "has PIN from a value that is not shown; it must be generated, or the whole ARN of a secret",
        ),
        (
            "PIN",
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:pin-AbCdEf",
            "has PIN from arn:aws:secretsmanager:eu-west-1:111122223333:secret:pin-AbCdEf; it must be generated, or the "
            "whole ARN of a secret in us-east-1 of the account 111122223333",
        ),
    ],
)
def test_secrets(inventory: Inventory, name: str, source: str, text: str) -> None:
    inventory.set("beers", app_secrets={name: source, "KEY": "generated", "OTHER": None})
    found = inventory.problem()
    assert f"beers: app_secrets {text}" in found
    assert found.endswith(inventory.edit("host_vars/beers/app.yml"))
    assert "hunter2" not in found.replace(str(inventory.folder), "")


def test_secrets_are_no_other_variables(inventory: Inventory) -> None:
    inventory.set(
        "beers", app_secrets={"KEY": "generated", "NONE": None}, app_environment_variables={"KEY": "x", "NONE": "y"}
    )
    assert (
        "beers: KEY is in app_secrets and in app_environment_variables; it must be in one of them"
        in inventory.problem()
    )
    inventory.set("beers", app_secrets={"DATABASE_HOST": "generated"}, app_environment_variables={})
    assert (
        "DATABASE_HOST is in app_secrets and in what every application is given; it must be in one"
        in inventory.problem()
    )
    inventory.set("beers", app_environment_variables={"DATABASE_HOST": None})
    assert inventory.problems() == []
    inventory.set("beers", data_secrets={"KEY": "generated"})
    assert (
        "data_secrets comes from playbooks/vars/role_inputs.yml, whatever the inventory says; give app_secrets"
        in inventory.problem()
    )


def test_url_of_the_database(inventory: Inventory) -> None:
    inventory.set("beers", app_database_url=True)
    place = inventory.edit("host_vars/beers/app.yml")
    assert (
        f"beers: app_database_url is true, and data_database_name is null; a URL needs a database{place}"
        in inventory.problem()
    )
    inventory.set("beers", data_database_name="beers", migration_command=["true"])
    assert inventory.problems() == []
    inventory.set("beers", app_secrets={"DATABASE_URL": "generated"})
    assert (
        f"beers: app_secrets holds DATABASE_URL, which app_database_url gives the application; leave one of them out{place}"
        in inventory.problem()
    )
    inventory.set("beers", app_secrets={}, app_environment_variables={"DATABASE_URL": "sqlite://"})
    assert (
        f"beers: app_environment_variables holds DATABASE_URL, which app_database_url gives the app; leave one out{place}"
        in inventory.problem()
    )
    inventory.set("beers", app_environment_variables={}, app_database_url="perhaps")
    assert "beers: argument 'app_database_url' is of type str" in inventory.problem()


def test_secrets_of_another_type_are_not_shown(inventory: Inventory) -> None:
    inventory.set("beers", app_secrets={"PIN": ["hunter2"]})
    found = inventory.problem()
    assert "beers: app_secrets is not shown; " in found
    assert "hunter2" not in found.replace(str(inventory.folder), "")


@pytest.mark.parametrize(
    ("name", "value", "what", "switch"),
    [
        ("data_engine_version", "16", "a database", "data_database_name"),
        ("migration_command", ["true"], "a database", "data_database_name"),
        ("database_access_extensions", ["citext"], "a database", "data_database_name"),
        ("data_archive_expiration_days", 30, "a bucket", "data_bucket_enabled"),
    ],
)
def test_what_does_nothing(inventory: Inventory, name: str, value: Any, what: str, switch: str) -> None:
    inventory.set("beers", **{name: value})
    # A group says it for those of its hosts that have one.
    assert inventory.problems() == []
    inventory.write("host_vars/beers/some.yml", **{name: value})
    file = inventory.edit("host_vars/beers/some.yml")
    assert (
        inventory.problem()
        == f"beers: {name} does nothing, because the app does not have {what}: {switch} asks for one{file}"
    )
    inventory.set("beers", **{switch: "beers" if switch == "data_database_name" else True})
    assert inventory.problems() == []


def test_what_does_nothing_is_an_input() -> None:
    roots = [PROJECT / "terraform/layers" / cloud / "data" for cloud in ("aws", "gcp")]
    declared = {name for root in roots for name in declared_variables(root)}
    for switch, (_, inputs) in OF_WHAT_IS_ASKED_FOR.items():
        assert {switch.removeprefix("data_"), *inputs} <= declared


def test_database_url_without_a_database(inventory: Inventory) -> None:
    for host in ("hello", "hello-gcp"):
        inventory.set(host, app_database_url=True)
        assert f"{host}: app_database_url is true" in inventory.problem()
        inventory.set(host, app_database_url=False)


def test_secret_among_the_variables_on_app_runner(inventory: Inventory) -> None:
    source = "arn:aws:secretsmanager:us-east-1:1:secret:a"
    inventory.set("hello", app_environment_variables={"A_SECRET_ID": source})
    assert "that the application may not read; app_secrets gives it the value" in inventory.problem()


PROJECT_OF_GOOGLE = ON_GOOGLE_CLOUD["slipway_google_project"]


@pytest.mark.parametrize(
    ("name", "source", "shown"),
    [
        ("KEY", "hunter2", "KEY from a value that is not shown; it must be generated, or projects/"),
        ("KEY", "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf",
         "KEY from arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf; it must be generated, or projects/"),
        ("KEY", f"projects/{PROJECT_OF_GOOGLE}/secrets/mail:password::", "no single key of one in JSON"),
        ("KEY", f"projects/{PROJECT_OF_GOOGLE}/secrets/mail/versions/1", "without a version"),
        ("KEY", "projects/another-project/secrets/mail", "a secret of the app's project"),
        ("K_SERVICE", "generated", "holds K_SERVICE; it must be another name: Cloud Run sets"),
        ("1ST", "generated", 'holds "1ST"; a name must be letters, digits and underscores'),
    ],
)  # fmt: skip
def test_secrets_on_google_cloud(inventory: Inventory, name: str, source: str, shown: str) -> None:
    right = {"OTHER": f"projects/{PROJECT_OF_GOOGLE}/secrets/mail", "NONE": None, "MADE": "generated"}
    inventory.set("hello-gcp", app_secrets=right)
    assert inventory.problems() == []
    inventory.set("hello-gcp", app_secrets=right | {name: source})
    found = inventory.problem()
    assert found.startswith("hello-gcp: app_secrets ")
    assert shown in found
    assert found.endswith(inventory.edit("host_vars/hello-gcp/app.yml"))
    assert "hunter2" not in found


def test_name_of_a_secret_is_no_plain_variable(inventory: Inventory) -> None:
    for host, source, kind in (
        ("hello-gcp", f"projects/{PROJECT_OF_GOOGLE}/secrets/mail", "name"),
        ("beers", "arn:aws:secretsmanager:us-east-1:1:secret:a", "ARN"),
    ):
        inventory.set(host, app_environment_variables={"MAIL_SECRET_ID": source})
        text = (
            f"MAIL_SECRET_ID, the {kind} of a secret that the application may not read; app_secrets gives it the value"
        )
        assert text in inventory.problem()
        inventory.set(host, app_environment_variables={})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0755", "493"),
        ("1.10", "1.1"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("12:30", "750"),
        ("yes", "true"),
        ("Off", "false"),
    ],
)
def test_value_that_yaml_reads_otherwise(inventory: Inventory, written: str, read: str) -> None:
    text = f"app_environment_variables: {{MODE: {written}, QUOTED: '{written}', NUMBER: 5, FLAG: True, RATE: 0.5, DAY: 2026-01-02, PLAIN: a b, NONE: null}}\n"
    (inventory.folder / "host_vars/beers").mkdir(parents=True)
    (inventory.folder / "host_vars/beers/app.yml").write_text(text)
    inventory.set("beers", **yaml.safe_load(text))
    assert inventory.problem() == (
        f"beers: app_environment_variables holds MODE: {written}, which YAML reads as {read}; it must be in quotes"
        + inventory.edit("host_vars/beers/app.yml")
    )


@pytest.mark.parametrize("file", ["host_vars/beers/later.yml", "host_vars/beers/later.json"])
def test_value_of_the_file_that_is_read_last(inventory: Inventory, file: str) -> None:
    inventory.write("host_vars/beers/app.yml", app_environment_variables={"MODE": 493})
    variables: Json = {"app_environment_variables": {"MODE": "0755"}}
    (inventory.folder / file).write_text(json.dumps(variables))
    inventory.set("beers", **variables)
    assert inventory.problems() == []


def test_region_is_set_by_the_platform_where_it_is_one_of_aws(inventory: Inventory) -> None:
    for host in ("hello", "hello-gcp"):
        inventory.set(host, app_environment_variables={"AWS_REGION": "us-east-1"})
    assert inventory.problem() == (
        "hello: app_environment_variables holds AWS_REGION, which the platform sets (from slipway_region); leave it out"
        + inventory.edit("host_vars/hello/app.yml")
    )


@pytest.mark.parametrize(
    ("host", "name", "text"),
    [
        ("hello", "AWSAPPRUNNER_X", "another name: App Runner keeps PORT and those that begin with AWSAPPRUNNER for itself"),
        ("hello-gcp", "K_SERVICE", "another name: Cloud Run sets PORT, K_SERVICE, K_REVISION, K_CONFIGURATION and those that begin with X_GOOGLE_ itself"),
        ("hello-gcp", "X_GOOGLE_A", "another name: Cloud Run sets PORT, K_SERVICE, K_REVISION, K_CONFIGURATION and those that begin with X_GOOGLE_ itself"),
    ],
)  # fmt: skip
def test_names_that_a_platform_keeps_for_itself(inventory: Inventory, host: str, name: str, text: str) -> None:
    for other in {"tasks", "hello", "hello-gcp"} - {host}:
        inventory.set(other, app_environment_variables={name: "x"})
    assert inventory.problems() == []
    inventory.set(host, app_environment_variables={name: "x"})
    assert inventory.problem() == (
        f"{host}: app_environment_variables holds {name}; it must be {text}"
        + inventory.edit(f"host_vars/{host}/app.yml")
    )


@pytest.mark.parametrize(("host", "platform", "most"), [("hello", "App Runner", 45), ("hello-gcp", "Cloud Run", 997)])
def test_most_variables(inventory: Inventory, host: str, platform: str, most: int) -> None:
    variables: Json = {f"A{number}": "x" for number in range(most)}
    inventory.set(host, app_environment_variables=variables | {"LEFT_OUT": None})
    assert inventory.problems() == []
    inventory.set(host, app_environment_variables=variables | {"ONE_MORE": "x"})
    found = inventory.problem()
    # APP_NAME and FORWARDED_ALLOW_IPS are two of them.
    assert found.startswith(f"{host}: app_environment_variables holds {most + 3} variables; {platform} takes ")
    assert found.endswith(inventory.edit(f"host_vars/{host}/app.yml"))


def test_state_buckets_of_one_name_in_both_clouds(inventory: Inventory) -> None:
    inventory.set("hello-gcp", slipway_state_bucket="slipway-dev-state")
    assert inventory.problem() == (
        "hello-gcp: slipway_state_bucket is slipway-dev-state, which is the bucket of hello in Amazon S3; it must have "
        "another name in Cloud Storage" + inventory.edit("group_vars/gcp/cloud.yml")
    )


# -- all of it -------------------------------------------------------------------------------------------


def test_all_problems_are_listed(inventory: Inventory) -> None:
    inventory.set("main", network_nat_gateway_mode="both", network_cidr_block="10.0.0.0")
    inventory.set("tasks", data_multi_azz=True, service_container_port=1)
    inventory.set("records", slipway_network="other")
    assert [line.split(":")[0] for line in inventory.problems()] == [
        "main",
        "main",
        "tasks",
        "tasks",
        "records",
    ]


class Templates(dict[str, Any]):
    """Variables of a host whose templates fail, as Ansible's do."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, Exception):
            raise value
        return value

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()


def test_template_that_cannot_be_rendered(inventory: Inventory) -> None:
    inventory.hosts["tasks"] = Templates(
        inventory.hosts["tasks"], service_domain_name=UndefinedError("'domain' is undefined")
    )
    assert inventory.problem().startswith("tasks: service_domain_name cannot be read: 'domain' is undefined. Edit ")


def test_outputs_are_known_later(inventory: Inventory) -> None:
    inventory.hosts["tasks"] = Templates(
        inventory.hosts["tasks"], app_environment_variables=UndefinedError("'data_outputs' is undefined")
    )
    assert inventory.problems() == []


def test_the_file_that_holds_a_value(inventory: Inventory) -> None:
    inventory.set("tasks", data_multi_az="maybe")
    for file in ("group_vars/all/layers.yml", "group_vars/ecs.yml", "host_vars/tasks/app.yml"):
        path = inventory.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("data_multi_az: maybe\n")
        assert inventory.problem().endswith(inventory.edit(file))


def test_every_variable_of_the_project_is_known() -> None:
    variables = yaml.safe_load((PROJECT / "playbooks/files/inventory_variables.yml").read_text())["argument_specs"]
    known = {name for part in variables.values() for name in part["options"]} | Project(PROJECT).renamed.keys()
    files = [file for folder in ("playbooks", "roles", "inventories") for file in (PROJECT / folder).rglob("*.yml")]
    found = {name for file in files for name in re.findall(r"\bslipway_[a-z_]+", file.read_text())}
    # What ends so is how names begin.
    used = {name for name in found if not name.endswith("_")}
    assert used - {"slipway_app", "slipway_emulator"} <= known
