"""EC2's DryRun: the answer is an error, whatever it would have been, and nothing is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.stack import Client


@pytest.mark.parametrize(
    ("create", "described"),
    [
        (lambda ec2: ec2.create_vpc(CidrBlock="10.77.0.0/16", DryRun=True), "Vpcs"),
        (lambda ec2: ec2.create_internet_gateway(DryRun=True), "InternetGateways"),
        (lambda ec2: ec2.allocate_address(DryRun=True), "Addresses"),
        (lambda ec2: ec2.create_security_group(GroupName="temu-dry", Description="t", DryRun=True), "SecurityGroups"),
    ],
)
def test_nothing_is_made(aws: Client, create: Callable[[Any], Any], described: str) -> None:
    ec2 = aws("ec2")
    describe = {
        "Vpcs": ec2.describe_vpcs,
        "InternetGateways": ec2.describe_internet_gateways,
        "Addresses": ec2.describe_addresses,
        "SecurityGroups": ec2.describe_security_groups,
    }[described]
    before = describe()[described]
    with pytest.raises(ClientError, match="DryRun flag is set") as error:
        create(ec2)
    assert error.value.response["Error"]["Code"] == "DryRunOperation"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert describe()[described] == before


def test_nothing_is_deleted(aws: Client) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16", DryRun=False)["Vpc"]["VpcId"]
    with pytest.raises(ClientError, match="DryRunOperation"):
        ec2.delete_vpc(VpcId=vpc, DryRun=True)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    ec2.delete_vpc(VpcId=vpc)
