"""What an account lacks: regions that it has not enabled, quotas, a paid plan, credentials that are still good."""

from __future__ import annotations

import dataclasses
import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from emulator.tests.clouds import cloud_beside, settings_beside
from emulator.tests.stack import Client
from slipway_emulator.settings import Settings

REGION = "af-south-1"


def code(call: Callable[[], Any]) -> str:
    """The code of the error that a call ends with; empty where it ends well."""
    try:
        call()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def clients(cloud: Settings, region: str, **keys: str) -> Client:
    """Makes clients in a region."""
    given = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | keys
    return lambda service: boto3.client(service, endpoint_url=cloud.gateway_url, region_name=region, **given)


@pytest.fixture
def there(cloud: Settings, aws: Client) -> Iterator[Client]:
    """Makes clients in a region that the account has not enabled."""
    yield clients(cloud, REGION)
    aws("account").disable_region(RegionName=REGION)


def test_region_is_refused_until_it_is_enabled(aws: Client, there: Client) -> None:
    account = aws("account")
    calls = {
        # As an access key that does not exist, in each service's own words.
        there("sts").get_caller_identity: "InvalidClientTokenId",
        there("ec2").describe_vpcs: "AuthFailure",
        there("ecs").list_clusters: "UnrecognizedClientException",
        there("rds").describe_db_instances: "InvalidClientTokenId",
        # Not MiniStack's.
        there("apprunner").list_services: "UnrecognizedClientException",
    }
    assert account.get_region_opt_status(RegionName=REGION)["RegionOptStatus"] == "DISABLED"
    assert {call: code(call) for call in calls} == calls
    account.enable_region(RegionName=REGION)
    assert account.get_region_opt_status(RegionName=REGION)["RegionOptStatus"] == "ENABLED"
    assert {code(call) for call in calls} == {""}


def test_other_regions_are_enabled_and_stay_so(cloud: Settings, aws: Client) -> None:
    account = aws("account")
    clients(cloud, "eu-west-1")("sts").get_caller_identity()
    assert account.get_region_opt_status(RegionName="eu-west-1")["RegionOptStatus"] == "ENABLED_BY_DEFAULT"
    assert code(lambda: account.disable_region(RegionName="eu-west-1")) == "ValidationException"
    disabled = account.list_regions(RegionOptStatusContains=["DISABLED"])["Regions"]
    assert REGION in [one["RegionName"] for one in disabled]
    assert "eu-west-1" not in [one["RegionName"] for one in disabled]


def expire(cloud: Settings, key: str) -> int:
    """Have the credentials with an access key expire; the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.gateway_port, timeout=10)
    connection.request("POST", f"/_slipway/expire/{key}")
    status = connection.getresponse().status
    connection.close()
    return status


def test_credentials_that_expire(cloud: Settings, aws: Client) -> None:
    iam, sts = aws("iam"), aws("sts")
    root = {"AWS": "arn:aws:iam::000000000000:root"}
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root}]}
    role = iam.create_role(RoleName="temu-expiring", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="temu-expiring", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    given = sts.assume_role(RoleArn=role, RoleSessionName="run")["Credentials"]
    expiring = clients(
        cloud,
        "us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    calls = {
        expiring("sts").get_caller_identity: "ExpiredToken",
        expiring("ec2").describe_vpcs: "RequestExpired",
        expiring("ecs").list_clusters: "ExpiredTokenException",
        expiring("s3").list_buckets: "ExpiredToken",
    }
    assert {code(call) for call in calls} == {""}
    assert expire(cloud, given["AccessKeyId"]) == 204
    # Others get new ones, and those stay known as expired.
    sts.assume_role(RoleArn=role, RoleSessionName="other")
    assert {call: code(call) for call in calls} == calls
    assert expire(cloud, "ASIANOSUCHKEY") == 404


@pytest.fixture(scope="module")
def limited() -> Iterator[Client]:
    """Makes clients of an account with AWS's default quotas, and the free plan."""
    settings = dataclasses.replace(settings_beside("temu-limits", 11), enforce_quotas=True, account_plan="free")
    with cloud_beside(settings):
        yield clients(settings, "us-east-1")


def test_quotas_of_a_region(limited: Client) -> None:
    ec2 = limited("ec2")
    # The default VPC is one of them.
    vpcs = [ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(4)]
    gateways = len(ec2.describe_internet_gateways()["InternetGateways"])
    for _ in range(5 - gateways):
        ec2.create_internet_gateway()
    addresses = [ec2.allocate_address()["AllocationId"] for _ in range(5)]
    assert code(lambda: ec2.create_vpc(CidrBlock="10.0.0.0/16")) == "VpcLimitExceeded"
    assert code(ec2.create_internet_gateway) == "InternetGatewayLimitExceeded"
    assert code(ec2.allocate_address) == "AddressLimitExceeded"
    zones = ("us-east-1a", "us-east-1b")
    subnets = [
        ec2.create_subnet(VpcId=vpcs[0], CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    for _ in range(5):
        ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=addresses[0])
    assert code(lambda: ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=addresses[0])) == (
        "NatGatewayLimitExceeded"
    )
    ec2.create_nat_gateway(SubnetId=subnets[1], AllocationId=addresses[0])
    # Another region has its own, and what is deleted makes room.
    other = boto3.client(
        "ec2",
        endpoint_url=ec2.meta.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    other.create_vpc(CidrBlock="10.0.0.0/16")
    ec2.delete_vpc(VpcId=vpcs[-1])
    ec2.create_vpc(CidrBlock="10.0.0.0/16")


def test_free_plan_has_two_databases(limited: Client) -> None:
    rds = limited("rds")

    def create(name: str) -> Any:
        return rds.create_db_instance(
            DBInstanceIdentifier=name,
            Engine="postgres",
            EngineVersion="15.8",
            DBInstanceClass="db.t3.micro",
            AllocatedStorage=20,
            MasterUsername="postgres",
            MasterUserPassword="only-for-a-test",
            BackupRetentionPeriod=1,
        )

    for name in ("temu-limits-1", "temu-limits-2"):
        create(name)
    assert code(lambda: create("temu-limits-3")) == "InstanceQuotaExceeded"
    rds.delete_db_instance(DBInstanceIdentifier="temu-limits-2", SkipFinalSnapshot=True)
    create("temu-limits-3")
