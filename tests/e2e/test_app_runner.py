"""The app `hello`, on App Runner: as required, new code, a bad image, interrupted, destroyed and built again; and an
application with a database and secrets.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from emulator.tests.stack import wait_until
from tests.e2e.http import Visitor, ask
from tests.e2e.runs import PROJECT, Site, environments, failed, killed, succeeded
from tests.e2e.test_ordinary_app import SHOP, Browser
from tests.inventory.example import move_host

ENVIRONMENT = "e2eapprunner"
APPS = ("hello",)
NAME = f"{ENVIRONMENT}-hello"
ONLY = ("site.yml", "--limit", "hello")

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site, aws: Any) -> Iterator[None]:
    """The app, deployed for all tests of this file."""
    succeeded(site.run(*ONLY))
    assert len(_services(aws)) == 1
    yield
    site.destroy()
    assert _services(aws) == {}


def _services(aws: Any) -> dict[str, str]:
    """Status of the app's service by its ARN; a deleted one is none."""
    services = aws("apprunner").list_services()["ServiceSummaryList"]
    return {
        one["ServiceArn"]: one["Status"]
        for one in services
        if one["ServiceName"] == NAME and one["Status"] != "DELETED"
    }


def _statements(aws: Any, role: str) -> list[dict[str, Any]]:
    """What a role's own policies allow."""
    iam = aws("iam")
    statements = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        statements += iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    return statements


def test_what_runs_is_as_required(site: Site, aws: Any) -> None:
    entry = site.summary()["hello"]
    assert (entry["platform"], site.served("hello")) == ("app_runner", entry["image_digest"])
    (arn,) = _services(aws)
    service = aws("apprunner").describe_service(ServiceArn=arn)["Service"]
    assert entry["url"] == f"https://{service['ServiceUrl']}"
    health = service["HealthCheckConfiguration"]
    assert (health["Protocol"], health["Path"]) == ("HTTP", "/healthz")
    source = service["SourceConfiguration"]
    assert source["ImageRepository"]["ImageIdentifier"].endswith(f"/{NAME}@{entry['image_digest']}")
    assert not source["AutoDeploymentsEnabled"]
    configuration = service["AutoScalingConfigurationSummary"]["AutoScalingConfigurationArn"]
    scaling = aws("apprunner").describe_auto_scaling_configuration(AutoScalingConfigurationArn=configuration)
    bounds = scaling["AutoScalingConfiguration"]
    assert (bounds["MinSize"], bounds["MaxSize"]) == (1, 10)
    # The access role pulls from the app's repository alone; the instance role may do nothing until it is granted.
    access = source["AuthenticationConfiguration"]["AccessRoleArn"].rpartition("/")[2]
    resources = {resource for statement in _statements(aws, access) for resource in statement["Resource"]}
    assert {resource.rpartition(":")[2] for resource in resources} == {f"repository/{NAME}", "*"}
    instance = service["InstanceConfiguration"]["InstanceRoleArn"].rpartition("/")[2]
    assert _statements(aws, instance) == []


def test_start_and_requests_are_in_the_log(site: Site, aws: Any) -> None:
    marker = f"/api/{time.time_ns()}"
    ask(f"{site.summary()['hello']['url']}{marker}")
    groups = aws("logs").describe_log_groups(logGroupNamePrefix=f"/aws/apprunner/{NAME}/")["logGroups"]
    (group,) = {one["logGroupName"] for one in groups if one["logGroupName"].endswith("/application")}

    def messages() -> str:
        events = aws("logs").filter_log_events(logGroupName=group)["events"]
        return "\n".join(event["message"] for event in events)

    wait_until(lambda: marker in messages(), 30)
    assert "Listening at" in messages()


def test_new_code_is_rolled_out_without_a_failed_request(site: Site) -> None:
    before, url = site.served("hello"), site.summary()["hello"]["url"]
    with site.changed_source("release.py", '"""A change for App Runner."""\n'), Visitor(f"{url}/healthz") as visitor:
        succeeded(site.run(*ONLY))
        assert site.served("hello") != before
        assert site.summary()["hello"]["url"] == url
    assert visitor.problems == []


def test_image_that_does_not_start_is_rolled_back(site: Site) -> None:
    # What serves is what the source holds when its fault is gone again.
    succeeded(site.run(*ONLY))
    before, url = site.served("hello"), site.summary()["hello"]["url"]
    fault = "if 'waitress' in __import__('sys').modules:\n    raise RuntimeError('cannot start')\n"
    with site.changed_source("__init__.py", fault), Visitor(f"{url}/version", per_second=4) as visitor:
        run = failed(site.run(*ONLY))
    assert "ended as ROLLBACK_SUCCEEDED" in run.output
    assert "cannot start" in run.output
    assert visitor.problems == []
    assert site.served("hello") == before
    # Nothing is to be deployed then: App Runner has gone back by itself.
    succeeded(site.run(*ONLY))
    assert site.served("hello") == before
    assert succeeded(site.run(*ONLY)).changed == {}


def test_run_that_is_killed_while_it_deploys_is_finished_by_the_next(site: Site, aws: Any) -> None:
    with site.changed_source("release.py", '"""Killed on App Runner."""\n'):
        killed(site, lambda _: "OPERATION_IN_PROGRESS" in _services(aws).values(), *ONLY)
        succeeded(site.run(*ONLY))
        assert succeeded(site.run(*ONLY)).changed == {}


@pytest.mark.parametrize(
    ("platform", "text"),
    [
        ("ecs", "hello runs on app_runner and stands in the group ecs"),
        ("cloud_run", f"the bucket slipway-{ENVIRONMENT}-state of another cloud holds states of it"),
    ],
)
def test_app_does_not_move_to_another_platform(site: Site, platform: str, text: str) -> None:
    hosts = site.inventory / "hosts.yml"
    original = hosts.read_text()
    move_host(hosts, "hello", platform)
    before = site.served("hello")
    try:
        run = failed(site.run(*ONLY))
    finally:
        hosts.write_text(original)
    assert text in " ".join(run.output.split())
    # The first run of an inventory's first app on Cloud Run makes the bucket of its states.
    assert run.changed == {} or platform == "cloud_run"
    assert "apply | Apply the saved plan" not in run.output
    assert site.served("hello") == before


def test_check_says_what_would_change(site: Site, aws: Any) -> None:
    before = aws("apprunner").list_services()["ServiceSummaryList"]
    run = succeeded(site.run(*ONLY, "--check", service_container_port=9000))
    assert "- update aws_apprunner_service.this" in run.output
    assert aws("apprunner").list_services()["ServiceSummaryList"] == before
    assert NAME in [service["ServiceName"] for service in before]


def test_destroy_leaves_nothing_of_the_app(site: Site, aws: Any) -> None:
    run = site.destroy("hello")
    assert f"Nothing is left of {NAME}" in run.output
    assert "hello" not in site.summary()
    assert ">hello</a>" not in (site.build / "report/index.html").read_text()
    assert _services(aws) == {}
    assert (
        aws("apprunner").list_auto_scaling_configurations(AutoScalingConfigurationName=NAME)[
            "AutoScalingConfigurationSummaryList"
        ]
        == []
    )
    assert aws("logs").describe_log_groups(logGroupNamePrefix=f"/aws/apprunner/{NAME}/")["logGroups"] == []


def test_run_that_is_killed_in_its_first_apply_is_finished_by_the_next(site: Site, aws: Any) -> None:
    # Terraform outlives the run, and may have ended its work when the next one looks.
    killed(site, lambda _: _services(aws), *ONLY)
    succeeded(site.run(*ONLY))
    assert len(_services(aws)) == 1
    assert succeeded(site.run(*ONLY)).changed == {}


def test_application_with_a_database_and_secrets(site: Site, aws: Any) -> None:
    name, only = f"{ENVIRONMENT}-shop", ("site.yml", "--limit", "main,shop")
    shutil.copytree(PROJECT / "tests/e2e/applications/shop", site.folder / "shop")
    hosts = site.inventory / "hosts.yml"
    groups = yaml.safe_load(hosts.read_text())
    groups["all"]["children"]["apps"]["children"]["app_runner"]["hosts"]["shop"] = None
    hosts.write_text(yaml.safe_dump(groups))
    (site.inventory / "host_vars/shop").mkdir()
    (site.inventory / "host_vars/shop/app.yml").write_text(SHOP)
    site.set("shop", service_min_count=1)
    succeeded(site.run(*only))
    browser = Browser(site.summary()["shop"]["url"])
    browser.send("/login", name="Grace")
    number = browser.send("/items", name="Hat").document["id"]
    assert {"id": number, "name": "Hat"} in browser.ask("/items").document
    [environment] = environments(name, "app_runner")
    secret = aws("secretsmanager").get_secret_value(SecretId=f"{name}/database/app-url")["SecretString"]
    assert environment["DATABASE_URL"] == secret
    assert {"SECRET_KEY", "SECRET_VERSIONS"} <= environment.keys()
    [connector] = aws("apprunner").list_vpc_connectors()["VpcConnectors"]
    [service] = [one for one in aws("apprunner").list_services()["ServiceSummaryList"] if one["ServiceName"] == name]
    network = aws("apprunner").describe_service(ServiceArn=service["ServiceArn"])["Service"]["NetworkConfiguration"]
    assert network["EgressConfiguration"] == {"EgressType": "VPC", "VpcConnectorArn": connector["VpcConnectorArn"]}
    # What the instance role reads: the app's own secret, and those of its environment.
    secrets = {
        resource.split(":secret:")[1].rpartition("-")[0]
        for statement in _statements(aws, f"{name}-instance")
        for resource in statement["Resource"]
    }
    assert secrets == {f"{name}/database/app", f"{name}/database/app-url", f"{name}/environment/SECRET_KEY"}
    assert succeeded(site.run(*only)).changed == {}
    # An app that asks for nothing any more keeps the layer until it is destroyed.
    (site.inventory / "host_vars/shop/app.yml").write_text("\n".join(SHOP.strip().splitlines()[:2]))
    run = failed(site.run(*only))
    assert "aws_db_instance.this" in run.output
    site.destroy("shop")
    assert aws("apprunner").list_vpc_connectors()["VpcConnectors"] == []
    databases = aws("rds").describe_db_instances()["DBInstances"]
    assert name not in [database["DBInstanceIdentifier"] for database in databases]
