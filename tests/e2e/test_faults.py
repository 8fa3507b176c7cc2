"""Faults in the middle of a deploy, and a dry run of its end."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.http import Visitor
from tests.e2e.runs import Site, failed, killed, succeeded
from tests.e2e.test_site import APPS, ENVIRONMENT

SERVICE_STEP = "Follow the deployment, and prove that what runs is what was asked for"


pytestmark = [pytest.mark.long, pytest.mark.usefixtures("everything")]


def test_every_run_has_released_its_lock(aws: Any) -> None:
    states = aws("s3").list_objects_v2(Bucket=f"slipway-{ENVIRONMENT}-state")["Contents"]
    assert [item["Key"] for item in states if item["Key"].endswith("/lock")] == []


@pytest.mark.parametrize("app", ["tasks", "records"])
def test_image_that_never_gets_healthy_leaves_the_old_version_serving(site: Site, app: str) -> None:
    url = site.summary()[app]["url"]
    before = site.served(app)
    health = site.source / "slipway_app" / "health.py"
    original = health.read_text()
    health.write_text(re.sub(r'"/health(z?)"', r'"/elsewhere\1"', original))
    try:
        with Visitor(f"{url}/version", per_second=4) as visitor:
            run = failed(site.run("site.yml", "--limit", app))
    finally:
        health.write_text(original)
    assert "health checks" in run.output
    assert visitor.problems == []
    assert site.served(app) == before


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
    assert "- delete aws_db_instance.this[0]" in run.output
    assert "- delete aws_vpc.this" in run.output
    assert "Nothing is left" not in run.output
    assert succeeded(site.run("site.yml", "--limit", "web")).changed == {}
