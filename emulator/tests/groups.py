"""Auto Scaling groups of the test image, whose instances run the user data of the layer `service_ec2`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.tests.stack import EXECUTION_ACTIONS, Balancer, Client, make_role, wait_until

LOG_GROUP = "temu-ec2"
# By it, instances of processes say whether they run.
HOOK = "temu-running"
INSTANCE_ACTIONS = ("autoscaling:CompleteLifecycleAction", "ssm:UpdateInstanceInformation")
# What a busy machine takes to start an instance, its container engine and the application, with a margin.
GRACE_SECONDS = 40
# The layer's user data.
TEMPLATE = Path(__file__).resolve().parents[2] / "terraform/layers/aws/service_ec2/user_data.sh.tftpl"
# Where the parameter store of AWS tells the machine image of Amazon Linux.
AMI_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"

Json = dict[str, Any]


@dataclass(frozen=True)
class Process:
    """A process of an application.

    Attributes:
        group: name of its Auto Scaling group.
        command: what it runs.
    """

    group: str
    command: list[str]


def user_data(image: str, directory: Path, process: Process | None = None, **environment: str) -> str:
    """What the layer's template says for an image, encoded as the API takes it.

    Args:
        image: with its registry.
        directory: an empty folder for Terraform to run in.
        process: what runs in place of the web server.
        environment: of the application.
    """
    values = {
        "command": process.command if process else None,
        "environment_variables": environment,
        "image": image,
        "lifecycle_hook_name": HOOK,
        "log_group_name": LOG_GROUP,
        "log_stream_prefix": "worker" if process else "instance",
        "memory_mib": 128,
        "name": process.group if process else "temu",
        "region": "us-east-1",
        "registry_host": image.partition("/")[0],
        "secret_versions": "",
        "secrets": {},
        "stop_timeout_seconds": 10,
        "tmp_size_mib": 16,
        "user": "10001",
    }
    expression = f"base64encode(templatefile({json.dumps(str(TEMPLATE))}, {json.dumps(values)}))"
    result = subprocess.run(
        ["terraform", "console"], input=expression, cwd=directory, capture_output=True, text=True, check=True
    )
    return str(json.loads(result.stdout))


class Groups:
    """Launch templates and groups of two instances behind a load balancer.

    Args:
        aws: makes clients.
        balancer: what the groups are attached to; its target group has the type `instance`.
        image: the test image.
        directory: an empty folder.
    """

    def __init__(self, aws: Client, balancer: Balancer, image: str, directory: Path) -> None:
        self.scaling, self.ec2, self.logs = aws("autoscaling"), aws("ec2"), aws("logs")
        self._balancer, self._image, self._directory = balancer, image, directory
        iam = aws("iam")
        self.logs.create_log_group(logGroupName=LOG_GROUP)
        make_role(aws, "temu-instance", "ec2.amazonaws.com", *EXECUTION_ACTIONS, *INSTANCE_ACTIONS)
        iam.create_instance_profile(InstanceProfileName="temu-instance")
        iam.add_role_to_instance_profile(InstanceProfileName="temu-instance", RoleName="temu-instance")
        self.ami = aws("ssm").get_parameter(Name=AMI_PARAMETER)["Parameter"]["Value"]

    def data(self, image: str = "", process: Process | None = None, **environment: str) -> Json:
        """Launch template data of an application, or a process of it, with this environment."""
        return {
            "ImageId": self.ami,
            "InstanceType": "t3.micro",
            "IamInstanceProfile": {"Name": "temu-instance"},
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 10, "Encrypted": True}}],
            "NetworkInterfaces": [
                {"DeviceIndex": 0, "AssociatePublicIpAddress": False, "Groups": [self._balancer.security_group]}
            ],
            "UserData": user_data(image or self._image, self._directory, process, **environment),
        }

    def define(self, name: str, data: Json) -> Json:
        """A launch template, or a new version of it; what names it."""
        found = self.ec2.describe_launch_templates(Filters=[{"Name": "launch-template-name", "Values": [name]}])
        if found["LaunchTemplates"]:
            answer = self.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=data)
            version = answer["LaunchTemplateVersion"]["VersionNumber"]
        else:
            self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
            version = 1
        return {"LaunchTemplateName": name, "Version": str(version)}

    def create(self, name: str, template: Json, count: int = 2, **more: Any) -> None:
        """Create a group and wait until its instances are healthy."""
        self.scaling.create_auto_scaling_group(
            **{
                "AutoScalingGroupName": name,
                "LaunchTemplate": template,
                "MinSize": 1,
                "MaxSize": 4,
                "DesiredCapacity": count,
                "HealthCheckType": "ELB",
                "HealthCheckGracePeriod": GRACE_SECONDS,
                "TargetGroupARNs": [self._balancer.group],
                "VPCZoneIdentifier": ",".join(self._balancer.subnets),
                "Tags": [{"Key": "Name", "Value": name, "PropagateAtLaunch": True}],
            }
            | more
        )

    @contextmanager
    def impatient(self, name: str) -> Iterator[None]:
        """Shorten a group's grace period, for instances that fail however long they are given."""
        self.scaling.update_auto_scaling_group(AutoScalingGroupName=name, HealthCheckGracePeriod=10)
        try:
            yield
        finally:
            self.scaling.update_auto_scaling_group(AutoScalingGroupName=name, HealthCheckGracePeriod=GRACE_SECONDS)

    def describe(self, name: str) -> Json:
        """DescribeAutoScalingGroups of one; empty when it is gone."""
        found: list[Json] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return found[0] if found else {}

    def members(self, name: str) -> list[Json]:
        """The instances of a group that are in service."""
        return [one for one in self.describe(name).get("Instances", []) if one["LifecycleState"] == "InService"]

    def healthy(self) -> list[str]:
        """Ids of the healthy targets."""
        return self._balancer.targets("healthy")

    def is_steady(self, name: str, count: int) -> bool:
        """Whether a group has so many instances, all healthy in the load balancer, and no other."""
        identifiers = {one["InstanceId"] for one in self.describe(name)["Instances"]}
        return len(identifiers) == count and identifiers == set(self.healthy())

    def refresh(self, name: str, template: Json, **preferences: Any) -> str:
        """StartInstanceRefresh to another launch template, with rollback; its id."""
        answer = self.scaling.start_instance_refresh(
            AutoScalingGroupName=name,
            DesiredConfiguration={"LaunchTemplate": template},
            Preferences={
                "MinHealthyPercentage": 100,
                "MaxHealthyPercentage": 150,
                "InstanceWarmup": 30,
                "SkipMatching": True,
                "AutoRollback": True,
            }
            | preferences,
        )
        return str(answer["InstanceRefreshId"])

    def refreshed(self, name: str, identifier: str, seconds: float = 300) -> Json:
        """An instance refresh once it has ended."""

        def ended() -> Json | None:
            answer = self.scaling.describe_instance_refreshes(
                AutoScalingGroupName=name, InstanceRefreshIds=[identifier]
            )
            record: Json = answer["InstanceRefreshes"][0]
            return record if record.get("EndTime") else None

        record: Json = wait_until(ended, seconds)
        return record

    def log(self, instance: str, prefix: str = "instance") -> list[str]:
        """The application's lines from an instance."""
        answer = self.logs.get_log_events(
            logGroupName=LOG_GROUP, logStreamName=f"{prefix}/{instance}", startFromHead=True
        )
        return [event["message"] for event in answer["events"]]

    def console(self, instance: str) -> str:
        """GetConsoleOutput."""
        return str(self.ec2.get_console_output(InstanceId=instance)["Output"])

    def remove(self, name: str) -> None:
        """Delete a group with its instances, and wait until it is gone."""
        self.scaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
        wait_until(lambda: not self.describe(name))
