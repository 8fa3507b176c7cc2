"""What is left of an app is confirmed with each resource's own service, against moto."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from plugins.plugin_utils.tagged_resources import LOOKS, Arn, find_kept, find_left, is_named

PROJECT = Path(__file__).parents[2]
ACCOUNT, REGION, NAME = "123456789012", "us-east-1", "dev-tasks"
TAGS = {"Environment": "development", "Project": "tasks"}
TAG_LIST = [{"Key": key, "Value": value} for key, value in TAGS.items()]

# What ARNs call the types of the layers that have tags.
_TAGGED = {
    "aws_acm_certificate": ("acm", "certificate"),
    "aws_apprunner_auto_scaling_configuration_version": ("apprunner", "autoscalingconfiguration"),
    "aws_apprunner_service": ("apprunner", "service"),
    "aws_apprunner_vpc_connector": ("apprunner", "vpcconnector"),
    "aws_appautoscaling_target": ("application-autoscaling", "scalable-target"),
    "aws_autoscaling_group": ("autoscaling", "autoScalingGroup"),
    "aws_cloudwatch_event_rule": ("events", "rule"),
    "aws_cloudwatch_log_group": ("logs", "log-group"),
    "aws_cloudwatch_metric_alarm": ("cloudwatch", "alarm"),
    "aws_db_instance": ("rds", "db"),
    "aws_db_parameter_group": ("rds", "pg"),
    "aws_db_subnet_group": ("rds", "subgrp"),
    "aws_default_security_group": ("ec2", "security-group"),
    "aws_ecr_repository": ("ecr", "repository"),
    "aws_ecs_cluster": ("ecs", "cluster"),
    "aws_ecs_service": ("ecs", "service"),
    "aws_ecs_task_definition": ("ecs", "task-definition"),
    "aws_eip": ("ec2", "elastic-ip"),
    "aws_flow_log": ("ec2", "vpc-flow-log"),
    "aws_iam_instance_profile": ("iam", "instance-profile"),
    "aws_iam_role": ("iam", "role"),
    "aws_internet_gateway": ("ec2", "internet-gateway"),
    "aws_launch_template": ("ec2", "launch-template"),
    "aws_lb": ("elasticloadbalancing", "loadbalancer"),
    "aws_lb_listener": ("elasticloadbalancing", "listener"),
    "aws_lb_listener_rule": ("elasticloadbalancing", "listener-rule"),
    "aws_lb_target_group": ("elasticloadbalancing", "targetgroup"),
    "aws_nat_gateway": ("ec2", "natgateway"),
    "aws_route53_zone": ("route53", "hostedzone"),
    "aws_route_table": ("ec2", "route-table"),
    "aws_s3_bucket": ("s3", ""),
    "aws_scheduler_schedule_group": ("scheduler", "schedule-group"),
    "aws_secretsmanager_secret": ("secretsmanager", "secret"),
    "aws_security_group": ("ec2", "security-group"),
    "aws_subnet": ("ec2", "subnet"),
    "aws_vpc": ("ec2", "vpc"),
    "aws_vpc_endpoint": ("ec2", "vpc-endpoint"),
    "aws_vpc_security_group_egress_rule": ("ec2", "security-group-rule"),
    "aws_vpc_security_group_ingress_rule": ("ec2", "security-group-rule"),
}
_WITHOUT_TAGS = {
    "aws_acm_certificate_validation",
    "aws_appautoscaling_policy",
    "aws_autoscaling_lifecycle_hook",
    "aws_autoscaling_policy",
    "aws_ecr_lifecycle_policy",
    "aws_ecs_cluster_capacity_providers",
    "aws_iam_role_policy",
    "aws_iam_role_policy_attachment",
    "aws_route",
    "aws_route53_record",
    "aws_route_table_association",
    "aws_s3_bucket_lifecycle_configuration",
    "aws_s3_bucket_logging",
    "aws_s3_bucket_ownership_controls",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_s3_bucket_server_side_encryption_configuration",
    "aws_s3_bucket_versioning",
    "aws_scheduler_schedule",
    "aws_secretsmanager_secret_version",
}


def test_every_type_of_the_layers_can_be_confirmed() -> None:
    # What bootstrap makes outlives every app, and no app's destruction looks for it.
    files = [file for file in (PROJECT / "terraform").glob("*/**/*.tf") if file.parent.name != "bootstrap"]
    used = {kind for file in files for kind in re.findall(r'^resource "(aws_\w+)"', file.read_text(), re.M)}
    assert used == _TAGGED.keys() | _WITHOUT_TAGS
    assert set(_TAGGED.values()) - LOOKS.keys() == set(), "say in plugin_utils/tagged_resources.py how to look for them"


class Cloud:
    """An account in which everything is made, and deleted again, and which lists all of it in either case."""

    def __init__(self) -> None:
        self.client = cache(partial(boto3.client, region_name=REGION))
        self.arns: list[str] = []
        self._undo = ExitStack()
        tagging = self.client("resourcegroupstaggingapi")
        # moto lists what exists; AWS also what did.
        tagging.meta.events.register("after-call.*.GetResources", self._list)

    def _list(self, parsed: dict[str, Any], **_: Any) -> None:
        parsed["ResourceTagMappingList"] = [
            {"ResourceARN": arn, "Tags": [*TAG_LIST, {"Key": "Name", "Value": NAME}]} for arn in self.arns
        ]

    def left(self) -> list[str]:
        """What is there."""
        left, unknown = find_left(self.client, TAGS, NAME, [], find_kept(self.client, TAGS, NAME, [], REGION))
        assert unknown == []
        return left

    def delete(self) -> None:
        """Delete everything."""
        self._undo.close()

    def _made(self, arn: str, *undo: Any) -> None:
        self.arns.append(arn)
        for call in undo:
            self._undo.callback(call)

    def make_network(self) -> tuple[str, list[str]]:
        """A VPC and what is in it; its id and its subnets."""
        ec2 = self.client("ec2")

        def arn(kind: str, identifier: str) -> str:
            return f"arn:aws:ec2:{REGION}:{ACCOUNT}:{kind}/{identifier}"

        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self._made(arn("vpc", vpc), partial(ec2.delete_vpc, VpcId=vpc))
        subnets = []
        for i, zone in enumerate("ab"):
            answer = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{REGION}{zone}")
            subnets.append(answer["Subnet"]["SubnetId"])
            self._made(arn("subnet", subnets[-1]), partial(ec2.delete_subnet, SubnetId=subnets[-1]))
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self._made(arn("internet-gateway", gateway), partial(ec2.delete_internet_gateway, InternetGatewayId=gateway))
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        self._made(arn("route-table", table), partial(ec2.delete_route_table, RouteTableId=table))
        group = ec2.create_security_group(GroupName=NAME, Description=NAME, VpcId=vpc)["GroupId"]
        self._made(arn("security-group", group), partial(ec2.delete_security_group, GroupId=group))
        rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
        rule = rules["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        revoke = partial(ec2.revoke_security_group_egress, GroupId=group, SecurityGroupRuleIds=[rule])
        self._made(arn("security-group-rule", rule), revoke)
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        self._made(arn("elastic-ip", address), partial(ec2.release_address, AllocationId=address))
        nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        self._made(arn("natgateway", nat), partial(ec2.delete_nat_gateway, NatGatewayId=nat))
        service = f"com.amazonaws.{REGION}.s3"
        endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, VpcEndpointType="Gateway")["VpcEndpoint"][
            "VpcEndpointId"
        ]
        self._made(arn("vpc-endpoint", endpoint), partial(ec2.delete_vpc_endpoints, VpcEndpointIds=[endpoint]))
        self.client("s3").create_bucket(Bucket=f"{NAME}-logs")
        (flow_log,) = ec2.create_flow_logs(
            ResourceIds=[vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="s3",
            LogDestination=f"arn:aws:s3:::{NAME}-logs",
        )["FlowLogIds"]
        self._made(arn("vpc-flow-log", flow_log), partial(ec2.delete_flow_logs, FlowLogIds=[flow_log]))
        volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
        self._made(arn("volume", volume), partial(ec2.delete_volume, VolumeId=volume))
        interface = ec2.create_network_interface(SubnetId=subnets[0])["NetworkInterface"]["NetworkInterfaceId"]
        self._made(
            arn("network-interface", interface),
            partial(ec2.delete_network_interface, NetworkInterfaceId=interface),
        )
        image = ec2.describe_images()["Images"][0]["ImageId"]
        instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        self._made(arn("instance", instance), partial(ec2.terminate_instances, InstanceIds=[instance]))
        answer = ec2.create_launch_template(
            LaunchTemplateName=NAME, LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"}
        )
        template = answer["LaunchTemplate"]["LaunchTemplateId"]
        self._made(arn("launch-template", template), partial(ec2.delete_launch_template, LaunchTemplateId=template))
        return vpc, subnets

    def make_load_balancer(self, vpc: str, subnets: list[str]) -> None:
        """A load balancer with its parts, a certificate and a zone."""
        elb, acm, route53 = self.client("elbv2"), self.client("acm"), self.client("route53")
        balancer = elb.create_load_balancer(Name=NAME, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        self._made(balancer, partial(elb.delete_load_balancer, LoadBalancerArn=balancer))
        answer = elb.create_target_group(Name=NAME, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        group = answer["TargetGroups"][0]["TargetGroupArn"]
        self._made(group, partial(elb.delete_target_group, TargetGroupArn=group))
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        answer = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
        listener = answer["Listeners"][0]["ListenerArn"]
        self._made(listener, partial(elb.delete_listener, ListenerArn=listener))
        conditions = [{"Field": "path-pattern", "Values": ["/x"]}]
        answer = elb.create_rule(ListenerArn=listener, Priority=1, Conditions=conditions, Actions=forward)
        rule = answer["Rules"][0]["RuleArn"]
        self._made(rule, partial(elb.delete_rule, RuleArn=rule))
        certificate = acm.request_certificate(DomainName="tasks.example.org")["CertificateArn"]
        self._made(certificate, partial(acm.delete_certificate, CertificateArn=certificate))
        zone = route53.create_hosted_zone(Name="example.org", CallerReference="x")["HostedZone"]["Id"]
        identifier = zone.rpartition("/")[2]
        self._made(f"arn:aws:route53:::hostedzone/{identifier}", partial(route53.delete_hosted_zone, Id=identifier))

    def make_service(self, subnets: list[str]) -> None:
        """An ECS service with what belongs to it, and a group of instances."""
        ecs, ecr, logs = self.client("ecs"), self.client("ecr"), self.client("logs")
        repository = ecr.create_repository(repositoryName=NAME)["repository"]["repositoryArn"]
        self._made(repository, partial(ecr.delete_repository, repositoryName=NAME))
        group = f"{NAME}/service"
        logs.create_log_group(logGroupName=group)
        # One that begins with its name is none of it.
        logs.create_log_group(logGroupName=f"{group}-another")
        self._made(
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}", partial(logs.delete_log_group, logGroupName=group)
        )
        cluster = ecs.create_cluster(clusterName=NAME)["cluster"]["clusterArn"]
        self._made(cluster, partial(ecs.delete_cluster, cluster=NAME))
        answer = ecs.register_task_definition(
            family=NAME, containerDefinitions=[{"name": "app", "image": "none", "memory": 32}]
        )
        definition = answer["taskDefinition"]["taskDefinitionArn"]
        self._made(definition, partial(ecs.deregister_task_definition, taskDefinition=definition))
        answer = ecs.create_service(cluster=NAME, serviceName=NAME, taskDefinition=definition, desiredCount=0)
        service = answer["service"]["serviceArn"]
        self._made(service, partial(ecs.delete_service, cluster=NAME, service=NAME, force=True))
        scaling = self.client("application-autoscaling")
        target = {
            "ServiceNamespace": "ecs",
            "ResourceId": f"service/{NAME}/{NAME}",
            "ScalableDimension": "ecs:service:DesiredCount",
        }
        scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=2)
        arn = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]["ScalableTargetARN"]
        self._made(arn, partial(scaling.deregister_scalable_target, **target))
        cloudwatch = self.client("cloudwatch")
        cloudwatch.put_metric_alarm(
            AlarmName=NAME,
            ComparisonOperator="LessThanThreshold",
            EvaluationPeriods=1,
            MetricName="x",
            Namespace="x",
            Period=60,
            Statistic="Sum",
            Threshold=1,
        )
        arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{NAME}"
        self._made(arn, partial(cloudwatch.delete_alarms, AlarmNames=[NAME]))
        scheduler, events = self.client("scheduler"), self.client("events")
        schedules = scheduler.create_schedule_group(Name=NAME)["ScheduleGroupArn"]
        self._made(schedules, partial(scheduler.delete_schedule_group, Name=NAME))
        rule = events.put_rule(Name=NAME, EventPattern='{"source": ["aws.ecs"]}')["RuleArn"]
        self._made(rule, partial(events.delete_rule, Name=NAME))
        groups = self.client("autoscaling")
        groups.create_auto_scaling_group(
            AutoScalingGroupName=NAME,
            LaunchTemplate={"LaunchTemplateName": NAME},
            MinSize=0,
            MaxSize=0,
            VPCZoneIdentifier=subnets[0],
        )
        arn = groups.describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"]
        self._made(arn, partial(groups.delete_auto_scaling_group, AutoScalingGroupName=NAME, ForceDelete=True))
        iam = self.client("iam")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        self._made(role, partial(iam.delete_role, RoleName=NAME))
        profile = iam.create_instance_profile(InstanceProfileName=NAME)["InstanceProfile"]["Arn"]
        self._made(profile, partial(iam.delete_instance_profile, InstanceProfileName=NAME))

    def make_data(self, subnets: list[str]) -> None:
        """A database with its groups, a bucket and a secret."""
        rds, s3, secrets = self.client("rds"), self.client("s3"), self.client("secretsmanager")
        named = {"DBSubnetGroupName": NAME}
        rds.create_db_subnet_group(**named, DBSubnetGroupDescription=NAME, SubnetIds=subnets)
        self._made(f"arn:aws:rds:{REGION}:{ACCOUNT}:subgrp:{NAME}", partial(rds.delete_db_subnet_group, **named))
        named = {"DBParameterGroupName": NAME}
        rds.create_db_parameter_group(**named, DBParameterGroupFamily="postgres15", Description=NAME)
        self._made(f"arn:aws:rds:{REGION}:{ACCOUNT}:pg:{NAME}", partial(rds.delete_db_parameter_group, **named))
        create_database(self.client, NAME)
        self._made(
            f"arn:aws:rds:{REGION}:{ACCOUNT}:db:{NAME}",
            partial(rds.delete_db_instance, DBInstanceIdentifier=NAME, SkipFinalSnapshot=True),
        )
        s3.create_bucket(Bucket=NAME)
        self._made(f"arn:aws:s3:::{NAME}", partial(s3.delete_bucket, Bucket=NAME))
        secret = secrets.create_secret(Name=f"{NAME}/api-key")["ARN"]
        self._made(secret, partial(secrets.delete_secret, SecretId=secret, ForceDeleteWithoutRecovery=True))


def create_database(client: Any, name: str) -> None:
    client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="postgres",
        MasterUserPassword="x" * 20,
        CopyTagsToSnapshot=True,
        Tags=TAG_LIST,
    )


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Cloud()


def test_what_is_there_is_left_and_what_was_deleted_is_not(cloud: Cloud) -> None:
    vpc, subnets = cloud.make_network()
    cloud.make_load_balancer(vpc, subnets)
    cloud.make_service(subnets)
    cloud.make_data(subnets)
    assert cloud.left() == sorted(cloud.arns)
    # All but App Runner's, which moto has not, what takes an image to run, and what is kept.
    looked_for = {(arn.service, arn.kind) for arn in map(Arn.parse, cloud.arns)}
    assert {f"{service}:{kind}" for service, kind in LOOKS.keys() - looked_for} == {
        "apprunner:autoscalingconfiguration",
        "apprunner:service",
        "apprunner:vpcconnector",
        "ecs:task",
        "rds:snapshot",
    }
    cloud.delete()
    assert cloud.left() == []


def test_task_definition_that_ecs_does_not_know_is_gone(cloud: Cloud) -> None:
    cloud.arns = [f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{NAME}:1"]
    assert cloud.left() == []


def test_type_that_is_not_known_is_told_apart(cloud: Cloud) -> None:
    cloud.arns = ["arn:aws:sqs:us-east-1:123456789012:dev-tasks", "arn:aws:fsx:us-east-1:123456789012:backup/dev-tasks"]
    assert find_left(cloud.client, TAGS, NAME, [], []) == ([], sorted(cloud.arns))


def test_refusal_of_a_service_is_no_answer(cloud: Cloud) -> None:
    def refuse(**_: Any) -> None:
        error = {"Error": {"Code": "UnauthorizedOperation", "Message": "You are not authorized"}}
        raise ClientError(error, "DescribeVpcs")

    cloud.client("ec2").meta.events.register("before-call.ec2.DescribeVpcs", refuse)
    cloud.arns = ["arn:aws:ec2:us-east-1:123456789012:vpc/vpc-0123"]
    with pytest.raises(ClientError, match="not authorized"):
        cloud.left()


def test_snapshots_and_secrets_in_recovery_are_kept(cloud: Cloud) -> None:
    rds, secrets = cloud.client("rds"), cloud.client("secretsmanager")
    for name in (NAME, f"{NAME}-admin", "dev-task"):
        create_database(cloud.client, name)
        rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=f"{name}-final")
        secret = secrets.create_secret(Name=f"{name}/api-key", Tags=TAG_LIST)["ARN"]
        secrets.delete_secret(SecretId=secret, RecoveryWindowInDays=7)
    secrets.create_secret(Name=f"{NAME}/alive", Tags=TAG_LIST)
    untagged = secrets.create_secret(Name=f"{NAME}/another")["ARN"]
    secrets.delete_secret(SecretId=untagged)

    kept = find_kept(cloud.client, TAGS, NAME, [f"{NAME}-admin"], REGION)

    cloud.arns = [one.arn for one in kept]
    assert [Arn.parse(arn).kind for arn in cloud.arns] == ["snapshot", "secret"]
    assert [one.remove for one in kept] == [
        "aws rds delete-db-snapshot --region us-east-1 --db-snapshot-identifier dev-tasks-final",
        "aws secretsmanager delete-secret --region us-east-1 --secret-id dev-tasks/api-key "
        "--force-delete-without-recovery",
    ]
    assert cloud.left() == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dev-guests", True),
        ("dev-guests-app", True),
        ("dev-guests_worker-running-tasks", True),
        ("dev-guests-admin_worker", False),
        ("dev-guests2", False),
        ("dev-guests-admin", False),
        ("dev-guests-admin-app", False),
        ("dev-guests-administrator", True),
        ("dev", False),
    ],
)
def test_names_of_an_app_whose_name_begins_anothers(name: str, expected: bool) -> None:
    assert is_named(name, "dev-guests", ["dev", "dev-guests", "dev-guests-admin"]) == expected
