"""Elastic Load Balancing: access logs go to a bucket only whose policy allows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from botocore.exceptions import ClientError

from emulator.tests.stack import Client

BUCKET = "temu-access-logs"
PREFIX = f"arn:aws:s3:::{BUCKET}"


@pytest.fixture
def balancer(aws: Client) -> Iterator[str]:
    ec2, elb, s3 = aws("ec2"), aws("elbv2"), aws("s3")
    vpc = ec2.create_vpc(CidrBlock="10.89.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.89.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for i, zone in enumerate("ab")
    ]
    s3.create_bucket(Bucket=BUCKET)
    arn = elb.create_load_balancer(Name="temu-logs", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    yield arn
    elb.delete_load_balancer(LoadBalancerArn=arn)
    s3.delete_bucket(Bucket=BUCKET)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def _statement(service: str, resource: str) -> dict[str, object]:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": "s3:PutObject", "Resource": resource}


# Of Elastic Load Balancing in us-east-1, and in another region.
ACCOUNT, OTHER_ACCOUNT = "127311923021", "033677994240"
SERVICE = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}


@pytest.mark.parametrize(
    ("principal", "condition", "allowed"),
    [
        (SERVICE, {}, True),
        ({"AWS": ACCOUNT}, {}, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {}, True),
        ({"AWS": OTHER_ACCOUNT}, {}, False),
        ({"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}, {}, False),
        ({"AWS": "arn:aws:iam::000000000000:root"}, {}, False),
        (SERVICE, {"ArnLike": {"aws:SourceArn": "arn:aws:elasticloadbalancing:us-east-1:000000000000:*"}}, True),
        (SERVICE, {"ArnLike": {"aws:SourceArn": "arn:aws:elasticloadbalancing:us-east-2:000000000000:*"}}, False),
        (SERVICE, {"StringEquals": {"aws:SourceAccount": "111122223333"}}, False),
    ],
)
def test_bucket_allows_elastic_load_balancing(
    aws: Client, balancer: str, principal: dict[str, str], condition: dict[str, object], allowed: bool
) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": f"{PREFIX}/AWSLogs/*"}
    policy = {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}
    aws("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    values = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": BUCKET}
    attributes = [{"Key": key, "Value": value} for key, value in values.items()]
    with nullcontext() if allowed else pytest.raises(ClientError, match="InvalidConfigurationRequest"):
        aws("elbv2").modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=attributes)


def test_bucket_that_may_not_be_written_to_is_refused(aws: Client, balancer: str) -> None:
    service = "logdelivery.elasticloadbalancing.amazonaws.com"
    allowed = _statement(service, f"{PREFIX}/AWSLogs/000000000000/*")
    tls = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [PREFIX, f"{PREFIX}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }

    def enable() -> None:
        values = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": BUCKET}
        attributes = [{"Key": key, "Value": value} for key, value in values.items()]
        aws("elbv2").modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=attributes)

    for statements in (
        [],
        [_statement("delivery.logs.amazonaws.com", f"{PREFIX}/*")],
        [_statement(service, f"{PREFIX}/AWSLogs/111122223333/*")],
    ):
        if statements:
            aws("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Statement": statements}))
        with pytest.raises(ClientError, match=rf"InvalidConfigurationRequest.*Access Denied for bucket: {BUCKET}"):
            enable()
    aws("s3").put_bucket_policy(
        Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [tls, allowed]})
    )
    enable()
    attributes = aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=balancer)["Attributes"]
    assert {"Key": "access_logs.s3.bucket", "Value": BUCKET} in attributes
