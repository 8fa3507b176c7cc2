"""Faults in the middle of a deploy, and its end: an image that never gets healthy, killed runs, destroy."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.http import Visitor, ask
from tests.e2e.runs import ENVIRONMENT, PROJECT, Site, failed, succeeded
from tests.e2e.test_site import APPS, containers


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site, aws: Any) -> None:
    """The environment, deployed once for all tests of this file."""
    succeeded(site.run())
    # Some apps have been migrated in that run, others have not: each has given its lock back.
    states = aws("s3").list_objects_v2(Bucket=f"slipway-{ENVIRONMENT}-state")["Contents"]
    assert [item["Key"] for item in states if item["Key"].endswith("/lock")] == []


def test_image_that_never_gets_healthy_leaves_the_old_version_serving(site: Site) -> None:
    before = site.summary()["tasks"]["image_digest"]
    health = site.source / "slipway_app" / "health.py"
    original = health.read_text()
    health.write_text(re.sub(r'"/health(z?)"', r'"/elsewhere\1"', original))
    try:
        with Visitor(f"https://tasks.{ENVIRONMENT}.localhost/version", per_second=4) as visitor:
            run = failed(site.run("site.yml", "--limit", "tasks"))
    finally:
        health.write_text(original)
    assert "health checks" in run.output
    assert visitor.problems == []
    assert ask(f"https://tasks.{ENVIRONMENT}.localhost/version").document["image_digest"] == before


@pytest.mark.parametrize("moment", ["push | Push the image", "run | Migrate the database with the new image"])
def test_killed_run_is_finished_by_the_next(site: Site, moment: str) -> None:
    (site.source / "slipway_app" / "release.py").write_text(f'"""Killed at: {moment}."""\n')
    process = subprocess.Popen(
        site.command("site.yml", "--limit", "tasks"),
        cwd=PROJECT,
        env={**site.environment(), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    for line in process.stdout:
        if moment in line:
            break
    else:
        pytest.fail(f"the run ended before {moment}")
    time.sleep(0.5)  # in the middle of the step, wherever that is
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    succeeded(site.run("site.yml", "--limit", "tasks"))
    run = succeeded(site.run("site.yml", "--limit", "tasks"))
    assert run.changed == {}


def test_destroy_can_be_tried_out(site: Site) -> None:
    run = succeeded(site.run("playbooks/destroy.yml", "--check", slipway_confirm=ENVIRONMENT))
    assert set(run.changed) >= {"main", *APPS}
    assert "- aws_db_instance.this[0]" in run.output
    assert "- aws_vpc.this" in run.output
    assert "Nothing is left" not in run.output
    assert succeeded(site.run("site.yml", "--limit", "tasks")).changed == {}


def test_destroy_leaves_nothing(site: Site, aws: Any) -> None:
    run = succeeded(site.run("playbooks/destroy.yml", slipway_confirm=ENVIRONMENT))
    assert run.output.count("Nothing is left of") >= len(APPS) + 1
    left = {
        "buckets": [bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]],
        "databases": [d["DBInstanceIdentifier"] for d in aws("rds").describe_db_instances()["DBInstances"]],
        "repositories": [r["repositoryName"] for r in aws("ecr").describe_repositories()["repositories"]],
        "roles": [role["RoleName"] for role in aws("iam").list_roles()["Roles"]],
        "secrets": [secret["Name"] for secret in aws("secretsmanager").list_secrets()["SecretList"]],
        "balancers": [b["LoadBalancerName"] for b in aws("elbv2").describe_load_balancers()["LoadBalancers"]],
        "log groups": [group["logGroupName"] for group in aws("logs").describe_log_groups()["logGroups"]],
    }
    ours = {kind: [name for name in names if ENVIRONMENT in name.split("-")] for kind, names in left.items()}
    assert not {kind: names for kind, names in ours.items() if names}
    assert not aws("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{ENVIRONMENT}-main"]}])["Vpcs"]
    for app in APPS:
        assert containers(app) == []
    assert not list(Path(site.build).glob("*/*/terraform.tfvars.json"))
