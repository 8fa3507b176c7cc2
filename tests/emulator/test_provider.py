"""The real Terraform with the real AWS provider: what it made, it finds again unchanged."""

from __future__ import annotations

from emulator.settings import Settings
from tests.emulator.stack import Client, Terraform, ask


def test_steady_state_serves(terraform: Terraform, cloud: Settings) -> None:
    name = terraform.run("output", "-raw", "load_balancer_dns_name")
    assert ask(cloud, name, tls=False) == (200, "1")


def test_second_plan_is_empty_whatever_auto_scaling_did(terraform: Terraform, aws: Client) -> None:
    scaling = aws("application-autoscaling")
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs", PolicyNames=["temu-tf"])
    alarms = [alarm["AlarmName"] for alarm in policies["ScalingPolicies"][0]["Alarms"]]
    high = next(name for name in alarms if "-AlarmHigh-" in name)
    aws("cloudwatch").set_alarm_state(AlarmName=high, StateValue="ALARM", StateReason="test")
    service = aws("ecs").describe_services(cluster="temu-tf", services=["temu-tf"])["services"][0]
    assert service["desiredCount"] == 2
    # Its exit status is 2 where something would change.
    terraform.run("plan", "-detailed-exitcode", "-no-color")
