"""Faults in the middle of a deploy: an image that never gets healthy, and runs that are killed.

Not among the tests that `make test` runs yet; by hand: pytest tests/e2e/test_faults.py
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from tests.e2e.http import Visitor, ask
from tests.e2e.runs import ENVIRONMENT, PROJECT, Site, failed, succeeded


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site) -> None:
    """The environment, deployed once for all tests of this file."""
    succeeded(site.run())


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
