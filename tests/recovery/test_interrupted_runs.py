"""Runs that are killed while Terraform applies, against real Terraform: running again finishes them."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from typing import Any

import pytest

from emulator.tests.clouds import settings_beside
from plugins.action import deploy_lock
from tests.recovery.environment import NAME, STATE_BUCKET, THOUSANDS, Environment, Run, client
from tests.rehearsal import psql

pytestmark = pytest.mark.long

NAT_GONE = ("deleting", "deleted", "failed")


def _is_in_state(key: str, kind: str) -> bool:
    s3 = client("s3")
    try:
        state = json.loads(s3.get_object(Bucket=STATE_BUCKET, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return False
    return any(resource["type"] == kind for resource in state["resources"])


def _named(operation: str, member: str, **arguments: Any) -> list[str]:
    """Values of the tag Name of all EC2 things of one kind that are ours, sorted."""
    items = getattr(client("ec2"), operation)(**arguments)[member]
    tags = [
        {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
        for item in items
        if item.get("State") not in NAT_GONE
    ]
    return sorted(tag["Name"] for tag in tags if tag.get("Name", "").startswith(f"{NAME}-"))


def _databases() -> list[Any]:
    databases = client("rds").describe_db_instances()["DBInstances"]
    return [item for item in databases if item["DBInstanceIdentifier"] == f"{NAME}-app"]


def _secrets(owner: str) -> list[str]:
    pages = client("secretsmanager").get_paginator("list_secrets").paginate()
    names = [secret["Name"] for page in pages for secret in page["SecretList"]]
    return sorted(name for name in names if name.startswith(f"{NAME}-{owner}/"))


def _has_bucket(owner: str) -> bool:
    return any(bucket["Name"].startswith(f"{NAME}-{owner}-") for bucket in client("s3").list_buckets()["Buckets"])


def _is_held(owner: str) -> bool:
    objects = client("s3").list_objects_v2(Bucket=STATE_BUCKET, Prefix=f"{NAME}/{owner}/").get("Contents", [])
    return any(item["Key"].endswith(("/lock", ".tflock")) for item in objects)


def _finish(run: Run, environment: Environment, host: str) -> str:
    """What the run printed that finishes another; it must succeed, and one more must have nothing to do."""
    output = run.end().succeeded().tasks
    again = environment.apply(host).end().succeeded()
    assert again.changed == 0, again.output[-6000:]
    assert not _is_held(host)
    return output


@pytest.fixture(scope="module")
def network(environment: Environment) -> str:
    """The network, whose first apply was killed; what the run that finished it printed."""
    run = environment.apply("net")
    run.until(lambda: _named("describe_subnets", "Subnets"), "the first subnet")
    run.kill_everything()
    assert not _is_in_state(f"{NAME}/net/network", "aws_subnet")
    return _finish(environment.apply("net"), environment, "net")


def test_killed_network_is_imported(network: str) -> None:
    assert "An earlier run did not end" in network
    assert "import aws_vpc.this" in network
    zones = ("us-east-1a", "us-east-1b")
    prefix = f"{NAME}-net"
    assert _named("describe_vpcs", "Vpcs") == [prefix]
    assert _named("describe_internet_gateways", "InternetGateways") == [prefix]
    assert _named("describe_subnets", "Subnets") == [
        f"{prefix}-{kind}-{zone}" for kind in ("private", "public") for zone in zones
    ]
    assert _named("describe_route_tables", "RouteTables") == [
        *(f"{prefix}-private-{zone}" for zone in zones),
        f"{prefix}-public",
    ]
    assert _named("describe_nat_gateways", "NatGateways") == [f"{prefix}-us-east-1a"]
    assert _named("describe_addresses", "Addresses") == [f"{prefix}-nat-us-east-1a"]
    assert _named("describe_vpc_endpoints", "VpcEndpoints") == [f"{prefix}-s3"]


@pytest.mark.usefixtures("network")
def test_database_killed_twice_still_has_the_password_of_its_secret(environment: Environment) -> None:
    run = environment.apply("app")
    run.until(lambda: _secrets("app"), "the first secret")
    run.kill_everything()
    # The second run imports what the first left, and is killed while it makes the database.
    run = environment.apply("app")
    database = run.until(_databases, "the database")[0]
    run.kill_everything()
    assert not _is_in_state(f"{NAME}/app/data", "aws_db_instance")

    output = _finish(environment.apply("app"), environment, "app")

    assert "Removed the lock that" in output
    assert "import and update aws_db_instance.this[0]" in output
    assert [item["DbiResourceId"] for item in _databases()] == [database["DbiResourceId"]]
    assert _secrets("app") == [f"{NAME}-app/database/{user}" for user in ("app", "master", "migrator", "readonly")]
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    ours = {group["GroupName"]: group for group in groups if group["GroupName"].startswith(f"{NAME}-app-")}
    assert sorted(ours) == [f"{NAME}-app-app", f"{NAME}-app-database"]
    assert sorted(rule["FromPort"] for rule in ours[f"{NAME}-app-app"]["IpPermissionsEgress"]) == [443, 5432]
    assert ours[f"{NAME}-app-database"]["IpPermissionsEgress"] == []
    secret = client("secretsmanager").get_secret_value(SecretId=f"{NAME}-app/database/master")
    credentials = json.loads(secret["SecretString"])
    ca_file = settings_beside(NAME, THOUSANDS).rds_ca_file
    assert psql(f"{NAME}-app", credentials, "trecdb", "select 1", ca_file) == "1"


def _start_bucket(environment: Environment, host: str) -> Run:
    run = environment.apply(host)
    run.until(lambda: _has_bucket(host), "the bucket")
    return run


@pytest.mark.usefixtures("network")
def test_terraform_that_outlives_its_run_is_waited_for(environment: Environment) -> None:
    run = _start_bucket(environment, "abandoned")
    terraform = run.terraform()
    # It is stopped, so that the next run certainly meets it.
    run.signal(signal.SIGSTOP, terraform)
    run.signal(signal.SIGKILL)
    second = environment.apply("abandoned")
    second.until(lambda: "RETRYING: [abandoned]" in second.output, "the wait for Terraform")
    run.signal(signal.SIGCONT, terraform)
    _finish(second, environment, "abandoned")
    assert _is_in_state(f"{NAME}/abandoned/data", "aws_s3_bucket_lifecycle_configuration")
    assert _secrets("abandoned") == [f"{NAME}-abandoned/api-key"]


@pytest.mark.usefixtures("network")
def test_terminated_run_is_finished_by_the_next(environment: Environment) -> None:
    run = _start_bucket(environment, "stopped")
    run.signal(signal.SIGTERM)
    assert run.end().status != 0
    _finish(environment.apply("stopped"), environment, "stopped")
    assert _secrets("stopped") == [f"{NAME}-stopped/api-key"]


@pytest.mark.usefixtures("network")
def test_killed_run_can_be_destroyed(environment: Environment) -> None:
    _start_bucket(environment, "doomed").kill_everything()
    assert not _is_in_state(f"{NAME}/doomed/data", "aws_s3_bucket")
    environment.apply("doomed", terraform_layer_state="absent").end().succeeded()
    assert not _has_bucket("doomed")
    assert _secrets("doomed") == []
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    assert not [group for group in groups if group["GroupName"].startswith(f"{NAME}-doomed-")]
    assert not _is_held("doomed")


@pytest.mark.usefixtures("network")
def test_run_that_left_nothing_but_its_lock_can_be_destroyed(environment: Environment) -> None:
    environment.apply("locked").end().succeeded()
    dead = dataclasses.replace(deploy_lock.Run.of(os.getpid()), started=1)
    lock = {"run": dataclasses.asdict(dead), "since": "2026-01-02 03:04:05 UTC"}
    client("s3").put_object(Bucket=STATE_BUCKET, Key=f"{NAME}/locked/lock", Body=json.dumps(lock).encode())
    output = environment.apply("locked", terraform_layer_state="absent").end().succeeded().tasks
    assert "An earlier run did not end" in output
    assert not _has_bucket("locked")
    assert not _is_held("locked")
