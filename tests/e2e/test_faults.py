"""Faults in the middle of a deploy, and its end: an image that never gets healthy, killed runs, destroy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import google_cloud
from tests.e2e.http import Visitor, ask
from tests.e2e.runs import ENVIRONMENT, Site, failed, killed, succeeded
from tests.e2e.test_site import APPS, containers

SERVICE_STEP = "ecs_deployment | Wait for this very deployment"


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site, aws: Any) -> None:
    """The environment, deployed for all tests of this file; what other tests have deployed will do."""
    if not (site.build / "summary.json").exists():
        succeeded(site.run())
    # Some apps have been migrated in the last runs, others have not: each has given its lock back.
    states = aws("s3").list_objects_v2(Bucket=f"slipway-{ENVIRONMENT}-state")["Contents"]
    assert [item["Key"] for item in states if item["Key"].endswith("/lock")] == []


def test_image_that_never_gets_healthy_leaves_the_old_version_serving(site: Site) -> None:
    url = site.summary()["records"]["url"]
    before = ask(f"{url}/version").document["image_digest"]
    health = site.source / "slipway_app" / "health.py"
    original = health.read_text()
    health.write_text(re.sub(r'"/health(z?)"', r'"/elsewhere\1"', original))
    try:
        with Visitor(f"{url}/version", per_second=4) as visitor:
            run = failed(site.run("site.yml", "--limit", "records"))
    finally:
        health.write_text(original)
    assert "health checks" in run.output
    assert visitor.problems == []
    assert ask(f"{url}/version").document["image_digest"] == before


@pytest.mark.parametrize(
    ("app", "moments"),
    [
        ("tasks", ["push | Push the image", "run | Migrate the database with the new image", SERVICE_STEP]),
        ("records", [SERVICE_STEP]),
    ],
)
def test_run_that_is_killed_again_and_again_is_finished_by_the_next(site: Site, app: str, moments: list[str]) -> None:
    with site.changed_source("release.py", f'"""Killed while {app} was deployed."""\n'):
        for moment in moments:
            killed(site, re.compile(re.escape(moment)).search, "site.yml", "--limit", app)
        succeeded(site.run("site.yml", "--limit", app))
        assert succeeded(site.run("site.yml", "--limit", app)).changed == {}


def test_destroy_can_be_tried_out(site: Site) -> None:
    run = succeeded(site.run("playbooks/destroy.yml", "--check", slipway_confirm=ENVIRONMENT))
    assert set(run.changed) >= {"main", *APPS}
    assert "- aws_db_instance.this[0]" in run.output
    assert "- aws_vpc.this" in run.output
    assert "Nothing is left" not in run.output
    assert succeeded(site.run("site.yml", "--limit", "beers")).changed == {}


def test_destroy_leaves_nothing(site: Site, aws: Any) -> None:
    run = site.destroy()
    assert run.output.count("Nothing is left of") >= len(APPS) + 1
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
        "log groups": [group["logGroupName"] for group in aws("logs").describe_log_groups()["logGroups"]],
    }
    ours = {kind: [name for name in names if ENVIRONMENT in re.split("[-/]", name)] for kind, names in left.items()}
    assert not {kind: names for kind, names in ours.items() if names}
    assert not aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{ENVIRONMENT}-main"]}])["Vpcs"]
    web = [{"Name": "tag:Name", "Values": [f"{ENVIRONMENT}-web"]}]
    reservations = aws("ec2").describe_instances(Filters=web)["Reservations"]
    assert {one["State"]["Name"] for item in reservations for one in item["Instances"]} <= {"terminated"}
    assert aws("ec2").describe_volumes(Filters=web)["Volumes"] == []
    assert google_cloud.left() == []
    for app in APPS:
        assert containers(app) == []
    assert not list(Path(site.build).glob("*/*/terraform.tfvars.json"))
