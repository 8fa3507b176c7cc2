"""The whole way: from source to running services on each platform, again, changed, broken, interrupted, destroyed.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import re
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from oras.provider import Registry

from emulator.tests.stack import wait_until
from plugins.filter.rds_ca import rds_ca_file
from tests.e2e.google_cloud import GOOGLE_PROJECT, OWNER_KEY, access_token
from tests.e2e.http import Visitor, ask
from tests.e2e.runs import CLOUD_ENVIRONMENT, PROJECT, RDS_AUTHORITY, Site, containers, environments, failed, succeeded
from tests.rehearsal import PsqlError, psql

ENVIRONMENT = "e2e"
# Of each network its cloud.
NETWORKS = {"main": "aws", "main-gcp": "gcp"}
APPS = {
    "tasks": "ecs",
    "beers": "ecs",
    "records": "ecs_public",
    "web": "ec2",
    "hello": "app_runner",
    "hello-gcp": "cloud_run",
}
NAME = f"{ENVIRONMENT}-tasks"
# Apps with secrets in their environment, and what one of those is, which somebody has made.
SECRETIVE = ("beers", "web")
# A process of records beside its web server, which says what it is given and waits.
_WORK = "import os, signal; print('works for', os.environ['APP_NAME'], flush=True); signal.pause()"
PROCESSES = {"worker": {"command": ["python", "-c", _WORK]}}
SCHEDULES = {"cleanup": {"command": ["python", "-c", "print('cleaned')"], "schedule": "rate(1 minute)"}}
MAIL_PASSWORD = 'correct "horse" $battery\n staple'


@pytest.fixture(scope="module", autouse=True)
def mail_secret(site: Site, aws: Any) -> str:
    """ARN of a secret of the account that no deployment has made, and that apps have in their environment."""
    manager = aws("secretsmanager")
    # Of each run another one: the emulator may have been there before.
    name = f"mail/{uuid.uuid4().hex[:8]}"
    arn = str(manager.create_secret(Name=name, SecretString=json.dumps({"password": MAIL_PASSWORD}))["ARN"])
    for app in SECRETIVE:
        site.set(app, app_secrets=_secrets(arn))
    return arn


@pytest.fixture(scope="module", autouse=True)
def _processes(site: Site) -> None:
    site.set("records", service_processes=PROCESSES, service_schedules=SCHEDULES)


def _secrets(arn: str) -> dict[str, str]:
    return {"MAIL_PASSWORD": f"{arn}:password::", "SESSION_KEY": "generated"}


def _psql(aws: Any, user: str, statement: str) -> str:
    secret = aws("secretsmanager").get_secret_value(SecretId=f"{NAME}/database/{user}")
    credentials = json.loads(secret["SecretString"])
    return psql(NAME, credentials, "taskdb", statement, RDS_AUTHORITY)


# -- the first run ---------------------------------------------------------------------------------------


def test_without_its_cloud_no_app_goes_on(site: Site) -> None:
    run = failed(site.run("site.yml", emulator_python="/bin/false"))
    assert "Create the bucket of the states" not in run.output
    assert run.changed == {}


def test_check_of_a_fresh_environment_says_what_it_waits_for(site: Site, aws: Any) -> None:
    run = succeeded(site.run("site.yml", "--check"))
    # The emulator's account was bootstrapped, and nothing else was done.
    states = aws("s3").list_objects_v2(Bucket=f"slipway-{ENVIRONMENT}-state")["Contents"]
    assert [item["Key"] for item in states] == [f"{ENVIRONMENT}/bootstrap/bootstrap"]
    assert "waits for" in run.output


def test_first_run_deploys_every_app(site: Site) -> None:
    run = succeeded(site.run())
    assert set(run.recap) >= {*NETWORKS, *APPS}
    said = " ".join(run.output.split())
    assert (
        "WARNING: hello: the platform app_runner is deprecated. AWS App Runner takes no new customers since 30 April"
        in said
    )
    assert "Use ecs instead: move the host to the group ecs in" in said
    summary = site.summary()
    assert {app: entry["platform"] for app, entry in summary.items()} == APPS
    for entry in summary.values():
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", entry["image_digest"])
        assert entry["url"] in run.output
    # One source is one image, in every registry of either cloud.
    assert len({entry["image_digest"] for entry in summary.values()}) == 1


def test_urls_open_as_printed(site: Site) -> None:
    for app, entry in site.summary().items():
        assert entry["url"].startswith("http://127." if APPS[app] == "ecs_public" else "https://")
        assert ask(f"{entry['url']}/health").status == 200
        assert site.served(app) == entry["image_digest"]


def _logged(aws: Any, group: str, prefix: str) -> list[str]:
    """What the streams of a log group say whose names begin so."""
    events = aws("logs").filter_log_events(logGroupName=group)["events"]
    return [str(event["message"]) for event in events if event["logStreamName"].startswith(prefix)]


def test_process_runs_beside_the_web_server(site: Site, aws: Any) -> None:
    name = f"{ENVIRONMENT}-records"
    ecs = aws("ecs")
    [service] = ecs.describe_services(cluster=name, services=[f"{name}_worker"])["services"]
    assert service["runningCount"] == 1
    web, worker = (
        ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]["containerDefinitions"][0]
        for family in (name, service["taskDefinition"])
    )
    for same in ("image", "user", "readonlyRootFilesystem"):
        assert worker[same] == web[same]
    assert [one for one in web["environment"] if one["name"] != "PORT"] == worker["environment"]
    assert _logged(aws, f"{name}/service", "worker/app/") == ["works for records"]
    assert site.summary()["records"]["processes"] == ["worker"]


def test_schedule_runs_a_command_of_the_image(aws: Any) -> None:
    group = f"{ENVIRONMENT}-records/service"
    assert set(wait_until(lambda: _logged(aws, group, "cleanup/app/"))) == {"cleaned"}


def test_report_shows_every_app_and_no_secret(site: Site, aws: Any) -> None:
    page = (site.build / "report/index.html").read_text()
    for app, entry in site.summary().items():
        assert f'<a href="{entry["url"]}"' in page
        assert entry["image_digest"] in page, app
    assert page.count("<svg") == len({*NETWORKS, *APPS})
    assert page.count(">deployed<") == len(APPS) * 2 + len(NETWORKS)
    for step in ("Provision the data layer", "Run the service", "Run the smoke checks"):
        assert f"<span>{step}</span>" in page
    files = [page, *(file.read_text() for file in site.build.glob("*/report.json"))]
    assert len(files) == len({*NETWORKS, *APPS}) + 1
    for user in ("app", "master", "migrator"):
        secret = aws("secretsmanager").get_secret_value(SecretId=f"{NAME}/database/{user}")
        assert not any(json.loads(secret["SecretString"])["password"] in text for text in files)


def test_registries_have_the_list_of_packages_of_each_image(site: Site, aws: Any) -> None:
    token = aws("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    ecr = Registry(hostname="127.0.0.1:4566", insecure=True, auth_backend="basic")
    ecr.auth.set_basic_auth(*base64.b64decode(token).decode().split(":"))
    artifact_registry = Registry(hostname="127.0.0.1:4567", insecure=True, auth_backend="token")
    artifact_registry.auth.set_basic_auth("oauth2accesstoken", access_token())
    for app, entry in site.summary().items():
        registry, repository = ecr, f"{ENVIRONMENT}-{app}"
        if APPS[app] == "cloud_run":
            registry, repository = artifact_registry, f"{GOOGLE_PROJECT}/{repository}/{repository}"
        target = f"{registry.hostname}/{repository}:{entry['image_tag']}.sbom"
        (layer,) = registry.get_manifest(target)["layers"]
        document = registry.get_blob(target, layer["digest"]).json()
        packages = {component.get("purl", "").partition("@")[0] for component in document["components"]}
        assert packages >= {"pkg:pypi/waitress", "pkg:deb/debian/libc6"}


def test_plain_http_is_redirected(site: Site) -> None:
    url = site.summary()["tasks"]["url"].replace("https://", "http://")
    assert ask(f"{url}/healthz", follow=False).status == 301


# -- what requirements say -------------------------------------------------------------------------------


def test_database_is_as_required(aws: Any) -> None:
    instance = aws("rds").describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]
    assert instance["Engine"] == "postgres"
    assert instance["EngineVersion"].split(".")[0] == "15"
    assert instance["DBInstanceClass"] == "db.t3.micro"
    assert (instance["AllocatedStorage"], instance["StorageType"]) == (20, "gp3")
    assert instance["MultiAZ"]
    assert instance["BackupRetentionPeriod"] == 7
    assert instance["StorageEncrypted"]
    assert not instance["PubliclyAccessible"]
    assert (instance["DBName"], instance["Endpoint"]["Port"]) == ("taskdb", 5432)


def test_bucket_is_as_required(aws: Any) -> None:
    s3 = aws("s3")
    bucket = f"{NAME}-000000000000"
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    archived = [rule for rule in rules if rule.get("Filter", {}).get("Prefix") == "archived/" and "Expiration" in rule]
    assert [rule["Expiration"]["Days"] for rule in archived] == [90]
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    denied = [s for s in policy["Statement"] if s["Effect"] == "Deny"]
    assert any(s["Condition"]["Bool"] == {"aws:SecureTransport": "false"} for s in denied)
    # Destroying the environment empties it, every version.
    s3.put_object(Bucket=bucket, Key="kept", Body=b"")


def test_compute_is_as_required(aws: Any) -> None:
    ecs = aws("ecs")
    service = ecs.describe_services(cluster=NAME, services=[NAME])["services"][0]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    assert (definition["cpu"], definition["memory"]) == ("256", "512")
    assert definition["networkMode"] == "awsvpc"
    container = definition["containerDefinitions"][0]
    assert container["portMappings"][0]["containerPort"] == 8000
    assert container["readonlyRootFilesystem"]
    assert "@sha256:" in container["image"]
    assert container["healthCheck"]
    assert service["runningCount"] >= 2
    # Sessions into the tasks are for who asks for them.
    assert not service["enableExecuteCommand"]
    breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
    assert breaker["enable"]
    assert breaker["rollback"]
    scaling = aws("application-autoscaling")
    target = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[f"service/{NAME}/{NAME}"])[
        "ScalableTargets"
    ][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 10)
    policy = scaling.describe_scaling_policies(ServiceNamespace="ecs", ResourceId=f"service/{NAME}/{NAME}")
    tracking = policy["ScalingPolicies"][0]["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 70
    assert tracking["PredefinedMetricSpecification"]["PredefinedMetricType"] == "ECSServiceAverageCPUUtilization"


def test_load_balancer_is_as_required(aws: Any) -> None:
    elb = aws("elbv2")
    balancer = elb.describe_load_balancers(Names=[NAME])["LoadBalancers"][0]
    assert balancer["Scheme"] == "internet-facing"
    listeners = {
        listener["Port"]: listener
        for listener in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    }
    assert set(listeners) == {80, 443}
    assert listeners[80]["DefaultActions"][0]["RedirectConfig"]["StatusCode"] == "HTTP_301"
    assert "TLS13-1-2" in listeners[443]["SslPolicy"]
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]
    assert {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "true"} in attributes
    group = elb.describe_target_groups(Names=[NAME])["TargetGroups"][0]
    assert (group["HealthCheckPath"], group["Matcher"]["HttpCode"]) == ("/health", "200")
    health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in health] == ["healthy"] * len(health)
    assert len(health) >= 2


def test_network_is_as_required(aws: Any) -> None:
    ec2 = aws("ec2")
    filters = [{"Name": "tag:Name", "Values": [f"{ENVIRONMENT}-main"]}]
    vpc = ec2.describe_vpcs(Filters=filters)["Vpcs"][0]
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    assert {s["CidrBlock"] for s in subnets} == {"10.0.1.0/24", "10.0.2.0/24", "10.0.10.0/24", "10.0.11.0/24"}
    assert len({s["AvailabilityZone"] for s in subnets}) == 2


def test_security_groups_allow_only_the_next_in_line(aws: Any) -> None:
    ec2 = aws("ec2")
    groups = {g["GroupName"]: g for g in ec2.describe_security_groups()["SecurityGroups"]}
    instance = aws("rds").describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]
    database_id = instance["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
    database = next(g for g in groups.values() if g["GroupId"] == database_id)
    assert [(p["FromPort"], p["ToPort"]) for p in database["IpPermissions"]] == [(5432, 5432)]
    sources = database["IpPermissions"][0]["UserIdGroupPairs"]
    service = aws("ecs").describe_services(cluster=NAME, services=[NAME])["services"][0]
    app = service["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"]
    assert [source["GroupId"] for source in sources] == app
    assert not database["IpPermissions"][0]["IpRanges"]


def test_monitoring_is_as_required(aws: Any) -> None:
    alarms = {a["AlarmName"]: a for a in aws("cloudwatch").describe_alarms(AlarmNamePrefix=NAME)["MetricAlarms"]}
    cpu = next(a for a in alarms.values() if a["MetricName"] == "CPUUtilization" and a["Namespace"] == "AWS/RDS")
    assert (cpu["ComparisonOperator"], cpu["Threshold"]) == ("GreaterThanThreshold", 80)
    tasks = next(a for a in alarms.values() if a["MetricName"] == "RunningTaskCount")
    assert (tasks["ComparisonOperator"], tasks["Threshold"]) == ("LessThanThreshold", 2)
    errors = [a for a in alarms.values() if "5XX" in a["MetricName"]]
    assert errors
    for alarm in errors:
        assert (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (10, 300, 1)
    groups = aws("logs").describe_log_groups(logGroupNamePrefix=NAME)["logGroups"]
    assert {group["retentionInDays"] for group in groups} == {7}


def test_everything_is_tagged(aws: Any) -> None:
    tags = {"Environment": "development", "Project": "task-management-api", "ManagedBy": "terraform"}
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    pages = aws("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters)
    arns = [m["ResourceARN"] for page in pages for m in page["ResourceTagMappingList"]]
    services = {arn.split(":")[2] for arn in arns}
    assert services >= {"ecs", "ec2", "elasticloadbalancing", "rds", "s3", "secretsmanager"}


# -- what the apps do ------------------------------------------------------------------------------------


def test_records_are_kept_by_key(site: Site) -> None:
    url = site.summary()["records"]["url"]
    assert ask(url + "/").status == 200
    for value in ("one", "two"):
        assert ask(f"{url}/data", "POST", {"key": "number", "value": value}).status in (200, 201)
    records = ask(f"{url}/data").document
    entries = records if isinstance(records, list) else records["records"]
    assert [entry["value"] for entry in entries if entry["key"] == "number"] == ["two"]


def test_apps_describe_themselves(site: Site) -> None:
    for entry in site.summary().values():
        assert ask(f"{entry['url']}/openapi.json").document["openapi"].startswith("3.")


@pytest.mark.parametrize("app", ["hello", "hello-gcp"])
def test_hello_greets_and_calculates(site: Site, app: str) -> None:
    url = site.summary()[app]["url"]
    assert ask(url + "/").body == b"Hello, World!"
    assert ask(f"{url}/api/5").document == {"success": True, "answer": 6}
    assert ask(f"{url}/api/10").body == b"Caught exception when calculating results: Invalid value!"


def test_database_users_may_do_what_they_should(aws: Any) -> None:
    assert _psql(aws, "app", "SELECT count(*) FROM users").isdecimal()
    with pytest.raises(PsqlError, match="permission denied for schema app"):
        _psql(aws, "app", "CREATE TABLE mine (id int)")
    with pytest.raises(PsqlError, match="permission denied for table users"):
        _psql(aws, "readonly", "DELETE FROM users")


def test_app_talks_to_a_database_of_its_authorities_only() -> None:
    container = containers(NAME, APPS["tasks"])[0]
    program = (
        "import os; from slipway_app.config import Settings; from slipway_app.database import Credentials; "
        "Credentials(Settings.from_environment(os.environ).database).connect()"
    )

    def connect(**environment: str) -> subprocess.CompletedProcess[str]:
        options = [f"--env={name}={value}" for name, value in environment.items()]
        command = ["docker", "exec", *options, container, "python3", "-c", program]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert connect().returncode == 0
    others = base64.b64encode(Path(rds_ca_file("us-east-1")).read_bytes()).decode()
    assert "certificate verify failed" in connect(DATABASE_CA_BUNDLE_BASE64=others).stderr


def test_secrets_are_in_the_environment(aws: Any) -> None:
    keys = set()
    for app in SECRETIVE:
        secret = f"{ENVIRONMENT}-{app}/environment/SESSION_KEY"
        key = aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        # An instance has another environment than the application on it.
        found = [one for one in environments(f"{ENVIRONMENT}-{app}", APPS[app]) if "IMAGE_DIGEST" in one]
        assert len(found) >= 2
        assert {(one["SESSION_KEY"], one["MAIL_PASSWORD"]) for one in found} == {(key, MAIL_PASSWORD)}
        keys.add(key)
    assert len(keys) == len(SECRETIVE)


# -- the second run --------------------------------------------------------------------------------------


def test_second_run_changes_nothing(site: Site) -> None:
    run = succeeded(site.run())
    assert run.changed == {}
    assert "Show what would change" not in run.output


def test_who_may_only_plan_finds_no_drift(site: Site) -> None:
    planner = site.cloud_environment(AWS_PROFILE="planner")
    arguments = ("--check", "--diff", "--limit", "!gcp")
    run = succeeded(site.run("playbooks/drift.yml", *arguments, slipway_cloud_environment=planner))
    assert run.changed == {}


def test_status_says_what_runs_and_by_whom(site: Site) -> None:
    # Who may only look sees it, too.
    planner = site.cloud_environment(AWS_PROFILE="planner")
    run = succeeded(site.run("playbooks/status.yml", "--limit", "!gcp", slipway_cloud_environment=planner))
    # Long rows have several lines.
    rows = {row.split()[0]: row.split()[1:] for row in re.split(r"^\s*- ", run.output, flags=re.MULTILINE)[1:]}
    summary = {app: entry for app, entry in site.summary().items() if entry["platform"] != "cloud_run"}
    assert set(rows) >= set(summary)
    for app, entry in summary.items():
        platform, url, version, image, began, *others = rows[app]
        assert (platform, url, version) == (entry["platform"], entry["url"], entry["version"])
        assert entry["image_digest"].startswith(image)
        assert datetime.datetime.fromisoformat(began) < datetime.datetime.now(datetime.UTC)
        assert "none" in others
        if platform != "app_runner":
            assert others[0] == f"arn:aws:sts::000000000000:assumed-role/{ENVIRONMENT}-deployer/slipway"
    assert run.changed == {}


@pytest.mark.long
@pytest.mark.usefixtures("everything")
def test_check_says_what_would_change(site: Site, aws: Any) -> None:
    definitions = aws("ecs").list_task_definitions()["taskDefinitionArns"]
    run = succeeded(site.run("site.yml", "--limit", "tasks,records", "--check", service_container_port=9000))
    assert set(run.changed) == {"tasks", "records"}
    assert "aws_ecs_task_definition" in run.output
    assert aws("ecs").list_task_definitions()["taskDefinitionArns"] == definitions


def test_bare_terraform_has_nothing_to_do(site: Site) -> None:
    google = yaml.safe_load((site.inventory / "group_vars" / "gcp" / "cloud.yml").read_text())
    clouds = {
        "aws": CLOUD_ENVIRONMENT,
        "gcp": google["slipway_cloud_environment"]
        | {"GOOGLE_PROJECT": google["slipway_google_project"], "GOOGLE_APPLICATION_CREDENTIALS": str(OWNER_KEY)},
    }
    layers = [(network, "network", f"{cloud}/network") for network, cloud in NETWORKS.items()]
    for app, platform in APPS.items():
        cloud = "gcp" if platform == "cloud_run" else "aws"
        layers += [(app, "registry", f"{cloud}/registry"), (app, "service", f"{cloud}/service_{platform}")]
        if platform != "app_runner":
            layers.append((app, "data", f"{cloud}/data"))
    for owner, layer, root in layers:
        work = site.build / owner / layer
        arguments = ["-input=false", "-lock=false", "-detailed-exitcode", f"-var-file={work / 'terraform.tfvars.json'}"]
        plan = subprocess.run(
            ["terraform", f"-chdir={PROJECT / 'terraform/layers' / root}", "plan", *arguments],
            env={**os.environ, **clouds[root.partition("/")[0]], "TF_DATA_DIR": str(work / "data")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert plan.returncode == 0, f"{owner}/{layer}:\n{plan.stdout}{plan.stderr}"


# -- altered by hand -------------------------------------------------------------------------------------


def _altered(aws: Any) -> tuple[int, str | None]:
    """How long the log of an app is kept, and the description of one of its secrets."""
    groups = aws("logs").describe_log_groups(logGroupNamePrefix=NAME)["logGroups"]
    days = {group["retentionInDays"] for group in groups if group["logGroupName"] == f"{NAME}/service"}
    secret = aws("secretsmanager").describe_secret(SecretId=f"{NAME}/database/app")
    return days.pop(), secret.get("Description")


@pytest.mark.long
@pytest.mark.usefixtures("everything")
def test_drift_is_what_was_altered_by_hand_and_not_what_was_scaled(site: Site, aws: Any) -> None:
    drift = ("playbooks/drift.yml", "--limit", "tasks", "--check", "--diff")
    ecs = aws("ecs")
    service = {"cluster": NAME, "service": NAME}

    def running() -> int:
        (found,) = ecs.describe_services(cluster=NAME, services=[NAME])["services"]
        return int(found["runningCount"])

    ecs.update_service(**service, desiredCount=3)
    wait_until(lambda: running() == 3, 120)
    assert succeeded(site.run(*drift)).changed == {}
    ecs.update_service(**service, desiredCount=2)
    before = _altered(aws)
    aws("logs").put_retention_policy(logGroupName=f"{NAME}/service", retentionInDays=3653)
    aws("secretsmanager").update_secret(SecretId=f"{NAME}/database/app", Description="altered")
    run = failed(site.run(*drift))
    (said,) = re.findall(r"^ +A deployment of tasks would change:\n((?: +- .+\n)+)", run.output, re.MULTILINE)
    assert [line.strip() for line in said.splitlines()] == [
        '- data: update aws_secretsmanager_secret.database["app"]',
        "- service: update module.task_roles.aws_cloudwatch_log_group.this",
    ]
    assert run.changed == {"tasks": 2}
    assert _altered(aws) == (3653, "altered")
    succeeded(site.run("site.yml", "--limit", "tasks"))
    assert _altered(aws) == before
    assert succeeded(site.run("site.yml", "--limit", "tasks")).changed == {}


def test_no_secret_is_anywhere(site: Site, aws: Any) -> None:
    manager = aws("secretsmanager")
    values: set[str] = set()
    of_environments = {MAIL_PASSWORD.splitlines()[1]}
    for secret in manager.get_paginator("list_secrets").paginate().build_full_result()["SecretList"]:
        if secret["Name"].startswith(f"{ENVIRONMENT}-"):
            text = manager.get_secret_value(SecretId=secret["ARN"])["SecretString"]
            kind = of_environments if "/environment/" in secret["Name"] else values
            kind.add(json.loads(text)["password"] if text.startswith("{") else text)
    assert len(values) >= 12
    assert len(of_environments) == len(SECRETIVE) + 1
    places = {str(path): path.read_bytes() for path in site.folder.rglob("*") if path.is_file()}
    s3 = aws("s3")
    for item in s3.list_objects_v2(Bucket=f"slipway-{ENVIRONMENT}-state")["Contents"]:
        places[item["Key"]] = s3.get_object(Bucket=f"slipway-{ENVIRONMENT}-state", Key=item["Key"])["Body"].read()
    for app, platform in APPS.items():
        for container in containers(f"{ENVIRONMENT}-{app}", platform):
            inspected = subprocess.run(["docker", "inspect", container], capture_output=True, check=True).stdout
            logs = subprocess.run(["docker", "logs", container], capture_output=True, check=True)
            places[f"configuration of {container}"] = inspected
            places[f"logs of {container}"] = logs.stdout + logs.stderr
    ecs, logs = aws("ecs"), aws("logs")
    definition = ecs.describe_task_definition(taskDefinition=f"{ENVIRONMENT}-beers")["taskDefinition"]
    places[definition["taskDefinitionArn"]] = json.dumps(definition, default=str).encode()
    templates = aws("ec2").describe_launch_template_versions(LaunchTemplateName=f"{ENVIRONMENT}-web")
    for version in templates["LaunchTemplateVersions"]:
        places[f"user data {version['VersionNumber']}"] = base64.b64decode(version["LaunchTemplateData"]["UserData"])
    for task in ("migration", "database-access"):
        for arn in ecs.list_task_definitions(familyPrefix=f"{NAME}-{task}", status="INACTIVE")["taskDefinitionArns"]:
            definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            places[arn] = json.dumps(definition, default=str).encode()
        assert f"{NAME}-{task}:1" in "".join(places)
    events = logs.get_paginator("filter_log_events").paginate(logGroupName=f"{NAME}/migration").build_full_result()
    places[f"{NAME}/migration"] = "\n".join(event["message"] for event in events["events"]).encode()
    assert b"slipway-result 1/" in places[f"{NAME}/migration"]
    found = {
        place
        for place, content in places.items()
        # A container has those of its environment in its configuration.
        for value in values | (set() if place.startswith("configuration of ") else of_environments)
        if value.encode() in content
    }
    assert not found


# -- secrets -------------------------------------------------------------------------------------------------


def test_secret_that_is_going_is_found_before_anything_is_touched(site: Site, aws: Any, mail_secret: str) -> None:
    aws("secretsmanager").delete_secret(SecretId=mail_secret)
    try:
        run = failed(site.run("site.yml", "--limit", "beers"))
    finally:
        aws("secretsmanager").restore_secret(SecretId=mail_secret)
    assert run.changed == {}
    said = " ".join(run.output.split())
    assert f"names {mail_secret} for beers, which Secrets Manager does not have in us-east-1" in said
    assert "Acquire the deploy lock" not in run.output


def test_secret_that_no_bootstrap_knows(site: Site, mail_secret: str) -> None:
    unknown = f"{mail_secret[:-6]}AAAAAA"
    site.set("beers", app_secrets={"MAIL_PASSWORD": unknown})
    try:
        run = failed(site.run("site.yml", "--limit", "beers"))
    finally:
        site.set("beers", app_secrets=_secrets(mail_secret))
    assert run.changed == {}
    said = " ".join(run.output.split())
    assert f"names {unknown} for beers: an administrator runs playbooks/bootstrap.yml" in said
    assert "Acquire the deploy lock" not in run.output


@pytest.mark.long
@pytest.mark.usefixtures("everything")
def test_new_value_of_a_secret_replaces_what_runs(site: Site, aws: Any, mail_secret: str) -> None:
    before = {app: site.served(app) for app in SECRETIVE}
    aws("secretsmanager").put_secret_value(SecretId=mail_secret, SecretString=json.dumps({"password": "another"}))
    succeeded(site.run("site.yml", "--limit", ",".join(SECRETIVE)))
    for app in SECRETIVE:
        found = [one for one in environments(f"{ENVIRONMENT}-{app}", APPS[app]) if "IMAGE_DIGEST" in one]
        assert {one["MAIL_PASSWORD"] for one in found} == {"another"}
    assert {app: site.served(app) for app in SECRETIVE} == before
    assert succeeded(site.run("site.yml", "--limit", ",".join(SECRETIVE))).changed == {}


# -- new code --------------------------------------------------------------------------------------------


def test_new_code_is_rolled_out_without_a_failed_request(site: Site) -> None:
    before = site.served("tasks")
    with (
        site.changed_source("release.py", '"""A change of the code."""\n'),
        Visitor(f"https://tasks.{ENVIRONMENT}.localhost/health") as visitor,
    ):
        run = succeeded(site.run("site.yml", "--limit", "tasks"))
    assert run.changed
    assert site.served("tasks") == site.summary()["tasks"]["image_digest"] != before
    assert visitor.count > 50
    assert visitor.problems == []
    assert set(site.summary()) == set(APPS)


def test_broken_image_leaves_the_old_version_serving(site: Site) -> None:
    before = site.served("tasks")
    factory = site.source / "slipway_app" / "__init__.py"
    original = factory.read_text()
    # The image is built and migrates as ever; it is the service that cannot start.
    fault = "if 'waitress' in __import__('sys').modules:\n    raise RuntimeError('cannot start')\n"
    factory.write_text(f"{original}\n{fault}")
    try:
        with Visitor(f"https://tasks.{ENVIRONMENT}.localhost/version", per_second=4) as visitor:
            run = failed(site.run("site.yml", "--limit", "tasks"))
    finally:
        factory.write_text(original)
    assert "cannot start" in run.output
    # It came as far as the service, and ECS went back.
    assert "Follow the deployment, and prove that what runs" in run.output
    assert visitor.problems == []
    assert ask(f"https://tasks.{ENVIRONMENT}.localhost/version").document["image_digest"] == before


@pytest.mark.long
@pytest.mark.usefixtures("everything")
def test_broken_process_fails_the_run_and_ecs_goes_back(site: Site, aws: Any) -> None:
    name = f"{ENVIRONMENT}-records"

    def running() -> tuple[str, int]:
        [service] = aws("ecs").describe_services(cluster=name, services=[f"{name}_worker"])["services"]
        return service["taskDefinition"], service["runningCount"]

    before, served = running(), site.served("records")
    broken = PROCESSES["worker"] | {"command": ["python", "-c", "raise SystemExit('no broker')"]}
    site.set("records", service_processes={"worker": broken}, service_schedules=SCHEDULES)
    try:
        run = failed(site.run("site.yml", "--limit", "records"))
    finally:
        site.set("records", service_processes=PROCESSES, service_schedules=SCHEDULES)
    assert f"to process worker (service {name}_worker) failed: " in " ".join(run.output.split())
    assert "no broker" in run.output
    wait_until(lambda: running() == before)
    assert site.served("records") == served
    assert succeeded(site.run("site.yml", "--limit", "records")).changed


def test_failing_migration_stops_before_the_service(site: Site) -> None:
    apps = [app for app, platform in APPS.items() if platform in ("ec2", "ecs_public")] + ["tasks"]
    before = {app: site.served(app) for app in apps}
    migrate = site.source / "slipway_app" / "migrate.py"
    original = migrate.read_text()
    migrate.write_text('print("no column of that name", flush=True)\nraise SystemExit(3)\n')
    try:
        run = failed(site.run("site.yml", "--limit", ",".join(apps)))
    finally:
        migrate.write_text(original)
    assert run.output.count("exit code 3") >= len(apps)
    assert "no column of that name" in run.output
    assert {app: run.recap[app]["failed"] for app in apps} == dict.fromkeys(apps, 1)
    assert {app: site.served(app) for app in apps} == before


# -- somebody else's application -------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.usefixtures("everything")
def test_foreign_app_needs_one_host_and_one_folder_on_each_platform(site: Site) -> None:
    # A git repository of its own, which the Dockerfile of the second half is not in.
    source = site.folder / "guests"
    shutil.copytree(PROJECT / "tests" / "e2e" / "foreign_app", source)
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for command in (["init"], ["add", "."], [*identity, "commit", "--message=Guests"]):
        subprocess.run(["git", "-C", str(source), *command], check=True, capture_output=True)
    dockerfile = {"service_container_port": 9000}
    # Another folder, which has none: its dependencies and its callable are all there is to say.
    bare = shutil.copytree(source, site.folder / "bare", ignore=shutil.ignore_patterns("Dockerfile"))
    without = {"image_source": str(bare), "image_build_args": {"WSGI_APP": "guests:app"}}
    hosts = site.inventory / "hosts.yml"
    original = hosts.read_text()
    groups = yaml.safe_load(original)
    guests = {f"guests-{platform.replace('_', '-')}": platform for platform in APPS.values()}
    for app, platform in guests.items():
        groups["all"]["children"]["apps"]["children"][platform]["hosts"][app] = None
        folder = site.inventory / "host_vars" / app
        folder.mkdir()
        image = dockerfile if platform in ("ecs", "ecs_public", "ec2") else without
        scaling = {} if platform == "ecs_public" else {"service_min_count": 1, "service_max_count": 2}
        public = {"service_allow_unauthenticated": True} if platform == "cloud_run" else {}
        variables = {"slipway_project": "guests", "image_source": str(source), **image, **scaling, **public}
        (folder / "app.yml").write_text(json.dumps(variables))
    hosts.write_text(yaml.safe_dump(groups))
    try:
        succeeded(site.run("site.yml", "--limit", ",".join(guests)))
        for app in guests:
            assert ask(site.summary()[app]["url"] + "/").body.strip() == b"Welcome, guest", app
        # Each Dockerfile has given one image, whatever runs it.
        for dockerfile_of in (("ecs", "ecs_public", "ec2"), ("app_runner", "cloud_run")):
            digests = {site.summary()[app]["image_digest"] for app, target in guests.items() if target in dockerfile_of}
            assert len(digests) == 1
        site.destroy(*guests)
    finally:
        hosts.write_text(original)


# -- the end ---------------------------------------------------------------------------------------------


def test_destroy_wants_the_environments_name(site: Site) -> None:
    run = failed(site.run("playbooks/destroy.yml", slipway_confirm="dev"))
    assert "Nothing was destroyed" in run.output
    assert ask(f"https://tasks.{ENVIRONMENT}.localhost/healthz").status == 200
