"""App Runner: new code without a failed request, an image that does not start, and a run killed in the middle."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.http import Visitor, ask
from tests.e2e.runs import ENVIRONMENT, PROJECT, Site, failed, killed, succeeded

NAME = f"{ENVIRONMENT}-hello"
ONLY = ("site.yml", "--limit", "hello")


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site, aws: Any) -> None:
    """The app, deployed once for all tests of this file: by a run that is killed in its first apply, and the next."""
    # Terraform outlives the run, and may have ended its work when the next one looks.
    killed(site, lambda _: _services(aws), *ONLY)
    succeeded(site.run(*ONLY))
    assert len(_services(aws)) == 1


def _services(aws: Any) -> dict[str, str]:
    """Status of the app's service by its ARN; a deleted one is none."""
    services = aws("apprunner").list_services()["ServiceSummaryList"]
    return {
        one["ServiceArn"]: one["Status"]
        for one in services
        if one["ServiceName"] == NAME and one["Status"] != "DELETED"
    }


def digest(site: Site) -> str:
    """What hello says that it is."""
    return str(ask(f"{site.summary()['hello']['url']}/version").document["image_digest"])


def test_new_code_is_rolled_out_without_a_failed_request(site: Site) -> None:
    before, url = digest(site), site.summary()["hello"]["url"]
    with site.changed_source("release.py", '"""A change for App Runner."""\n'), Visitor(f"{url}/healthz") as visitor:
        succeeded(site.run(*ONLY))
        assert digest(site) != before
        assert site.summary()["hello"]["url"] == url
    assert visitor.problems == []


def test_image_that_does_not_start_is_rolled_back(site: Site) -> None:
    # What serves is what the source holds when its fault is gone again.
    succeeded(site.run(*ONLY))
    before, url = digest(site), site.summary()["hello"]["url"]
    fault = "if 'gunicorn' in __import__('sys').modules:\n    raise RuntimeError('cannot start')\n"
    with site.changed_source("__init__.py", fault), Visitor(f"{url}/version", per_second=4) as visitor:
        run = failed(site.run(*ONLY))
    assert "ended as ROLLBACK_SUCCEEDED" in run.output
    assert "cannot start" in run.output
    assert visitor.problems == []
    assert digest(site) == before
    # Nothing is to be deployed then: App Runner has gone back by itself.
    succeeded(site.run(*ONLY))
    assert digest(site) == before
    assert succeeded(site.run(*ONLY)).changed == {}


def test_run_that_is_killed_while_it_deploys_is_finished_by_the_next(site: Site, aws: Any) -> None:
    with site.changed_source("release.py", '"""Killed on App Runner."""\n'):
        killed(site, lambda _: "OPERATION_IN_PROGRESS" in _services(aws).values(), *ONLY)
        succeeded(site.run(*ONLY))
        assert succeeded(site.run(*ONLY)).changed == {}


def test_application_without_a_dockerfile(site: Site) -> None:
    hosts = site.inventory / "hosts.yml"
    hosts.write_text(hosts.read_text().replace("            hello:\n", "            hello:\n            visitors:\n"))
    folder = site.inventory / "host_vars" / "visitors"
    folder.mkdir()
    variables = {
        "image_source": str(PROJECT / "tests/e2e/foreign_app"),
        "image_dockerfile": str(PROJECT / "images/flask/Dockerfile"),
        "image_build_args": {"WSGI_APP": "guests:app"},
        "slipway_project": "visitors",
        "service_min_task_count": 1,
    }
    (folder / "app.yml").write_text(json.dumps(variables))
    succeeded(site.run("site.yml", "--limit", "visitors"))
    assert ask(site.summary()["visitors"]["url"] + "/").body.strip() == b"Welcome, guest"
    succeeded(site.run("playbooks/destroy.yml", "--limit", "visitors", slipway_confirm=ENVIRONMENT))


def test_app_does_not_move_to_another_target(site: Site) -> None:
    hosts = site.inventory / "hosts.yml"
    original = hosts.read_text()
    target = "        app_runner:\n          hosts:\n            hello:\n"
    assert target in original
    moved = original.replace(target, "").replace("            beers:\n", "            beers:\n            hello:\n")
    hosts.write_text(moved)
    try:
        run = failed(site.run(*ONLY))
    finally:
        hosts.write_text(original)
    assert "hello runs on app_runner and stands in the group ecs" in " ".join(run.output.split())
    assert run.changed == {}


def test_check_says_what_would_change(site: Site, aws: Any) -> None:
    before = aws("apprunner").list_services()["ServiceSummaryList"]
    run = succeeded(site.run(*ONLY, "--check", service_container_port=9000))
    assert "- update aws_apprunner_service.this" in run.output
    assert aws("apprunner").list_services()["ServiceSummaryList"] == before
    assert f"{ENVIRONMENT}-hello" in [service["ServiceName"] for service in before]


def test_destroy_leaves_nothing_of_the_app(site: Site, aws: Any) -> None:
    run = succeeded(site.run("playbooks/destroy.yml", "--limit", "hello", slipway_confirm=ENVIRONMENT))
    assert f"Nothing is left of {NAME}" in run.output
    assert _services(aws) == {}
    assert (
        aws("apprunner").list_auto_scaling_configurations(AutoScalingConfigurationName=NAME)[
            "AutoScalingConfigurationSummaryList"
        ]
        == []
    )
    assert aws("logs").describe_log_groups(logGroupNamePrefix=f"/aws/apprunner/{NAME}/")["logGroups"] == []
