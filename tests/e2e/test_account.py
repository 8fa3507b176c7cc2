"""An account that is not the environment's, and one with the free plan."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from emulator.tests.clouds import cloud_beside, settings_beside
from tests.e2e.runs import CLOUD_ENVIRONMENT, Site, failed, succeeded

ENVIRONMENT = "e2eaccount"
APPS = ("records",)
# The emulator's credentials belong to 000000000000.
OTHER = "111122223333"

pytestmark = pytest.mark.long


def _states(aws: Any) -> list[str]:
    """What was done in the environment, but for the bootstrap of the emulator's account."""
    keys = [item["Key"] for item in aws("s3").list_objects_v2(Bucket=f"slipway-{ENVIRONMENT}-state")["Contents"]]
    return [key for key in keys if not key.startswith(f"{ENVIRONMENT}/bootstrap/")]


@pytest.mark.parametrize(
    ("playbook", "variables"),
    [
        ("site.yml", {}),
        ("playbooks/destroy.yml", {"slipway_confirm": ENVIRONMENT}),
        ("playbooks/smoke_check.yml", {}),
    ],
)
def test_another_account_is_refused_before_anything_is_touched(
    site: Site, aws: Any, playbook: str, variables: dict[str, str]
) -> None:
    run = failed(site.run(playbook, slipway_account_id=OTHER, **variables))
    text = " ".join(run.output.split())
    who = "arn:aws:iam::000000000000:root"
    assert f"belong to the AWS account 000000000000 ({who}), and slipway_account_id is {OTHER}" in text
    assert f"{site.inventory}/group_vars/all/environment.yml" in text
    assert _states(aws) == []


def test_the_provider_refuses_it_too(site: Site) -> None:
    try:
        run = failed(site.run("site.yml", "--check", "--limit", "main", slipway_account_id=OTHER, checks_account=False))
        assert "AWS account ID not allowed: 000000000000" in run.output
        assert "create aws_vpc.this" in site.run("site.yml", "--check", "--limit", "main").output
    finally:
        site.destroy()


def test_what_the_free_plan_refuses_is_explained(site: Site) -> None:
    settings = dataclasses.replace(settings_beside("e2e-free", 50), account_plan="free")
    gateway = CLOUD_ENVIRONMENT | {"AWS_ENDPOINT_URL": settings.gateway_url}
    variables: dict[str, Any] = {
        "slipway_rehearsal": False,
        "slipway_cloud_environment": gateway,
        "slipway_administrator_environment": gateway,
    }
    with cloud_beside(settings):
        succeeded(site.run("playbooks/bootstrap.yml", **variables))
        run = failed(site.run(**variables))
    text = " ".join(run.output.split())
    assert "FreeTierRestrictionError: The specified backup retention period exceeds the maximum available" in text
    assert "set data_backup_retention_days to 1" in text
