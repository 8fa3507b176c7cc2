"""Application Auto Scaling: its answers, its errors, and a desired count that really moves."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.odd_values import with_odd_values
from emulator.tests.stack import Client, signed
from slipway_emulator.settings import Settings

Json = dict[str, Any]

RESOURCE: Json = {"ServiceNamespace": "ecs", "ResourceId": "service/temu-scaling/web"}
MINE: Json = {"ServiceNamespace": "ecs", "ResourceIds": [RESOURCE["ResourceId"]]}
NO_TARGET = "arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/none"
TARGET = RESOURCE | {"ScalableDimension": "ecs:service:DesiredCount"}
POLICY: Json = TARGET | {"PolicyName": "cpu"}
TRACKING: Json = {
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {
        "TargetValue": 70.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    },
}


@pytest.fixture(scope="module")
def service(aws: Client) -> Iterator[Callable[[], int]]:
    """A service without a container behind it; asks for its desired count."""
    ecs = aws("ecs")
    ecs.create_cluster(clusterName="temu-scaling")
    definition = ecs.register_task_definition(
        family="temu-scaling", containerDefinitions=[{"name": "app", "image": "temu-none", "memory": 8}]
    )["taskDefinition"]["taskDefinitionArn"]
    for name in ("web", "beside"):
        ecs.create_service(
            cluster="temu-scaling",
            serviceName=name,
            taskDefinition=definition,
            desiredCount=0,
            # Nobody else's: no task is started that would only fail.
            deploymentController={"type": "EXTERNAL"},
        )
    # What Terraform's test makes beside it is there sooner or later.
    beside = TARGET | {"ResourceId": "service/temu-scaling/beside"}
    aws("application-autoscaling").register_scalable_target(**beside, MinCapacity=0, MaxCapacity=0)
    yield lambda: int(ecs.describe_services(cluster="temu-scaling", services=["web"])["services"][0]["desiredCount"])
    aws("application-autoscaling").deregister_scalable_target(**beside)
    for name in ("web", "beside"):
        ecs.delete_service(cluster="temu-scaling", service=name, force=True)
    ecs.delete_cluster(cluster="temu-scaling")


@pytest.fixture
def scaling(aws: Client, service: Callable[[], int]) -> Iterator[Any]:
    """A client, with the target registered for 0 to 0 tasks and a policy."""
    client = aws("application-autoscaling")
    client.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=0, Tags={"a": "1"})
    assert service() == 0
    client.put_scaling_policy(**POLICY, **TRACKING)
    yield client
    if client.describe_scalable_targets(**MINE)["ScalableTargets"]:
        client.deregister_scalable_target(**TARGET)


def target(scaling: Any) -> Json:
    found: Json = scaling.describe_scalable_targets(**MINE)["ScalableTargets"][0]
    return found


def test_target(scaling: Any) -> None:
    found = target(scaling)
    assert {key: found[key] for key in TARGET} == TARGET
    assert (found["MinCapacity"], found["MaxCapacity"]) == (0, 0)
    assert found["RoleARN"].endswith("/AWSServiceRoleForApplicationAutoScaling_ECSService")
    assert found["SuspendedState"] == {
        "DynamicScalingInSuspended": False,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": False,
    }
    again = scaling.register_scalable_target(**TARGET, SuspendedState={"DynamicScalingInSuspended": True})
    assert again["ScalableTargetARN"] == found["ScalableTargetARN"]
    assert target(scaling)["SuspendedState"]["DynamicScalingInSuspended"] is True
    assert target(scaling)["CreationTime"] == found["CreationTime"]


def test_policy_has_alarms(aws: Client, scaling: Any) -> None:
    policy = scaling.describe_scaling_policies(**RESOURCE)["ScalingPolicies"][0]
    assert policy["TargetTrackingScalingPolicyConfiguration"] == TRACKING["TargetTrackingScalingPolicyConfiguration"]
    names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
    alarms = aws("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    high, low = sorted(alarms, key=lambda alarm: str(alarm["AlarmName"]))
    assert (high["Threshold"], high["ComparisonOperator"], high["EvaluationPeriods"]) == (
        70.0,
        "GreaterThanThreshold",
        3,
    )
    assert (low["Threshold"], low["ComparisonOperator"], low["EvaluationPeriods"]) == (
        63.0,
        "LessThanThreshold",
        15,
    )
    assert high["Dimensions"] == [
        {"Name": "ClusterName", "Value": "temu-scaling"},
        {"Name": "ServiceName", "Value": "web"},
    ]
    again = scaling.put_scaling_policy(**POLICY, **TRACKING)
    assert again["PolicyARN"] == policy["PolicyARN"]
    scaling.delete_scaling_policy(**POLICY)
    assert aws("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"] == []
    assert scaling.describe_scaling_policies(**RESOURCE)["ScalingPolicies"] == []


def test_tags(scaling: Any) -> None:
    arn = target(scaling)["ScalableTargetARN"]
    scaling.tag_resource(ResourceARN=arn, Tags={"b": "2"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "1", "b": "2"}
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2"}


def test_registering_moves_the_desired_count_into_the_bounds(scaling: Any, service: Callable[[], int]) -> None:
    scaling.register_scalable_target(**TARGET, MinCapacity=2, MaxCapacity=3)
    assert service() == 2
    scaling.register_scalable_target(**TARGET, MinCapacity=0, MaxCapacity=1)
    assert service() == 1
    activities = scaling.describe_scaling_activities(**RESOURCE)["ScalingActivities"]
    assert [activity["Description"] for activity in activities[:2]] == [
        "Setting desired count to 1.",
        "Setting desired count to 2.",
    ]
    assert {activity["StatusCode"] for activity in activities} == {"Successful"}


def test_alarms_scale_within_the_bounds(aws: Client, scaling: Any, service: Callable[[], int]) -> None:
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2)
    names = [
        alarm["AlarmName"] for alarm in scaling.describe_scaling_policies(**RESOURCE)["ScalingPolicies"][0]["Alarms"]
    ]
    high, low = sorted(names)

    def go_off(name: str) -> int:
        for state in ("OK", "ALARM"):
            aws("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
        return service()

    assert [go_off(high), go_off(high), go_off(low), go_off(low)] == [2, 2, 1, 1]
    causes = [a["Cause"] for a in scaling.describe_scaling_activities(**RESOURCE)["ScalingActivities"][:2]]
    assert causes == [f"monitor alarm {name} in state ALARM triggered policy cpu" for name in (low, high)]
    scaling.register_scalable_target(**TARGET, SuspendedState={"DynamicScalingOutSuspended": True})
    assert go_off(high) == 1


def test_alarm_of_a_service_that_is_gone(aws: Client, scaling: Any) -> None:
    ecs = aws("ecs")
    arguments = {"cluster": "temu-scaling", "serviceName": "short", "taskDefinition": "temu-scaling"}
    ecs.create_service(**arguments, desiredCount=0, deploymentController={"type": "EXTERNAL"})
    short = TARGET | {"ResourceId": "service/temu-scaling/short"}
    scaling.register_scalable_target(**short, MinCapacity=0, MaxCapacity=1)
    alarms = scaling.put_scaling_policy(**short, PolicyName="cpu", **TRACKING)["Alarms"]
    ecs.delete_service(cluster="temu-scaling", service="short", force=True)
    for alarm in alarms:
        aws("cloudwatch").set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="test")
    scaling.deregister_scalable_target(**short)


def test_deregistering_takes_everything(aws: Client, scaling: Any) -> None:
    arn = target(scaling)["ScalableTargetARN"]
    scaling.deregister_scalable_target(**TARGET)
    assert scaling.describe_scalable_targets(**MINE)["ScalableTargets"] == []
    assert scaling.describe_scaling_policies(**RESOURCE)["ScalingPolicies"] == []
    assert (
        aws("cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-service/temu-scaling/web")["MetricAlarms"]
        == []
    )
    with pytest.raises(scaling.exceptions.ResourceNotFoundException):
        scaling.list_tags_for_resource(ResourceARN=arn)


def test_pages(scaling: Any) -> None:
    scaling.put_scaling_policy(**(POLICY | {"PolicyName": "cpu2"}), **TRACKING)
    pages = scaling.get_paginator("describe_scaling_policies").paginate(**RESOURCE, PaginationConfig={"PageSize": 1})
    assert [[p["PolicyName"] for p in page["ScalingPolicies"]] for page in pages] == [["cpu"], ["cpu2"]]


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        (
            "register_scalable_target",
            TARGET | {"ResourceId": "service/temu-scaling/none"},
            "ValidationException",
        ),
        ("register_scalable_target", TARGET | {"ResourceId": "nonsense"}, "ValidationException"),
        ("register_scalable_target", TARGET | {"MinCapacity": 3, "MaxCapacity": 2}, "ValidationException"),
        ("register_scalable_target", TARGET | {"MinCapacity": -1}, "ValidationException"),
        ("register_scalable_target", TARGET | {"ServiceNamespace": "nonsense"}, "ValidationException"),
        ("register_scalable_target", TARGET | {"ScalableDimension": "nonsense"}, "ValidationException"),
        (
            "register_scalable_target",
            TARGET | {"ServiceNamespace": "dynamodb", "ScalableDimension": "dynamodb:table:ReadCapacityUnits"},
            "ValidationException",
        ),
        ("put_scaling_policy", POLICY | {"ResourceId": "service/a/b"} | TRACKING, "ObjectNotFoundException"),
        ("put_scaling_policy", POLICY | {"PolicyType": "StepScaling"}, "ValidationException"),
        (
            "put_scaling_policy",
            POLICY
            | {"PolicyType": "TargetTrackingScaling"}
            | {"TargetTrackingScalingPolicyConfiguration": {"TargetValue": 1.0}},
            "ValidationException",
        ),
        ("delete_scaling_policy", POLICY | {"PolicyName": "none"}, "ObjectNotFoundException"),
        ("deregister_scalable_target", TARGET | {"ResourceId": "service/a/b"}, "ObjectNotFoundException"),
        ("describe_scalable_targets", {"ServiceNamespace": "nonsense"}, "ValidationException"),
        ("describe_scalable_targets", {"ServiceNamespace": "ecs", "MaxResults": 51}, "ValidationException"),
        ("describe_scalable_targets", {"ServiceNamespace": "ecs", "MaxResults": 0}, "ValidationException"),
        (
            "describe_scalable_targets",
            {"ServiceNamespace": "ecs", "NextToken": "x"},
            "InvalidNextTokenException",
        ),
        ("tag_resource", {"ResourceARN": NO_TARGET, "Tags": {"a": "b"}}, "ResourceNotFoundException"),
        ("describe_scheduled_actions", {"ServiceNamespace": "ecs"}, "UnknownOperationException"),
    ],
)
def test_errors(scaling: Any, operation: str, arguments: Json, code: str) -> None:
    with pytest.raises(ClientError) as error:
        getattr(scaling, operation)(**arguments)
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_new_target_needs_both_capacities(scaling: Any) -> None:
    scaling.deregister_scalable_target(**TARGET)
    with pytest.raises(scaling.exceptions.ValidationException, match="MaxCapacity is required"):
        scaling.register_scalable_target(**TARGET, MinCapacity=0)


def policy(target: str) -> bytes:
    """PutScalingPolicy with this target value, as it is."""
    return json.dumps(POLICY | TRACKING).replace("70.0", target).encode()


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("RegisterScalableTarget", b"{", "SerializationException"),
        ("RegisterScalableTarget", b"\xff\xfe", "SerializationException"),
        ("RegisterScalableTarget", b"[]", "SerializationException"),
        ("RegisterScalableTarget", b"", "ValidationException"),
        ("RegisterScalableTarget", b'{"ServiceNamespace": 5}', "ValidationException"),
        ("RegisterScalableTarget", b'{"MinCapacity": "many"}', "ValidationException"),
        ("RegisterScalableTarget", b"[" * 100_000, "SerializationException"),
        ("PutScalingPolicy", policy("NaN"), "SerializationException"),
        ("PutScalingPolicy", policy("1" + "0" * 5000), "SerializationException"),
        ("PutScalingPolicy", policy("1e999"), "ValidationException"),
        ("PutScalingPolicy", policy("1" + "0" * 400), "ValidationException"),
        ("PutScalingPolicy", policy("-1e200"), "ValidationException"),
        ("PutScalingPolicy", policy("true"), "ValidationException"),
        (
            "DescribeScalableTargets",
            b'{"ServiceNamespace": "ecs", "NextToken": "' + b"9" * 5000 + b'"}',
            "InvalidNextTokenException",
        ),
        ("Nonsense", b"{}", "UnknownOperationException"),
        ("_key", b"{}", "UnknownOperationException"),
        ("", b"{}", "UnknownOperationException"),
    ],
)
@pytest.mark.usefixtures("scaling")
def test_malformed_requests(cloud: Settings, operation: str, body: bytes, code: str) -> None:
    status, text = call(cloud, operation, body)
    assert status == 400
    assert f'"__type": "{code}"' in text
    assert '"Message": "' in text


@pytest.mark.usefixtures("scaling")
def test_odd_values_are_taken_or_refused_wherever_they_stand(cloud: Settings) -> None:
    page = {"NextToken": "0", "MaxResults": 1}
    suspended = {"DynamicScalingInSuspended": False}
    for operation, whole in (
        ("RegisterScalableTarget", TARGET | {"MinCapacity": 0, "MaxCapacity": 0, "SuspendedState": suspended}),
        ("PutScalingPolicy", POLICY | TRACKING),
        ("DescribeScalableTargets", {"ServiceNamespace": "ecs", "ResourceIds": ["x"]} | page),
        ("DescribeScalingPolicies", RESOURCE | {"PolicyNames": ["x"]} | page),
        ("DescribeScalingActivities", RESOURCE | page),
        ("TagResource", {"ResourceARN": NO_TARGET, "Tags": {"a": "b"}}),
        ("DeleteScalingPolicy", POLICY | {"PolicyName": "none"}),
        ("DeregisterScalableTarget", TARGET | {"ResourceId": "service/temu-scaling/none"}),
    ):
        for what, body in with_odd_values(whole):
            status, text = call(cloud, operation, json.dumps(body).encode())
            assert status in (200, 400), f"{operation}, {what}: {text}"


def call(cloud: Settings, operation: str, body: bytes) -> tuple[int, str]:
    """Status and answer of a request that boto3 would not send."""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.gateway_port, timeout=10)
    headers = {
        "X-Amz-Target": f"AnyScaleFrontendService.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
    }
    connection.request("POST", "/", body, signed("application-autoscaling", cloud.gateway_url, headers, body))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text
