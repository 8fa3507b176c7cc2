"""What a deployment to an Auto Scaling group counts as a failure of its instances."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import SHOWN_LINES, NotYetError, Request
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments.ec2 import Deployment
from botocore.stub import Stubber

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
DENIED = "Access denied when attempting to assume role AWSServiceRoleForAutoScaling."
OUTPUTS = {"auto_scaling_group_name": "web", "launch_template_id": "lt-1", "launch_template_version": "1"}


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A deployment whose client reaches nobody."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Deployment(Request(OUTPUTS, "sha256:1", 60, "us-east-1"))


@pytest.fixture
def worker(deployment: Deployment) -> Deployment:
    """The deployment of a process beside it."""
    outputs = {
        "auto_scaling_group_name": "web_worker",
        "launch_template_id": "lt-2",
        "launch_template_version": "3",
    }
    request = replace(deployment.request, outputs=OUTPUTS | {"processes": {"worker": outputs}})
    found = Deployment(request).processes()["worker"]
    assert isinstance(found, Deployment)
    return found


def activity(seconds: int, status: str, cause: str, message: str = "") -> dict[str, Any]:
    found = {
        "ActivityId": str(seconds),
        "AutoScalingGroupName": "web",
        "Cause": cause,
        "StartTime": BEGAN + timedelta(seconds=seconds),
        "StatusCode": status,
    }
    return found | ({"StatusMessage": message} if message else {})


def test_failures_of_the_first_seconds_are_the_accounts(deployment: Deployment) -> None:
    launched = "an instance was started in response to a difference between desired and actual capacity"
    activities = [
        activity(90, "Failed", launched, "The image does not exist"),
        activity(20, "Successful", "an instance was taken out of service in response to an ELB health check failure"),
        activity(5, "Failed", launched, DENIED),
        activity(2, "Failed", launched, DENIED),
        activity(-60, "Failed", launched, "of another deployment"),
    ]
    with Stubber(deployment._scaling) as answers:
        for _ in range(2):
            answers.add_response("describe_scaling_activities", {"Activities": activities})
        counted = deployment._failures(BEGAN)
        assert counted == ["The image does not exist", activities[1]["Cause"]]
        assert deployment._problems(BEGAN) == [*counted, DENIED, DENIED]


def group(version: str, **members: str) -> dict[str, Any]:
    """A group that is set to a version, and its instances with their lifecycle states."""
    template = {"LaunchTemplateId": "lt-2", "Version": version}
    return {
        "AutoScalingGroupName": "web_worker",
        "MinSize": 1,
        "MaxSize": 1,
        "DesiredCapacity": 1,
        "DefaultCooldown": 300,
        "AvailabilityZones": ["us-east-1a"],
        "HealthCheckType": "EC2",
        "CreatedTime": BEGAN,
        "InstanceMaintenancePolicy": {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 100},
        "LaunchTemplate": template,
        "Instances": [
            {
                "InstanceId": identifier,
                "AvailabilityZone": "us-east-1a",
                "HealthStatus": "Healthy",
                "LifecycleState": state,
                "ProtectedFromScaleIn": False,
                "LaunchTemplate": template,
            }
            for identifier, state in members.items()
        ],
    }


def test_an_app_without_processes_has_none(deployment: Deployment) -> None:
    assert deployment.processes() == {}


def test_instances_of_a_process_are_replaced_as_its_group_says(worker: Deployment) -> None:
    refresh = {
        "AutoScalingGroupName": "web_worker",
        "DesiredConfiguration": {"LaunchTemplate": {"LaunchTemplateId": "lt-2", "Version": "3"}},
        "Preferences": {
            "AutoRollback": True,
            "MaxHealthyPercentage": 100,
            "MinHealthyPercentage": 0,
            "SkipMatching": True,
        },
    }
    record = {"InstanceRefreshId": "r-1", "Status": "Successful", "StartTime": BEGAN}
    old, new = (
        {"AutoScalingGroups": [group("2", old="InService")]},
        {"AutoScalingGroups": [group("3", new="InService")]},
    )
    with Stubber(worker._scaling) as answers:
        answers.add_response("describe_instance_refreshes", {"InstanceRefreshes": []})
        answers.add_response("describe_auto_scaling_groups", old)
        answers.add_response("describe_auto_scaling_groups", old)
        answers.add_response("start_instance_refresh", {"InstanceRefreshId": "r-1"}, refresh)
        answers.add_response("describe_instance_refreshes", {"InstanceRefreshes": [record]})
        # No load balancer is asked: an instance is in service when its command has run.
        answers.add_response("describe_auto_scaling_groups", new)
        worker.begin()
        assert worker.follow() == "r-1"
        answers.assert_no_pending_responses()
    assert worker.changed


def test_a_command_that_ends_counts_at_once(worker: Deployment) -> None:
    why = "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token 1 was abandoned: why"
    launched = "an instance was started in response to a difference between desired and actual capacity"
    abandoned = activity(5, "Cancelled", launched, why) | {"Description": "Launching a new EC2 instance: i-1"}
    log = {"events": [{"timestamp": 1, "message": "no such module", "ingestionTime": 1}]}
    stream = {
        "logGroupName": "web/service",
        "logStreamName": "worker/i-1",
        "limit": SHOWN_LINES,
        "startFromHead": False,
    }
    worker.request.outputs["log_group_name"] = "web/service"
    with Stubber(worker._scaling) as answers, Stubber(worker._logs) as logs:
        answers.add_response("describe_scaling_activities", {"Activities": [abandoned]})
        assert worker._failures(BEGAN) == [why]
        answers.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [group("2", old="InService")]})
        for _ in range(2):
            answers.add_response("describe_scaling_activities", {"Activities": [abandoned]})
        logs.add_response("get_log_events", log, stream)
        said = worker._failure("its instances fail", why, BEGAN).splitlines()
    assert said == [
        "The deployment of launch template version 3 to process worker (group web_worker) failed: its instances fail. "
        + why,
        "The group was rolled back and still runs version 2.",
        f"  {why}",
        "Instance i-1:",
        "  | no such module",
    ]


def test_a_refresh_goes_on_where_another_deployment_of_the_run_has_failed(worker: Deployment) -> None:
    record = {"InstanceRefreshId": "r-1", "Status": "InProgress", "StartTime": BEGAN, "PercentageComplete": 0}
    worker._identifier, worker.timeout_seconds = "r-1", 0
    with Stubber(worker._scaling) as answers:
        # Nothing rolls it back.
        for _ in range(9):
            answers.add_response("describe_instance_refreshes", {"InstanceRefreshes": [record]})
            answers.add_response("describe_scaling_activities", {"Activities": []})
        with pytest.raises(NotYetError):
            worker.follow()
