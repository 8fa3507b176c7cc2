"""The end of an environment in both clouds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import google_cloud
from tests.e2e.runs import Site, containers, killed, succeeded
from tests.e2e.test_site import APPS, ENVIRONMENT


def _is_half_destroyed(aws: Any, app: str) -> bool:
    """Whether the state of an app's service is as a destruction writes it while it waits: outputs go first."""
    key = f"{ENVIRONMENT}/{app}/service"
    state = json.loads(aws("s3").get_object(Bucket=f"slipway-{ENVIRONMENT}-state", Key=key)["Body"].read())
    return bool(state["resources"]) and not state["outputs"]


@pytest.mark.usefixtures("everything")
def test_destroy_leaves_nothing(site: Site, aws: Any) -> None:
    # One that was killed in the middle of a service is finished by the next.
    confirmed = ("--limit", "web", "-e", f"slipway_confirm={ENVIRONMENT}")
    killed(site, lambda _: _is_half_destroyed(aws, "web"), "playbooks/destroy.yml", *confirmed)
    run = site.destroy()
    assert run.output.count("Nothing is left of") >= len(APPS) + 1
    # What the deployer cannot take back: its own roles, and the bucket that holds their state.
    succeeded(site.run("playbooks/remove_bootstrap.yml", slipway_confirm=ENVIRONMENT))
    left = {
        "buckets": [bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]],
        "databases": [d["DBInstanceIdentifier"] for d in aws("rds").describe_db_instances()["DBInstances"]],
        "repositories": [r["repositoryName"] for r in aws("ecr").describe_repositories()["repositories"]],
        "roles": [role["RoleName"] for role in aws("iam").list_roles()["Roles"]],
        "secrets": [secret["Name"] for secret in aws("secretsmanager").list_secrets()["SecretList"]],
        "balancers": [b["LoadBalancerName"] for b in aws("elbv2").describe_load_balancers()["LoadBalancers"]],
        "groups": [
            g["AutoScalingGroupName"] for g in aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        ],
        "templates": [t["LaunchTemplateName"] for t in aws("ec2").describe_launch_templates()["LaunchTemplates"]],
        "profiles": [p["InstanceProfileName"] for p in aws("iam").list_instance_profiles()["InstanceProfiles"]],
        "app runner": [s["ServiceName"] for s in aws("apprunner").list_services()["ServiceSummaryList"]],
        "task definitions": [
            arn
            for status in ("ACTIVE", "INACTIVE")
            for arn in aws("ecs").list_task_definitions(status=status)["taskDefinitionArns"]
        ],
        "log groups": [group["logGroupName"] for group in aws("logs").describe_log_groups()["logGroups"]],
    }
    ours = {kind: [name for name in names if ENVIRONMENT in re.split("[-/]", name)] for kind, names in left.items()}
    assert not {kind: names for kind, names in ours.items() if names}
    assert not aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{ENVIRONMENT}-main"]}])["Vpcs"]
    web = [{"Name": "tag:Name", "Values": [f"{ENVIRONMENT}-web"]}]
    reservations = aws("ec2").describe_instances(Filters=web)["Reservations"]
    assert {one["State"]["Name"] for item in reservations for one in item["Instances"]} <= {"terminated"}
    assert aws("ec2").describe_volumes(Filters=web)["Volumes"] == []
    assert google_cloud.left(ENVIRONMENT) == []
    for app, platform in APPS.items():
        assert containers(f"{ENVIRONMENT}-{app}", platform) == []
    assert not list(Path(site.build).glob("*/*/terraform.tfvars.json"))
