"""What an interrupted apply has left is found in the emulator, by what a plan says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from typing import Any

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError

from emulator.tests.stack import wait_until
from plugins.filter.recovery import import_blocks, plan_creations
from plugins.plugin_utils.unmanaged_resources import google
from plugins.plugin_utils.unmanaged_resources.aws import FINDERS, REPEATABLE, find_unmanaged
from tests.recovery.environment import PROJECT, client

NAME = "trecf"
DOMAIN = f"{NAME}.example.org"
TAGS = {"Environment": "recovery", "ManagedBy": "terraform", "Project": "finders"}
TAG_LIST = [{"Key": key, "Value": value} for key, value in TAGS.items()]
LOWER_TAG_LIST = [{"key": key, "value": value} for key, value in TAGS.items()]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})

Json = dict[str, Any]


def test_every_type_of_the_layers_is_known() -> None:
    files = (PROJECT / "terraform").glob("*/**/*.tf")
    used = {
        kind for file in files for kind in re.findall(r'^resource "(aws_\w+|terraform_data)"', file.read_text(), re.M)
    }
    assert used - FINDERS.keys() - REPEATABLE == set(), (
        "say in plugin_utils/unmanaged_resources/aws.py how to find them"
    )
    assert (FINDERS.keys() | REPEATABLE) - used == set()
    assert FINDERS.keys() & REPEATABLE == set()


def test_every_type_of_googles_layers_is_known() -> None:
    files = (PROJECT / "terraform/layers/gcp").glob("*/*.tf")
    used = {kind for file in files for kind in re.findall(r'^resource "(google_\w+)"', file.read_text(), re.M)}
    assert used == google.PLACES.keys() | google.REPEATABLE
    assert google.PLACES.keys() & google.REPEATABLE == set()


def test_only_what_is_created_is_looked_for() -> None:
    def change(address: str, *actions: str, mode: str = "managed") -> Json:
        after = {"name": "x"}
        return {"address": address, "type": "t", "mode": mode, "change": {"actions": actions, "after": after}}

    plan = {
        "resource_changes": [
            change("t.new", "create"),
            change("t.replaced", "create", "delete"),
            change("t.changed", "update"),
            change("data.t.read", "read", mode="data"),
        ]
    }
    plan = json.loads(json.dumps(plan))
    assert plan_creations(plan) == [{"address": "t.new", "type": "t", "values": {"name": "x"}}]


def test_import_blocks_are_terraform_in_json() -> None:
    resources = [{"address": 'aws_subnet.public["us-east-1a"]', "id": "subnet-1"}]
    assert import_blocks(resources) == {"import": [{"to": 'aws_subnet.public["us-east-1a"]', "id": "subnet-1"}]}


class Made:
    """Resources of the service and registry layers, made as an interrupted apply would have left them.

    Each entry of `planned` is a type, what a plan says of one, and the id to import it by. The network and
    data layers are killed for real elsewhere.
    """

    def __init__(self, clean: ExitStack) -> None:
        self._clean = clean
        self.planned: list[tuple[str, Json, str]] = []
        self._make()

    def _undo(self, call: Callable[..., Any], **arguments: Any) -> None:
        self._clean.callback(partial(call, **arguments))

    def _add(self, kind: str, identifier: str, **planned: Any) -> None:
        self.planned.append((kind, planned, identifier))

    def _make(self) -> None:
        self._make_load_balancer()
        self._make_names()
        self._make_service()
        self._make_schedules()
        self._make_instances()

    def _make_load_balancer(self) -> None:
        ec2, elb = client("ec2"), client("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
        self._undo(ec2.delete_vpc, VpcId=vpc)
        subnets = []
        for i, zone in enumerate("ab"):
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.77.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")
            subnets.append(subnet["Subnet"]["SubnetId"])
            self._undo(ec2.delete_subnet, SubnetId=subnets[-1])
        self._subnets = subnets
        lb = elb.create_load_balancer(Name=NAME, Subnets=subnets, Tags=TAG_LIST)["LoadBalancers"][0]["LoadBalancerArn"]
        self._undo(elb.delete_load_balancer, LoadBalancerArn=lb)
        self._add("aws_lb", lb, name=NAME)
        group = elb.create_target_group(Name=NAME, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", Tags=TAG_LIST)[
            "TargetGroups"
        ][0]["TargetGroupArn"]
        self._undo(elb.delete_target_group, TargetGroupArn=group)
        self._add("aws_lb_target_group", group, name=NAME)
        listener = elb.create_listener(
            LoadBalancerArn=lb,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )["Listeners"][0]["ListenerArn"]
        self._undo(elb.delete_listener, ListenerArn=listener)
        self._add("aws_lb_listener", listener, load_balancer_arn=lb, port=80)
        rules = {}
        for priority, host in enumerate((DOMAIN, f"other.{DOMAIN}"), 1):
            created = elb.create_rule(
                ListenerArn=listener,
                Priority=priority,
                Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}],
                Actions=[{"Type": "forward", "TargetGroupArn": group}],
                Tags=TAG_LIST,
            )
            rules[host] = created["Rules"][0]["RuleArn"]
        hosts = [{"host_header": [{"values": [DOMAIN]}]}]
        self._add("aws_lb_listener_rule", rules[DOMAIN], listener_arn=listener, condition=hosts)

    def _make_names(self) -> None:
        acm, route53 = client("acm"), client("route53")
        certificate = acm.request_certificate(DomainName=DOMAIN, ValidationMethod="DNS", Tags=TAG_LIST)[
            "CertificateArn"
        ]
        self._undo(acm.delete_certificate, CertificateArn=certificate)
        self._add("aws_acm_certificate", certificate, domain_name=DOMAIN)
        comment = f"Public names of {NAME}"
        zone = route53.create_hosted_zone(
            Name=DOMAIN, CallerReference=NAME, HostedZoneConfig={"Comment": comment, "PrivateZone": False}
        )["HostedZone"]["Id"].rsplit("/")[-1]
        self._undo(route53.delete_hosted_zone, Id=zone)
        self._add("aws_route53_zone", zone, name=DOMAIN, comment=comment)
        record = {"Name": DOMAIN, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}

        def change(action: str) -> None:
            changes = [{"Action": action, "ResourceRecordSet": record}]
            route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

        change("CREATE")
        self._undo(change, action="DELETE")
        self._add(
            "aws_route53_record", f"{zone}_{DOMAIN}_A", zone_id=zone, name=DOMAIN, type="A", records=["192.0.2.1"]
        )

    def _make_service(self) -> None:
        ecr, ecs, iam, logs = client("ecr"), client("ecs"), client("iam"), client("logs")
        ecr.create_repository(repositoryName=NAME, tags=TAG_LIST)
        self._undo(ecr.delete_repository, repositoryName=NAME)
        self._add("aws_ecr_repository", NAME, name=NAME)
        logs.create_log_group(logGroupName=NAME, tags=TAGS)
        self._undo(logs.delete_log_group, logGroupName=NAME)
        self._add("aws_cloudwatch_log_group", NAME, name=NAME)
        iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=TRUST, Tags=TAG_LIST)
        self._undo(iam.delete_role, RoleName=NAME)
        self._add("aws_iam_role", NAME, name=NAME)
        cluster = ecs.create_cluster(clusterName=NAME, tags=LOWER_TAG_LIST)["cluster"]["clusterArn"]
        self._undo(ecs.delete_cluster, cluster=NAME)
        self._add("aws_ecs_cluster", NAME, name=NAME)
        definition = ecs.register_task_definition(
            family=NAME,
            containerDefinitions=[{"name": "app", "image": "none", "memory": 32}],
            tags=LOWER_TAG_LIST,
        )["taskDefinition"]["taskDefinitionArn"]
        self._undo(ecs.deregister_task_definition, taskDefinition=definition)
        self._add("aws_ecs_task_definition", definition, family=NAME)
        ecs.create_service(
            cluster=NAME, serviceName=NAME, taskDefinition=definition, desiredCount=0, tags=LOWER_TAG_LIST
        )
        self._undo(ecs.delete_service, cluster=NAME, service=NAME, force=True)
        # This emulator is late: it shows a new service some seconds later.
        wait_until(lambda: ecs.describe_services(cluster=NAME, services=[NAME])["services"])
        self._add("aws_ecs_service", f"{NAME}/{NAME}", cluster=cluster, name=NAME)

    def _make_schedules(self) -> None:
        iam, scheduler = client("iam"), client("scheduler")
        allow = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
        name = f"{NAME}-scheduler"
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [allow]}))["Role"][
            "Arn"
        ]
        self._undo(iam.delete_role, RoleName=name)
        scheduler.create_schedule_group(Name=NAME, Tags=TAG_LIST)
        self._undo(scheduler.delete_schedule_group, Name=NAME)
        self._add("aws_scheduler_schedule_group", NAME, name=NAME)
        target = {"RoleArn": role, "Arn": f"arn:aws:ecs:us-east-1:000000000000:cluster/{NAME}"}
        definition = f"arn:aws:ecs:us-east-1:000000000000:task-definition/{NAME}:1"

        def is_made() -> bool:
            try:
                scheduler.create_schedule(
                    Name=f"{NAME}_cleanup",
                    GroupName=NAME,
                    ScheduleExpression="rate(1 day)",
                    FlexibleTimeWindow={"Mode": "OFF"},
                    Target=target | {"EcsParameters": {"TaskDefinitionArn": definition}},
                )
            except scheduler.exceptions.ValidationException:
                # This emulator is late: nobody may assume a new role for some seconds.
                return False
            return True

        wait_until(is_made)
        self._add("aws_scheduler_schedule", f"{NAME}/{NAME}_cleanup", group_name=NAME, name=f"{NAME}_cleanup")

    def _make_instances(self) -> None:
        ec2, iam, scaling = client("ec2"), client("iam"), client("autoscaling")
        iam.create_instance_profile(InstanceProfileName=NAME, Tags=TAG_LIST)
        self._undo(iam.delete_instance_profile, InstanceProfileName=NAME)
        self._add("aws_iam_instance_profile", NAME, name=NAME)
        template = ec2.create_launch_template(
            LaunchTemplateName=NAME,
            LaunchTemplateData={"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro"},
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": TAG_LIST}],
        )["LaunchTemplate"]["LaunchTemplateId"]
        self._undo(ec2.delete_launch_template, LaunchTemplateId=template)
        self._add("aws_launch_template", template, name=NAME)
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=NAME,
            LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
            MinSize=0,
            MaxSize=0,
            VPCZoneIdentifier=",".join(self._subnets),
            Tags=[{**tag, "PropagateAtLaunch": True} for tag in TAG_LIST],
        )
        self._undo(scaling.delete_auto_scaling_group, AutoScalingGroupName=NAME, ForceDelete=True)
        self._add("aws_autoscaling_group", NAME, name=NAME, tag=LOWER_TAG_LIST)
        runner = client("apprunner")
        scaling_arn = runner.create_auto_scaling_configuration(AutoScalingConfigurationName=NAME, Tags=TAG_LIST)[
            "AutoScalingConfiguration"
        ]["AutoScalingConfigurationArn"]
        self._undo(runner.delete_auto_scaling_configuration, AutoScalingConfigurationArn=scaling_arn)
        self._add("aws_apprunner_auto_scaling_configuration_version", scaling_arn, auto_scaling_configuration_name=NAME)
        connector = runner.create_vpc_connector(VpcConnectorName=NAME, Subnets=self._subnets, Tags=TAG_LIST)[
            "VpcConnector"
        ]["VpcConnectorArn"]
        self._undo(runner.delete_vpc_connector, VpcConnectorArn=connector)
        self._add("aws_apprunner_vpc_connector", connector, vpc_connector_name=NAME)


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    with ExitStack() as clean:
        yield Made(clean)


def _find(*planned: tuple[str, Json], tags: dict[str, str] = TAGS) -> list[dict[str, str]]:
    creations = [
        {"address": f"{kind}.this", "type": kind, "values": {**values, "tags_all": tags}} for kind, values in planned
    ]
    return find_unmanaged(cache(client), creations)


def test_resources_are_found_by_what_the_plan_says_of_them(made: Made) -> None:
    found = _find(*((kind, values) for kind, values, _ in made.planned))
    assert found == [{"address": f"{kind}.this", "id": identifier} for kind, _, identifier in made.planned]


ABSENT: list[tuple[str, Json]] = [
    ("aws_acm_certificate", {"domain_name": "absent.example.org"}),
    ("aws_apprunner_auto_scaling_configuration_version", {"auto_scaling_configuration_name": "trecf-absent"}),
    ("aws_apprunner_service", {"service_name": "trecf-absent"}),
    ("aws_apprunner_vpc_connector", {"vpc_connector_name": "trecf-absent"}),
    ("aws_autoscaling_group", {"name": "trecf-absent", "tag": []}),
    ("aws_cloudwatch_log_group", {"name": "trecf-absent"}),
    ("aws_db_instance", {"identifier": "trecf-absent"}),
    ("aws_db_parameter_group", {"name": "trecf-absent"}),
    ("aws_db_subnet_group", {"name": "trecf-absent"}),
    ("aws_ecr_repository", {"name": "trecf-absent"}),
    ("aws_ecs_cluster", {"name": "trecf-absent"}),
    ("aws_ecs_service", {"cluster": "trecf-absent", "name": "trecf-absent"}),
    ("aws_ecs_task_definition", {"family": "trecf-absent"}),
    ("aws_flow_log", {}),
    ("aws_iam_instance_profile", {"name": "trecf-absent"}),
    ("aws_iam_role", {"name": "trecf-absent"}),
    ("aws_launch_template", {"name": "trecf-absent"}),
    ("aws_lb", {"name": "trecf-absent"}),
    ("aws_lb_target_group", {"name": "trecf-absent"}),
    ("aws_route53_zone", {"name": "absent.example.org", "comment": ""}),
    ("aws_s3_bucket", {"bucket": "trecf-absent"}),
    ("aws_scheduler_schedule", {"group_name": "trecf-absent", "name": "trecf-absent"}),
    ("aws_scheduler_schedule_group", {"name": "trecf-absent"}),
    ("aws_secretsmanager_secret", {"name": "trecf-absent"}),
    ("aws_security_group", {"name": "trecf-absent", "vpc_id": "vpc-0"}),
    ("aws_vpc", {}),
]


@pytest.mark.parametrize(("kind", "values"), ABSENT, ids=[kind for kind, _ in ABSENT])
def test_what_does_not_exist_is_not_found(kind: str, values: Json) -> None:
    assert _find((kind, values), tags={**TAGS, "Name": "trecf-absent"}) == []


def test_what_hangs_on_something_that_does_not_exist_yet_is_not_looked_for() -> None:
    unknown = ("aws_subnet", "aws_security_group", "aws_lb_listener", "aws_route", "aws_route53_record")
    creations = [{"address": kind, "type": kind, "values": {"name": "trecf"}} for kind in unknown]
    assert find_unmanaged(cache(client), creations) == []


@pytest.mark.usefixtures("made")
def test_what_has_the_name_but_not_the_tags_is_left_alone() -> None:
    with pytest.raises(ActionError) as caught:
        _find(
            ("aws_iam_role", {"name": NAME}),
            ("aws_lb", {"name": NAME}),
            tags={**TAGS, "Environment": "another"},
        )
    message = str(caught.value)
    assert f"aws_iam_role.this: {NAME} exists and was not made by this environment" in message
    assert "Environment=another, ManagedBy=terraform, Project=finders" in message
    assert "aws_lb.this: arn:" in message


def test_record_that_leads_elsewhere_is_left_alone(made: Made) -> None:
    zone = next(identifier for kind, _, identifier in made.planned if kind == "aws_route53_zone")
    with pytest.raises(ActionError, match=r"it leads to 192\.0\.2\.1 and is not this environment's"):
        _find(("aws_route53_record", {"zone_id": zone, "name": DOMAIN, "type": "A", "records": ["192.0.2.2"]}))


@pytest.mark.usefixtures("made")
def test_group_of_instances_without_the_tags_is_left_alone() -> None:
    others = [tag | {"value": "another"} for tag in LOWER_TAG_LIST]
    with pytest.raises(ActionError, match=f"{NAME} exists and was not made by this environment"):
        _find(("aws_autoscaling_group", {"name": NAME, "tag": others}))


def test_secret_that_is_scheduled_for_deletion_is_restored_if_it_is_ours() -> None:
    secrets = client("secretsmanager")
    secrets.create_secret(Name=f"{NAME}/secret", SecretString="x", Tags=TAG_LIST)
    wanted = ("aws_secretsmanager_secret", {"name": f"{NAME}/secret"})
    try:
        arn = secrets.delete_secret(SecretId=f"{NAME}/secret", RecoveryWindowInDays=7)["ARN"]
        with pytest.raises(ActionError, match="was not made by this environment"):
            _find(wanted, tags={**TAGS, "Project": "another"})
        assert "DeletedDate" in secrets.describe_secret(SecretId=arn)
        assert _find(wanted) == [{"address": "aws_secretsmanager_secret.this", "id": arn}]
        assert "DeletedDate" not in secrets.describe_secret(SecretId=arn)
    finally:
        secrets.delete_secret(SecretId=f"{NAME}/secret", ForceDeleteWithoutRecovery=True)


def test_bucket_that_was_not_tagged_yet_is_imported() -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=f"{NAME}-bucket")
    try:
        assert _find(("aws_s3_bucket", {"bucket": f"{NAME}-bucket"})) == [
            {"address": "aws_s3_bucket.this", "id": f"{NAME}-bucket"}
        ]
    finally:
        s3.delete_bucket(Bucket=f"{NAME}-bucket")


def test_two_of_one_thing_are_named() -> None:
    ec2 = client("ec2")
    tags = {**TAGS, "Name": NAME}
    specification = {
        "ResourceType": "vpc",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    vpcs = [
        ec2.create_vpc(CidrBlock="10.78.0.0/16", TagSpecifications=[specification])["Vpc"]["VpcId"] for _ in range(2)
    ]
    try:
        with pytest.raises(ActionError, match=r"aws_vpc\.this: there are vpc-\w+ and vpc-\w+\. Delete"):
            _find(("aws_vpc", {}), tags=tags)
    finally:
        for vpc in vpcs:
            ec2.delete_vpc(VpcId=vpc)
