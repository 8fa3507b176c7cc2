"""The app `web`, on instances: as required, refreshed under load, rolled back, interrupted.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from emulator.tests.stack import wait_until
from tests.e2e.http import Visitor, ask
from tests.e2e.runs import Site, containers, failed, killed, succeeded

ENVIRONMENT = "e2eec2"
APPS = ("web",)
NAME = f"{ENVIRONMENT}-web"
URL = f"https://web.{ENVIRONMENT}.localhost"

Json = dict[str, Any]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site, aws: Any) -> Iterator[None]:
    """The app, deployed for all tests of this file."""
    succeeded(site.run("site.yml"))
    assert len(_group(aws)["Instances"]) == 2
    yield
    site.destroy()
    assert _group(aws) == {}


def _deploy(site: Site) -> Any:
    return site.run("site.yml", "--limit", "web")


def _group(aws: Any, name: str = NAME) -> Json:
    groups = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    return groups[0] if groups else {}


def _instances(aws: Any) -> list[Json]:
    identifiers = [one["InstanceId"] for one in _group(aws)["Instances"]]
    reservations = aws("ec2").describe_instances(InstanceIds=identifiers)["Reservations"]
    return [one for reservation in reservations for one in reservation["Instances"]]


def _refreshes(aws: Any) -> list[Json]:
    answer = aws("autoscaling").describe_instance_refreshes(AutoScalingGroupName=NAME)
    found: list[Json] = answer["InstanceRefreshes"]
    return found


def _api_key(aws: Any) -> str:
    return str(aws("secretsmanager").get_secret_value(SecretId=f"{NAME}/api-key")["SecretString"])


# -- what requirements say -------------------------------------------------------------------------------


def test_what_runs_is_what_was_asked_for(site: Site, aws: Any) -> None:
    entry = site.summary()["web"]
    assert (entry["platform"], entry["url"]) == ("ec2", URL)
    assert ask(f"{URL}/healthz").body.strip() == b"ok"
    assert site.served("web") == entry["image_digest"]
    images = {
        subprocess.run(
            ["docker", "inspect", "--format", "{{.Config.Image}}", f"ministack-ec2-{one['InstanceId']}-app"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for one in _group(aws)["Instances"]
    }
    assert {image.partition("@")[2] for image in images} == {entry["image_digest"]}


def test_instances_are_private_and_spread(aws: Any) -> None:
    instances = _instances(aws)
    assert len(instances) == 2
    assert len({one["Placement"]["AvailabilityZone"] for one in instances}) == 2
    for one in instances:
        assert not one.get("PublicIpAddress")
        assert "KeyName" not in one
        assert one["MetadataOptions"]["HttpTokens"] == "required"
        assert one["InstanceType"] == "t3.micro"
        tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
        assert tags.items() >= {"Environment": "development", "Project": "web", "ManagedBy": "terraform"}.items()
    volumes = aws("ec2").describe_volumes(
        VolumeIds=[mapping["Ebs"]["VolumeId"] for one in instances for mapping in one["BlockDeviceMappings"]]
    )["Volumes"]
    assert all(volume["Encrypted"] for volume in volumes)


def test_only_the_load_balancer_is_public(aws: Any) -> None:
    elb = aws("elbv2")
    assert elb.describe_load_balancers(Names=[NAME])["LoadBalancers"][0]["Scheme"] == "internet-facing"
    group = elb.describe_target_groups(Names=[NAME])["TargetGroups"][0]
    assert (group["TargetType"], group["Port"], group["HealthCheckPath"]) == ("instance", 8000, "/healthz")
    database = aws("rds").describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]
    assert not database["PubliclyAccessible"]
    groups = {one["GroupId"]: one for one in aws("ec2").describe_security_groups()["SecurityGroups"]}
    (app,) = {one["GroupId"] for instance in _instances(aws) for one in instance["SecurityGroups"]}
    (rule,) = groups[app]["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpRanges"]) == (8000, 8000, [])
    (source,) = [pair["GroupId"] for pair in rule["UserIdGroupPairs"]]
    balancer = elb.describe_load_balancers(Names=[NAME])["LoadBalancers"][0]
    assert [source] == balancer["SecurityGroups"]


def test_group_scales_on_cpu(aws: Any) -> None:
    group = _group(aws)
    assert (group["MinSize"], group["MaxSize"], group["HealthCheckType"]) == (2, 10, "ELB")
    (policy,) = aws("autoscaling").describe_policies(AutoScalingGroupName=NAME)["ScalingPolicies"]
    tracking = policy["TargetTrackingConfiguration"]
    assert tracking["TargetValue"] == 70
    assert tracking["PredefinedMetricSpecification"]["PredefinedMetricType"] == "ASGAverageCPUUtilization"


def test_log_of_each_instance_is_in_cloudwatch(aws: Any) -> None:
    streams = aws("logs").describe_log_streams(logGroupName=f"{NAME}/service")["logStreams"]
    names = {stream["logStreamName"] for stream in streams}
    assert names >= {f"instance/{one['InstanceId']}" for one in _group(aws)["Instances"]}


def test_writes_need_the_key_of_secrets_manager(aws: Any) -> None:
    record = {"key": "greeting", "value": "hello"}
    assert ask(f"{URL}/data", "POST", record).status == 401
    assert ask(f"{URL}/data", "POST", record, headers={"X-API-Key": "wrong"}).status == 401
    assert ask(f"{URL}/data", "POST", record, headers={"X-API-Key": _api_key(aws)}).status in (200, 201)
    assert record in ask(f"{URL}/data").document


def test_secrets_are_on_no_instance(aws: Any) -> None:
    credentials = json.loads(aws("secretsmanager").get_secret_value(SecretId=f"{NAME}/database/app")["SecretString"])
    secrets = [_api_key(aws).encode(), credentials["password"].encode()]
    found = containers(NAME, "ec2")
    assert len(found) == 4
    for container in found:
        files = subprocess.run(["docker", "export", container], capture_output=True, check=True).stdout
        inspected = subprocess.run(["docker", "inspect", container], capture_output=True, check=True).stdout
        assert not [secret for secret in secrets if secret in files + inspected]


# -- again, and again with new code ----------------------------------------------------------------------


def test_second_run_changes_nothing(site: Site, aws: Any) -> None:
    before = {one["InstanceId"] for one in _group(aws)["Instances"]}
    assert succeeded(_deploy(site)).changed == {}
    assert succeeded(site.run("site.yml", "--limit", "web", "--check", "--diff")).changed == {}
    assert {one["InstanceId"] for one in _group(aws)["Instances"]} == before


def test_smoke_check_changes_nothing_and_passes(site: Site) -> None:
    assert succeeded(site.run("playbooks/smoke_check.yml", "--limit", "web")).changed == {}


def test_check_says_what_would_change_and_replaces_nothing(site: Site, aws: Any) -> None:
    before = {one["InstanceId"] for one in _group(aws)["Instances"]}
    run = succeeded(site.run("site.yml", "--limit", "web", "--check", service_container_port=9000))
    assert run.changed
    assert "aws_launch_template.this" in run.output
    assert {one["InstanceId"] for one in _group(aws)["Instances"]} == before


def test_refresh_under_load_loses_no_request(site: Site, aws: Any) -> None:
    before = {one["InstanceId"] for one in _group(aws)["Instances"]}
    digest = site.summary()["web"]["image_digest"]
    (site.source / "slipway_app" / "release.py").write_text('"""A change of the code, for instances."""\n')
    with ExitStack() as stack:
        visitors = [stack.enter_context(Visitor(f"{URL}{path}", per_second=8)) for path in ("/health", "/data")]
        run = succeeded(_deploy(site))
    assert run.changed
    assert [visitor.problems for visitor in visitors] == [[], []]
    assert all(visitor.count > 50 for visitor in visitors)
    assert not before & {one["InstanceId"] for one in _group(aws)["Instances"]}
    after = site.summary()["web"]["image_digest"]
    assert after != digest
    assert site.served("web") == after


def test_bad_image_is_rolled_back(site: Site, aws: Any) -> None:
    before = site.summary()["web"]["image_digest"]
    factory = site.source / "slipway_app" / "__init__.py"
    original = factory.read_text()
    # The image is built and migrates as ever; it is the service that cannot start.
    fault = "if 'waitress' in __import__('sys').modules:\n    raise RuntimeError('cannot start')\n"
    factory.write_text(f"{original}\n{fault}")
    try:
        with Visitor(f"{URL}/version", per_second=4) as visitor:
            run = failed(_deploy(site))
    finally:
        factory.write_text(original)
    assert "was rolled back and still serves version" in " ".join(run.output.split())
    assert "cannot start" in run.output
    assert visitor.problems == []
    assert site.served("web") == before
    known = _refreshes(aws)
    assert known[0]["Status"] == "RollbackSuccessful"
    # A check says so too, and starts nothing.
    run = failed(site.run("playbooks/smoke_check.yml", "--limit", "web"))
    assert "asked for was" in run.output
    assert _refreshes(aws) == known
    # The next run, with the code as it was, has nothing to fix but what Terraform was told meanwhile.
    succeeded(_deploy(site))
    assert site.served("web") == before


# -- interrupted -----------------------------------------------------------------------------------------


def test_run_killed_in_the_refresh_is_finished_by_the_next(site: Site, aws: Any) -> None:
    known = len(_refreshes(aws))
    with site.changed_source("release.py", '"""Killed in the refresh."""\n'):
        killed(
            site,
            lambda _: len(_refreshes(aws)) > known and _refreshes(aws)[0]["Status"] == "InProgress",
            "site.yml",
            "--limit",
            "web",
        )
        succeeded(_deploy(site))
        # What the other run began was followed, or had ended: no second one was started.
        assert len(_refreshes(aws)) == known + 1
        assert _refreshes(aws)[0]["Status"] == "Successful"
        assert site.served("web") == site.summary()["web"]["image_digest"]
        assert succeeded(_deploy(site)).changed == {}


# -- a worker and a schedule -----------------------------------------------------------------------------


def _with_worker(site: Site, command: str) -> Any:
    """A run with a worker that carries a line of Python out first, and with a schedule."""
    # With two at most, a new instance runs before the old one goes.
    worker = {"command": ["python", "-uc", f"{command}\nimport time\ntime.sleep(86400)"], "max_count": 2}
    cleanup = {"command": ["python", "-c", "print('cleaned')"], "schedule": "rate(1 minute)"}
    site.set("web", service_processes={"worker": worker}, service_schedules={"cleanup": cleanup})
    return _deploy(site)


def _lines(aws: Any, group: str, stream: str) -> list[str]:
    """What the streams of a log group say whose names begin so."""
    events = aws("logs").filter_log_events(logGroupName=f"{NAME}/{group}")["events"]
    return [event["message"] for event in events if event["logStreamName"].startswith(f"{stream}/")]


def test_worker_and_schedule_beside_the_web_server(site: Site, aws: Any) -> None:
    web = {one["InstanceId"] for one in _group(aws)["Instances"]}
    succeeded(_with_worker(site, "print('works')"))
    assert site.summary()["web"]["processes"] == ["worker"]
    (instance,) = _group(aws, f"{NAME}_worker")["Instances"]
    assert (instance["LifecycleState"], instance["HealthStatus"]) == ("InService", "Healthy")
    assert _lines(aws, "service", "worker") == ["works"]
    # The web server is as it was.
    assert {one["InstanceId"] for one in _group(aws)["Instances"]} == web
    wait_until(lambda: "cleaned" in _lines(aws, "schedules", "cleanup"), 180)
    assert succeeded(_deploy(site)).changed == {}
    # A long line of the table has two.
    assert "worker 1" in " ".join(succeeded(site.run("playbooks/status.yml", "--limit", "web")).output.split())


def test_worker_that_ends_is_rolled_back(site: Site, aws: Any) -> None:
    before = _group(aws, f"{NAME}_worker")["Instances"]
    output = " ".join(failed(_with_worker(site, "raise SystemExit('cannot work')")).output.split())
    assert f"to process worker (group {NAME}_worker) failed" in output
    assert "was rolled back and still runs version" in output
    assert "cannot work" in output
    assert _group(aws, f"{NAME}_worker")["Instances"] == before
    succeeded(_with_worker(site, "print('works again')"))
    assert "works again" in _lines(aws, "service", "worker")
    assert succeeded(_deploy(site)).changed == {}


# -- destroyed and built again ---------------------------------------------------------------------------


def test_destroy_leaves_nothing_of_the_app(site: Site, aws: Any) -> None:
    run = site.destroy("web")
    assert f"Nothing is left of {NAME}" in run.output
    assert "web" not in site.summary()
    assert _group(aws) == _group(aws, f"{NAME}_worker") == {}
    assert aws("ecs").list_task_definition_families(familyPrefix=f"{NAME}_", status="ACTIVE")["families"] == []
    site.set("web")
    named = [{"Name": "launch-template-name", "Values": [NAME]}]
    assert aws("ec2").describe_launch_templates(Filters=named)["LaunchTemplates"] == []


def test_run_that_is_killed_in_its_first_apply_is_finished_by_the_next(site: Site, aws: Any) -> None:
    # Terraform outlives the run, and may have ended its work when the next one looks.
    killed(site, lambda _: _group(aws), "site.yml", "--limit", "web")
    succeeded(_deploy(site))
    assert len(_group(aws)["Instances"]) == 2
    assert succeeded(_deploy(site)).changed == {}
