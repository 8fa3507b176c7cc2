"""The real Terraform with the real AWS provider: what it made, it finds again unchanged."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from emulator.settings import Settings
from tests.emulator.stack import Client, ask


class Terraform:
    """Runs Terraform in a copy of the root next to this file."""

    def __init__(self, directory: Path, cloud: Settings, image: str) -> None:
        self._directory = directory
        self._environment = os.environ | {
            "AWS_ENDPOINT_URL": cloud.gateway_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_VAR_image": image,
        }

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["terraform", *arguments],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def terraform(cloud: Settings, image: str, tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform after an apply. What it made goes with the rehearsal cloud."""
    directory = tmp_path_factory.mktemp("terraform")
    shutil.copy(Path(__file__).parent / "terraform" / "main.tf", directory)
    terraform = Terraform(directory, cloud, image)
    for arguments in (["init", "-input=false", "-no-color"], ["apply", "-auto-approve", "-no-color"]):
        result = terraform(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
    return terraform


def test_steady_state_serves(terraform: Terraform, cloud: Settings) -> None:
    name = terraform("output", "-raw", "load_balancer_dns_name").stdout
    assert ask(cloud, name, tls=False) == (200, "1")


def test_second_plan_is_empty_whatever_auto_scaling_did(terraform: Terraform, aws: Client) -> None:
    scaling = aws("application-autoscaling")
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs", PolicyNames=["temu-tf"])
    alarms = [alarm["AlarmName"] for alarm in policies["ScalingPolicies"][0]["Alarms"]]
    high = next(name for name in alarms if "-AlarmHigh-" in name)
    aws("cloudwatch").set_alarm_state(AlarmName=high, StateValue="ALARM", StateReason="test")
    service = aws("ecs").describe_services(cluster="temu-tf", services=["temu-tf"])["services"][0]
    assert service["desiredCount"] == 2
    result = terraform("plan", "-detailed-exitcode", "-no-color")
    assert result.returncode == 0, result.stdout + result.stderr
