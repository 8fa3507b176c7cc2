"""The real Terraform with the real AWS provider: what it made, it finds again unchanged."""

from __future__ import annotations

import docker
import pytest

from emulator.tests.groups import TEMPLATE
from emulator.tests.stack import Client, Terraform, ask, wait_until
from slipway_emulator.ec2.instances import INSTANCE_LABEL
from slipway_emulator.settings import Settings


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


def test_auto_scaling_group_lives_as_terraform_says(
    aws: Client, cloud: Settings, image: str, engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("terraform-ec2")
    terraform = Terraform(directory, cloud, image, "terraform_ec2", user_data_template=str(TEMPLATE))
    terraform.apply()
    name = terraform.run("output", "-raw", "load_balancer_dns_name")
    wait_until(lambda: ask(cloud, name, tls=False) == (200, "1"))
    terraform.run("plan", "-detailed-exitcode", "-no-color")

    # The provider starts the refresh and does not wait for it.
    terraform.change("-var=release=2")
    refreshes = aws("autoscaling").describe_instance_refreshes
    wait_until(lambda: refreshes(AutoScalingGroupName="temu-tf-ec2")["InstanceRefreshes"][0]["Status"] == "Successful")
    assert ask(cloud, name, tls=False) == (200, "2")
    terraform.run("plan", "-detailed-exitcode", "-no-color", "-var=release=2")

    group = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["temu-tf-ec2"])
    identifiers = [instance["InstanceId"] for instance in group["AutoScalingGroups"][0]["Instances"]]
    terraform.run("destroy", "-auto-approve", "-no-color")
    assert identifiers
    for identifier in identifiers:
        assert engine.containers.list(all=True, filters={"label": f"{INSTANCE_LABEL}={identifier}"}) == []
