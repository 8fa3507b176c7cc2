"""What a deployment to an Auto Scaling group counts as a failure of its instances."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Request
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
