"""Amazon EC2 Auto Scaling's API: filters, and what it says to requests that boto3 would not send."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import docker
import pytest
from botocore.loaders import Loader
from botocore.model import ListShape, ServiceModel, Shape, StructureShape
from ministack.services import ec2

from emulator.tests.groups import AMI_PARAMETER
from emulator.tests.stack import Client
from slipway_emulator.ec2 import instances as ec2_instances
from slipway_emulator.iam.roles import Roles
from slipway_emulator.late import Late
from slipway_emulator.settings import Settings

NAME = "temu-api"
GROUP = {"AutoScalingGroupName": NAME}
POLICY = GROUP | {
    "PolicyName": "temu-odd",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingConfiguration.PredefinedMetricSpecification.PredefinedMetricType": "ASGAverageCPUUtilization",
}
ODD = ("", "x", "-1", "nan", "9" * 5000, "\x00", "ä𝄞")


@pytest.fixture(scope="module")
def group(aws: Client) -> Iterator[Any]:
    """A client, and a group that wants no instance."""
    machines, scaling = aws("ec2"), aws("autoscaling")
    vpc = machines.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    subnet = machines.create_subnet(VpcId=vpc, CidrBlock="10.8.0.0/24")["Subnet"]["SubnetId"]
    ami = aws("ssm").get_parameter(Name=AMI_PARAMETER)["Parameter"]["Value"]
    machines.create_launch_template(
        LaunchTemplateName=NAME, LaunchTemplateData={"ImageId": ami, "InstanceType": "t3.micro"}
    )
    scaling.create_auto_scaling_group(
        **GROUP,
        LaunchTemplate={"LaunchTemplateName": NAME, "Version": "1"},
        MinSize=0,
        MaxSize=0,
        VPCZoneIdentifier=subnet,
        Tags=[
            {"Key": "temu-a", "Value": "1", "PropagateAtLaunch": True},
            {"Key": "temu-b", "Value": "2", "PropagateAtLaunch": False},
        ],
    )
    yield scaling
    scaling.delete_auto_scaling_group(**GROUP, ForceDelete=True)


@pytest.mark.parametrize(
    ("filters", "keys"),
    [
        ({"auto-scaling-group": [NAME]}, ["temu-a", "temu-b"]),
        ({"auto-scaling-group": ["temu-none"]}, []),
        ({"auto-scaling-group": [NAME], "key": ["temu-a", "x"]}, ["temu-a"]),
        ({"auto-scaling-group": [NAME], "value": ["2"]}, ["temu-b"]),
        ({"auto-scaling-group": [NAME], "propagate-at-launch": ["true"]}, ["temu-a"]),
        ({"auto-scaling-group": [NAME], "propagate-at-launch": ["false"]}, ["temu-b"]),
        ({"auto-scaling-group": [NAME], "propagate-at-launch": ["x"]}, []),
    ],
)
def test_tags_are_filtered(group: Any, filters: dict[str, list[str]], keys: list[str]) -> None:
    wanted = [{"Name": name, "Values": values} for name, values in filters.items()]
    assert [tag["Key"] for tag in group.describe_tags(Filters=wanted)["Tags"]] == keys


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("tag-key", "temu-a", True),
        ("tag-value", "2", True),
        ("tag:temu-a", "1", True),
        ("tag:temu-a", "2", False),
        ("tag:", "1", False),
    ],
)
def test_groups_are_filtered(group: Any, name: str, value: str, found: bool) -> None:
    wanted = [{"Name": name, "Values": [value]}]
    answer = group.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME], Filters=wanted)
    assert bool(answer["AutoScalingGroups"]) is found


def filtered(name: str | None, value: str | None) -> dict[str, str]:
    """The parameters of a filter, which may have no name or no value."""
    given = {"Filters.member.1.Name": name, "Filters.member.1.Values.member.1": value}
    return {key: text for key, text in given.items() if text is not None}


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("DescribeTags", filtered("colour", "red"), "ValidationError"),
        ("DescribeTags", filtered("tag:temu-a", "1"), "ValidationError"),
        ("DescribeTags", filtered(None, "red"), "ValidationError"),
        ("DescribeTags", filtered("key", None), "ValidationError"),
        ("DescribeTags", {"Filters.member.1.Name": "key", "Filters.member.1.Values": ""}, "ValidationError"),
        ("DescribeAutoScalingGroups", filtered("colour", "red"), "ValidationError"),
        ("DescribeAutoScalingGroups", filtered("tag", "red"), "ValidationError"),
        ("DescribeAutoScalingGroups", filtered(None, "red"), "ValidationError"),
        ("DescribeAutoScalingGroups", filtered("tag-key", None), "ValidationError"),
        ("DescribeTags", {"NextToken": "x"}, "InvalidNextToken"),
        ("DescribeTags", {"NextToken": "٣"}, "InvalidNextToken"),
        ("DescribeTags", {"NextToken": "9" * 5000}, "InvalidNextToken"),
        ("DescribeTags", {"MaxRecords": "0"}, "ValidationError"),
        ("DescribeTags", {"MaxRecords": "101"}, "ValidationError"),
        ("DescribeTags", {"MaxRecords": "9999999999"}, "ValidationError"),
        ("DescribeTags", {"MaxRecords": "9" * 5000}, "MalformedInput"),
        ("DescribeTags", {"MaxRecords": "many"}, "MalformedInput"),
        *(
            ("PutScalingPolicy", POLICY | {"TargetTrackingConfiguration.TargetValue": value}, "ValidationError")
            for value in ("nan", "inf", "-inf", "1e999", "1e200", "-1e200")
        ),
        ("PutScalingPolicy", POLICY | {"TargetTrackingConfiguration.TargetValue": "half"}, "MalformedInput"),
        ("UpdateAutoScalingGroup", GROUP | {"MinSize": "-1"}, "ValidationError"),
        ("UpdateAutoScalingGroup", GROUP | {"MaxSize": "9999999999"}, "ValidationError"),
        ("UpdateAutoScalingGroup", {"AutoScalingGroupName": "\x00"}, "ValidationError"),
        ("UpdateAutoScalingGroup", {"AutoScalingGroupName": "x" * 256}, "ValidationError"),
        ("UpdateAutoScalingGroup", {}, "ValidationError"),
        ("StartInstanceRefresh", GROUP | {"Preferences.InstanceWarmup": "x"}, "MalformedInput"),
        ("StartInstanceRefresh", GROUP | {"Preferences.MinHealthyPercentage": "101"}, "ValidationError"),
        ("CreateOrUpdateTags", {"Tags.member.1.Key": "a"}, "ValidationError"),
        ("CreateOrUpdateTags", {"Tags.member.1.Value": "a"}, "ValidationError"),
        ("Nonsense", {}, "InvalidAction"),
        ("groups", {}, "InvalidAction"),
        ("\x00", {}, "InvalidAction"),
        ("", {}, "MissingAction"),
    ],
)
@pytest.mark.usefixtures("group")
def test_bad_requests(cloud: Settings, operation: str, parameters: dict[str, str], code: str) -> None:
    assert ask(cloud, urlencode({"Action": operation} | parameters).encode()) == (400, code)


@pytest.mark.parametrize("body", [b"", b"\xff", b"&&==", b"{}", b"Action", b"\x00" * 100])
def test_bodies_that_are_no_request(cloud: Settings, body: bytes) -> None:
    assert ask(cloud, body) == (400, "MissingAction")


def test_odd_values_are_taken_or_refused_wherever_they_stand(cloud: Settings, group: Any) -> None:
    model = ServiceModel(Loader().load_service_model("autoscaling", "service-2"), "autoscaling")
    usual = POLICY | {
        "Granularity": "1Minute",
        "HealthStatus": "Healthy",
        "InstanceId": "i-0",
        "InstanceIds.member.1": "i-0",
        "MaxSize": "0",
        "MinSize": "0",
        "ProtectedFromScaleIn": "true",
        "ShouldDecrementDesiredCapacity": "true",
        "Tags.member.1.Key": "temu-a",
        "TargetGroupARNs.member.1": "arn:x",
        "TargetTrackingConfiguration.TargetValue": "50",
        "TrafficSources.member.1.Identifier": "arn:x",
        "VPCZoneIdentifier": group.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])["AutoScalingGroups"][0][
            "VPCZoneIdentifier"
        ],
    }
    names = [name for name in model.operation_names if name != "DeleteAutoScalingGroup"]
    for name in names:
        members = list(leaves(model.operation_model(name).input_shape, ""))
        whole = {member: usual[member] for member in members if member in usual}
        for member in members:
            for odd in ODD:
                body = urlencode({"Action": name} | whole | {member: odd}).encode()
                status, code = ask(cloud, body)
                assert status in (200, 400), f"{name}, {member}={odd:.20}: {code}"
    assert group.describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])["AutoScalingGroups"][0]["Instances"] == []


def leaves(shape: Shape | None, name: str) -> Iterator[str]:
    """The names of the flat parameters of a shape, but for the parts that the rehearsal does not know."""
    if name.endswith(("MixedInstancesPolicy", "PredictiveScalingConfiguration")):
        return
    if isinstance(shape, StructureShape):
        for member, inner in shape.members.items():
            yield from leaves(inner, f"{name}.{member}" if name else member)
    elif isinstance(shape, ListShape):
        yield name
        yield from leaves(shape.member, f"{name}.member.1")
    elif shape is not None:
        yield name


def ask(cloud: Settings, body: bytes) -> tuple[int, str]:
    """Status and error code of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.gateway_port, timeout=10)
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/autoscaling/aws4_request",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        document = ElementTree.fromstring(answer.read())  # noqa: S314 the emulator of this checkout wrote it
        return answer.status, document.findtext(".//{*}Error/{*}Code", "")
    finally:
        connection.close()


def test_missing_machine_image_is_named(engine: docker.DockerClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a scaling activity says of a launch on a machine that has not built the images."""
    monkeypatch.setattr(ec2_instances, "MACHINE_IMAGE", "temu-none:1")
    network: Any = SimpleNamespace(name="bridge", gateway="127.0.0.1")
    instances = ec2_instances.Instances(engine, network, 1, Roles(Late(0)))
    subnet = next(iter(ec2._subnets))
    with pytest.raises(ec2_instances.LaunchError) as failed:
        instances.launch({"ImageId": ec2._STUB_AMIS[0][0], "InstanceType": "t3.micro"}, subnet, [])
    assert str(failed.value) == "The machine image temu-none:1 is missing; build it with: slipway-emulator images."
    assert list(ec2._instances) == []
