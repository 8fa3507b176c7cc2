"""What a request needs of its caller: every permission by itself is missed by name, and all of them suffice."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from emulator.tests.groups import AMI_PARAMETER
from emulator.tests.stack import Client, Json, make_role
from emulator.tests.test_iam import ACCOUNT, Deployer, Statement, allow, clients, deployer, policy, refusal
from slipway_emulator.settings import Settings

__all__ = ["deployer"]

Call = Callable[[Client], Any]
Need = tuple[str, str]

_TAGS = [{"Key": "Environment", "Value": "dev"}]
_SMALL_TAGS = [{"key": "Environment", "value": "dev"}]
_TRUST = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}})


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"


def of_iam(resource: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{resource}"


def needs(deployer: Deployer, call: Call, *needed: Need, beside: tuple[Statement, ...] = ()) -> Any:
    """Have a call refused for each permission that is left out, and then make it with all of them.

    Args:
        deployer: makes clients of a role.
        call: of the clients.
        needed: actions, and the ARNs that policies name for them.
        beside: statements that the role has in any case.
    """
    statements = {need: allow(need[0], on=need[1]) for need in needed}
    for action, resource in needed:
        others = [statements[need] for need in needed if need != (action, resource)]
        text = refusal(partial(call, deployer(*others, *beside)))
        assert f"is not authorized to perform: {action} on resource: {resource} " in text
    return call(deployer(*statements.values(), *beside))


def reaches_the_service(call: Call) -> Call:
    """A call that is refused by the service, as a request that makes no sense, once IAM has let it through."""

    def refused(client: Client) -> None:
        try:
            call(client)
        except ClientError as error:
            if "is not authorized to perform" in error.response["Error"]["Message"]:
                raise
        else:
            pytest.fail("the request was meant to be refused by the service")

    return refused


# -- tags of what is made --


@dataclass
class Made:
    """How something is made with tags, which permissions that needs, and how it goes."""

    make: Call
    needed: tuple[Need, ...]
    remove: Callable[[Client, Any], Any]


MADE = {
    "acm": Made(
        lambda client: client("acm").request_certificate(DomainName="temu.localhost", Tags=_TAGS),
        (("acm:RequestCertificate", "*"), ("acm:AddTagsToCertificate", arn("acm", "certificate/*"))),
        lambda client, made: client("acm").delete_certificate(CertificateArn=made["CertificateArn"]),
    ),
    "apprunner": Made(
        lambda client: client("apprunner").create_auto_scaling_configuration(
            AutoScalingConfigurationName="temu-tagged", Tags=_TAGS
        ),
        tuple(
            (f"apprunner:{action}", arn("apprunner", "autoscalingconfiguration/temu-tagged/*/*"))
            for action in ("CreateAutoScalingConfiguration", "TagResource")
        ),
        lambda client, made: client("apprunner").delete_auto_scaling_configuration(
            AutoScalingConfigurationArn=made["AutoScalingConfiguration"]["AutoScalingConfigurationArn"]
        ),
    ),
    "cloudwatch": Made(
        lambda client: client("cloudwatch").put_metric_alarm(
            AlarmName="temu-tagged",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            MetricName="x",
            Namespace="temu",
            Period=60,
            Statistic="Sum",
            Threshold=1,
            Tags=_TAGS,
        ),
        tuple(
            (f"cloudwatch:{action}", arn("cloudwatch", "alarm:temu-tagged"))
            for action in ("PutMetricAlarm", "TagResource")
        ),
        lambda client, _: client("cloudwatch").delete_alarms(AlarmNames=["temu-tagged"]),
    ),
    "ec2": Made(
        lambda client: client("ec2").create_vpc(
            CidrBlock="10.78.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": _TAGS}]
        ),
        (("ec2:CreateVpc", arn("ec2", "vpc/*")), ("ec2:CreateTags", arn("ec2", "vpc/*"))),
        lambda client, made: client("ec2").delete_vpc(VpcId=made["Vpc"]["VpcId"]),
    ),
    "ecr": Made(
        lambda client: client("ecr").create_repository(repositoryName="temu-tagged", tags=_TAGS),
        tuple(
            (f"ecr:{action}", arn("ecr", "repository/temu-tagged")) for action in ("CreateRepository", "TagResource")
        ),
        lambda client, _: client("ecr").delete_repository(repositoryName="temu-tagged"),
    ),
    "ecs cluster": Made(
        lambda client: client("ecs").create_cluster(clusterName="temu-tagged", tags=_SMALL_TAGS),
        tuple((f"ecs:{action}", arn("ecs", "cluster/temu-tagged")) for action in ("CreateCluster", "TagResource")),
        lambda client, _: client("ecs").delete_cluster(cluster="temu-tagged"),
    ),
    "ecs task definition": Made(
        lambda client: client("ecs").register_task_definition(
            family="temu-tagged",
            containerDefinitions=[{"name": "app", "image": "temu-none", "memory": 8}],
            tags=_SMALL_TAGS,
        ),
        tuple(
            (f"ecs:{action}", arn("ecs", "task-definition/temu-tagged:*"))
            for action in ("RegisterTaskDefinition", "TagResource")
        ),
        lambda client, made: client("ecs").deregister_task_definition(
            taskDefinition=made["taskDefinition"]["taskDefinitionArn"]
        ),
    ),
    "elasticloadbalancing": Made(
        lambda client: client("elbv2").create_target_group(Name="temu-tagged", Protocol="HTTP", Port=80, Tags=_TAGS),
        tuple(
            (f"elasticloadbalancing:{action}", arn("elasticloadbalancing", "targetgroup/temu-tagged/*"))
            for action in ("CreateTargetGroup", "AddTags")
        ),
        lambda client, made: client("elbv2").delete_target_group(
            TargetGroupArn=made["TargetGroups"][0]["TargetGroupArn"]
        ),
    ),
    "iam instance profile": Made(
        lambda client: client("iam").create_instance_profile(
            InstanceProfileName="temu-tagged", Path="/temu/", Tags=_TAGS
        ),
        tuple(
            (f"iam:{action}", of_iam("instance-profile/temu/temu-tagged"))
            for action in ("CreateInstanceProfile", "TagInstanceProfile")
        ),
        lambda client, _: client("iam").delete_instance_profile(InstanceProfileName="temu-tagged"),
    ),
    "iam policy": Made(
        lambda client: client("iam").create_policy(
            PolicyName="temu-tagged", PolicyDocument=policy(allow("s3:ListAllMyBuckets")), Tags=_TAGS
        ),
        tuple((f"iam:{action}", of_iam("policy/temu-tagged")) for action in ("CreatePolicy", "TagPolicy")),
        lambda client, made: client("iam").delete_policy(PolicyArn=made["Policy"]["Arn"]),
    ),
    "iam role": Made(
        lambda client: client("iam").create_role(
            RoleName="temu-tagged", AssumeRolePolicyDocument=_TRUST, Path="/temu/", Tags=_TAGS
        ),
        tuple((f"iam:{action}", of_iam("role/temu/temu-tagged")) for action in ("CreateRole", "TagRole")),
        lambda client, _: client("iam").delete_role(RoleName="temu-tagged"),
    ),
    "logs": Made(
        lambda client: client("logs").create_log_group(logGroupName="temu-tagged", tags={"Environment": "dev"}),
        (
            ("logs:CreateLogGroup", arn("logs", "log-group:temu-tagged:*")),
            ("logs:TagResource", arn("logs", "log-group:temu-tagged")),
        ),
        lambda client, _: client("logs").delete_log_group(logGroupName="temu-tagged"),
    ),
    "rds": Made(
        lambda client: client("rds").create_db_parameter_group(
            DBParameterGroupName="temu-tagged", DBParameterGroupFamily="postgres15", Description="x", Tags=_TAGS
        ),
        tuple(
            (f"rds:{action}", arn("rds", "pg:temu-tagged"))
            for action in ("CreateDBParameterGroup", "AddTagsToResource")
        ),
        lambda client, _: client("rds").delete_db_parameter_group(DBParameterGroupName="temu-tagged"),
    ),
    "secretsmanager": Made(
        lambda client: client("secretsmanager").create_secret(Name="temu-tagged", SecretString="x", Tags=_TAGS),
        tuple(
            (f"secretsmanager:{action}", arn("secretsmanager", "secret:temu-tagged-??????"))
            for action in ("CreateSecret", "TagResource")
        ),
        lambda client, _: client("secretsmanager").delete_secret(
            SecretId="temu-tagged", ForceDeleteWithoutRecovery=True
        ),
    ),
    "sns": Made(
        lambda client: client("sns").create_topic(Name="temu-tagged", Tags=_TAGS),
        tuple((f"sns:{action}", arn("sns", "temu-tagged")) for action in ("CreateTopic", "TagResource")),
        lambda client, made: client("sns").delete_topic(TopicArn=made["TopicArn"]),
    ),
    "ssm": Made(
        lambda client: client("ssm").put_parameter(Name="/temu/tagged", Value="x", Type="String", Tags=_TAGS),
        tuple(
            (f"ssm:{action}", arn("ssm", "parameter/temu/tagged")) for action in ("PutParameter", "AddTagsToResource")
        ),
        lambda client, _: client("ssm").delete_parameter(Name="/temu/tagged"),
    ),
}


@pytest.mark.parametrize("what", MADE)
def test_tags_of_what_is_made_need_the_tagging_action(aws: Client, deployer: Deployer, what: str) -> None:
    made = needs(deployer, MADE[what].make, *MADE[what].needed)
    MADE[what].remove(aws, made)


# A policy may say for which operation it lets tags be set.
@pytest.mark.parametrize("operation", ["CreateVpc", "CreateSubnet"])
def test_tags_are_set_for_the_operation_that_a_policy_names(aws: Client, deployer: Deployer, operation: str) -> None:
    tagging = allow("ec2:CreateTags", StringEquals={"ec2:CreateAction": operation})
    client = deployer(allow("ec2:CreateVpc"), tagging)
    if operation == "CreateVpc":
        MADE["ec2"].remove(aws, MADE["ec2"].make(client))
    else:
        assert "ec2:CreateTags" in refusal(lambda: MADE["ec2"].make(client))


# -- the resources of one request --


@dataclass(frozen=True)
class Network:
    """A VPC with what requests name."""

    vpc: str
    subnet: str
    group: str
    table: str
    gateway: str

    def arn(self, kind: str, identifier: str) -> str:
        return arn("ec2", f"{kind}/{identifier}")


@pytest.fixture(scope="module")
def network(aws: Client) -> Iterator[Network]:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.79.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.79.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="temu-checks", Description="x")["GroupId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    yield Network(vpc, subnet, group, table, gateway)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_security_group_needs_the_group_and_its_network(deployer: Deployer, network: Network) -> None:
    made = needs(
        deployer,
        lambda client: client("ec2").create_security_group(VpcId=network.vpc, GroupName="temu-made", Description="x"),
        ("ec2:CreateSecurityGroup", arn("ec2", "security-group/*")),
        ("ec2:CreateSecurityGroup", network.arn("vpc", network.vpc)),
    )
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    needs(
        deployer,
        lambda client: client("ec2").authorize_security_group_ingress(
            GroupId=made["GroupId"],
            IpPermissions=[rule],
            TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": _TAGS}],
        ),
        ("ec2:AuthorizeSecurityGroupIngress", network.arn("security-group", made["GroupId"])),
        ("ec2:AuthorizeSecurityGroupIngress", arn("ec2", "security-group-rule/*")),
        ("ec2:CreateTags", arn("ec2", "security-group-rule/*")),
    )
    needs(
        deployer,
        lambda client: client("ec2").delete_security_group(GroupId=made["GroupId"]),
        ("ec2:DeleteSecurityGroup", network.arn("security-group", made["GroupId"])),
    )


def test_subnet_and_its_routes_need_what_they_are_of(aws: Client, deployer: Deployer, network: Network) -> None:
    made = needs(
        deployer,
        lambda client: client("ec2").create_subnet(VpcId=network.vpc, CidrBlock="10.79.1.0/24"),
        ("ec2:CreateSubnet", arn("ec2", "subnet/*")),
        ("ec2:CreateSubnet", network.arn("vpc", network.vpc)),
    )
    subnet = made["Subnet"]["SubnetId"]
    associated = needs(
        deployer,
        lambda client: client("ec2").associate_route_table(RouteTableId=network.table, SubnetId=subnet),
        ("ec2:AssociateRouteTable", network.arn("route-table", network.table)),
        ("ec2:AssociateRouteTable", network.arn("subnet", subnet)),
    )
    needs(
        deployer,
        lambda client: client("ec2").disassociate_route_table(AssociationId=associated["AssociationId"]),
        ("ec2:DisassociateRouteTable", network.arn("route-table", network.table)),
    )
    needs(
        deployer,
        lambda client: client("ec2").create_route(
            RouteTableId=network.table, DestinationCidrBlock="0.0.0.0/0", GatewayId=network.gateway
        ),
        ("ec2:CreateRoute", network.arn("route-table", network.table)),
    )
    aws("ec2").delete_subnet(SubnetId=subnet)


def test_nat_gateway_needs_its_address_and_its_subnet(aws: Client, deployer: Deployer, network: Network) -> None:
    address = aws("ec2").allocate_address(Domain="vpc")["AllocationId"]
    made = needs(
        deployer,
        lambda client: client("ec2").create_nat_gateway(SubnetId=network.subnet, AllocationId=address),
        ("ec2:CreateNatGateway", arn("ec2", "natgateway/*")),
        ("ec2:CreateNatGateway", network.arn("elastic-ip", address)),
        ("ec2:CreateNatGateway", network.arn("subnet", network.subnet)),
    )
    aws("ec2").delete_nat_gateway(NatGatewayId=made["NatGateway"]["NatGatewayId"])
    aws("ec2").release_address(AllocationId=address)


def test_endpoint_needs_its_network_and_route_tables(aws: Client, deployer: Deployer, network: Network) -> None:
    made = needs(
        deployer,
        lambda client: client("ec2").create_vpc_endpoint(
            VpcId=network.vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[network.table]
        ),
        ("ec2:CreateVpcEndpoint", network.arn("vpc", network.vpc)),
        ("ec2:CreateVpcEndpoint", arn("ec2", "vpc-endpoint/*")),
        ("ec2:CreateVpcEndpoint", network.arn("route-table", network.table)),
    )
    aws("ec2").delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpoint"]["VpcEndpointId"]])


def test_tags_are_set_on_what_their_identifiers_name(deployer: Deployer, network: Network) -> None:
    needs(
        deployer,
        lambda client: client("ec2").create_tags(Resources=[network.vpc, network.subnet], Tags=_TAGS),
        ("ec2:CreateTags", network.arn("vpc", network.vpc)),
        ("ec2:CreateTags", network.arn("subnet", network.subnet)),
    )


@pytest.fixture(scope="module")
def template(aws: Client, network: Network) -> Iterator[str]:
    """Id of a launch template with an instance profile, a group and tags."""
    make_role(aws, "temu-launched", "ec2.amazonaws.com")
    aws("iam").create_instance_profile(InstanceProfileName="temu-launched")
    aws("iam").add_role_to_instance_profile(InstanceProfileName="temu-launched", RoleName="temu-launched")
    data = {
        "ImageId": "ami-temu",
        "InstanceType": "t3.micro",
        "IamInstanceProfile": {"Name": "temu-launched"},
        "SecurityGroupIds": [network.group],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": _TAGS}],
    }
    made = aws("ec2").create_launch_template(LaunchTemplateName="temu-launched", LaunchTemplateData=data)
    identifier = made["LaunchTemplate"]["LaunchTemplateId"]
    yield str(identifier)
    aws("ec2").delete_launch_template(LaunchTemplateId=identifier)
    aws("iam").remove_role_from_instance_profile(InstanceProfileName="temu-launched", RoleName="temu-launched")
    aws("iam").delete_instance_profile(InstanceProfileName="temu-launched")
    aws("iam").delete_role(RoleName="temu-launched")


def launching(network: Network, template: str) -> tuple[Need, ...]:
    """What the launch of an instance of the template in the network's subnet needs."""
    return (
        ("ec2:RunInstances", "arn:aws:ec2:us-east-1::image/ami-temu"),
        ("ec2:RunInstances", arn("ec2", "instance/*")),
        ("ec2:RunInstances", arn("ec2", "network-interface/*")),
        ("ec2:RunInstances", arn("ec2", "volume/*")),
        ("ec2:RunInstances", network.arn("security-group", network.group)),
        ("ec2:RunInstances", network.arn("subnet", network.subnet)),
        ("ec2:RunInstances", network.arn("launch-template", template)),
        ("ec2:CreateTags", arn("ec2", "instance/*")),
        ("iam:PassRole", of_iam("role/temu-launched")),
    )


def test_instance_needs_all_that_it_is_launched_from(deployer: Deployer, network: Network, template: str) -> None:
    needs(
        deployer,
        reaches_the_service(
            lambda client: client("ec2").run_instances(
                LaunchTemplate={"LaunchTemplateName": "temu-launched"},
                SubnetId=network.subnet,
                MinCount=2,
                MaxCount=1,
            )
        ),
        *launching(network, template),
    )


def test_listener_needs_its_load_balancer_and_is_tagged(aws: Client, deployer: Deployer, network: Network) -> None:
    subnets = [
        network.subnet,
        aws("ec2").create_subnet(VpcId=network.vpc, CidrBlock="10.79.2.0/24", AvailabilityZone="us-east-1b")["Subnet"][
            "SubnetId"
        ],
    ]
    linked = allow("iam:CreateServiceLinkedRole")
    made = needs(
        deployer,
        lambda client: client("elbv2").create_load_balancer(Name="temu-checks", Subnets=subnets),
        ("elasticloadbalancing:CreateLoadBalancer", arn("elasticloadbalancing", "loadbalancer/app/temu-checks/*")),
        beside=(linked,),
    )
    balancer = made["LoadBalancers"][0]["LoadBalancerArn"]
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    tagging = {"elasticloadbalancing:CreateAction": "CreateListener"}
    beside = balancer.replace(":loadbalancer/", ":listener/")
    made = needs(
        deployer,
        lambda client: client("elbv2").create_listener(
            LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[answer], Tags=_TAGS
        ),
        ("elasticloadbalancing:CreateListener", balancer),
        beside=(allow("elasticloadbalancing:AddTags", on=f"{beside}/*", StringEquals=tagging),),
    )
    listener = made["Listeners"][0]["ListenerArn"]
    needs(
        deployer,
        lambda client: client("elbv2").create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
            Actions=[answer],
            Tags=_TAGS,
        ),
        ("elasticloadbalancing:CreateRule", listener),
        ("elasticloadbalancing:AddTags", f"{listener.replace(':listener/', ':listener-rule/')}/*"),
    )
    needs(
        deployer,
        lambda client: client("elbv2").add_tags(ResourceArns=[balancer], Tags=_TAGS),
        ("elasticloadbalancing:AddTags", balancer),
    )
    needs(
        deployer,
        lambda client: client("elbv2").delete_load_balancer(LoadBalancerArn=balancer),
        ("elasticloadbalancing:DeleteLoadBalancer", balancer),
    )
    aws("ec2").delete_subnet(SubnetId=subnets[1])


def test_database_needs_its_groups(deployer: Deployer) -> None:
    needs(
        deployer,
        reaches_the_service(
            lambda client: client("rds").create_db_instance(
                DBInstanceIdentifier="temu-checks",
                DBInstanceClass="db.t4g.micro",
                DBParameterGroupName="temu-own",
                DBSubnetGroupName="temu-none",
                Engine="postgres",
                EngineVersion="15.4",
                Tags=_TAGS,
            )
        ),
        ("rds:CreateDBInstance", arn("rds", "db:temu-checks")),
        ("rds:CreateDBInstance", arn("rds", "pg:temu-own")),
        ("rds:CreateDBInstance", arn("rds", "subgrp:temu-none")),
        ("rds:CreateDBInstance", arn("rds", "og:default:postgres-15")),
        ("rds:AddTagsToResource", arn("rds", "db:temu-checks")),
        beside=(allow("iam:CreateServiceLinkedRole"),),
    )


def test_task_needs_its_definition_in_the_cluster(deployer: Deployer) -> None:
    run = reaches_the_service(
        lambda client: client("ecs").run_task(cluster="temu-checks", taskDefinition="temu-checks", tags=_SMALL_TAGS)
    )
    # Without a revision, AWS decides on the family alone.
    family = arn("ecs", "task-definition/temu-checks")
    needs(deployer, run, ("ecs:RunTask", family), ("ecs:TagResource", arn("ecs", "task/temu-checks/*")))
    tagging = allow("ecs:TagResource")
    here, elsewhere = ({"ecs:cluster": arn("ecs", f"cluster/{name}")} for name in ("temu-checks", "temu-other"))
    run(deployer(allow("ecs:RunTask", on=family, ArnEquals=here), tagging))
    assert "ecs:RunTask" in refusal(
        lambda: run(deployer(allow("ecs:RunTask", on=family, ArnEquals=elsewhere), tagging))
    )


@pytest.mark.parametrize(
    ("call", "needed"),
    [
        (
            lambda client: client("application-autoscaling").register_scalable_target(
                ServiceNamespace="ecs",
                ResourceId="service/temu-none/none",
                ScalableDimension="ecs:service:DesiredCount",
                MinCapacity=1,
                MaxCapacity=2,
            ),
            [("application-autoscaling:RegisterScalableTarget", arn("application-autoscaling", "scalable-target/*"))],
        ),
        (
            lambda client: client("ecs").describe_services(cluster="temu-none", services=["web"]),
            [("ecs:DescribeServices", arn("ecs", "service/temu-none/web"))],
        ),
        (lambda client: client("ecs").list_tasks(cluster="temu-none", family="web"), [("ecs:ListTasks", "*")]),
        (
            lambda client: client("rds").add_tags_to_resource(ResourceName=arn("rds", "db:temu-none"), Tags=_TAGS),
            [("rds:AddTagsToResource", arn("rds", "db:temu-none"))],
        ),
        (
            lambda client: client("route53").get_change(Id="C2682N5HXP0BZ4"),
            [("route53:GetChange", "arn:aws:route53:::change/C2682N5HXP0BZ4")],
        ),
        (
            lambda client: client("scheduler").get_schedule(GroupName="temu-none", Name="temu-none_job"),
            [("scheduler:GetSchedule", arn("scheduler", "schedule/temu-none/temu-none_job"))],
        ),
        (
            lambda client: client("scheduler").delete_schedule_group(Name="temu-none"),
            [("scheduler:DeleteScheduleGroup", arn("scheduler", "schedule-group/temu-none"))],
        ),
        (
            lambda client: client("scheduler").tag_resource(
                ResourceArn=arn("scheduler", "schedule-group/temu-none"), Tags=_TAGS
            ),
            [("scheduler:TagResource", arn("scheduler", "schedule-group/temu-none"))],
        ),
        (
            lambda client: client("events").describe_rule(Name="temu-none", EventBusName="default"),
            [("events:DescribeRule", arn("events", "rule/temu-none"))],
        ),
        (
            lambda client: client("events").list_tags_for_resource(ResourceARN=arn("events", "rule/temu-none")),
            [("events:ListTagsForResource", arn("events", "rule/temu-none"))],
        ),
        (
            lambda client: client("logs").put_retention_policy(logGroupName="temu-none", retentionInDays=7),
            [("logs:PutRetentionPolicy", arn("logs", "log-group:temu-none:*"))],
        ),
        (
            lambda client: client("ssm").get_parameters(Names=["/temu/none", "/aws/service/temu/none"]),
            [
                ("ssm:GetParameters", arn("ssm", "parameter/temu/none")),
                ("ssm:GetParameters", "arn:aws:ssm:us-east-1::parameter/aws/service/temu/none"),
            ],
        ),
        (
            lambda client: client("ssm").send_command(
                DocumentName="AWS-RunShellScript", InstanceIds=["i-0123456789abcdef0"]
            ),
            [
                ("ssm:SendCommand", "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"),
                ("ssm:SendCommand", arn("ec2", "instance/i-0123456789abcdef0")),
            ],
        ),
    ],
)
def test_resources_are_those_of_the_request(deployer: Deployer, call: Call, needed: list[Need]) -> None:
    needs(deployer, reaches_or_answers(call), *needed, beside=(allow("iam:CreateServiceLinkedRole"),))


def reaches_or_answers(call: Call) -> Call:
    """A call on something that does not exist, which services refuse or answer with nothing."""

    def called(client: Client) -> None:
        try:
            call(client)
        except ClientError as error:
            if "is not authorized to perform" in error.response["Error"]["Message"]:
                raise

    return called


# -- the record --


def test_record_says_whether_a_policy_can_name_resources(cloud: Settings, deployer: Deployer) -> None:
    client = deployer(allow("ec2:DescribeVpcs", "ecs:DescribeServices"))
    client("ec2").describe_vpcs()
    reaches_or_answers(lambda of: of("ecs").describe_services(cluster="temu-none", services=["web"]))(client)
    who = client("sts").get_caller_identity()["Arn"]
    decisions: list[Json] = [json.loads(line) for line in cloud.decisions_file.read_text().splitlines()]
    mine = {one["action"]: one for one in decisions if one["principal"] == who}
    assert (mine["ec2:DescribeVpcs"]["resource"], mine["ec2:DescribeVpcs"]["resource_level"]) == ("*", False)
    assert mine["ecs:DescribeServices"]["resource_level"] is True
    assert mine["ecs:DescribeServices"]["context"] == {"ecs:cluster": arn("ecs", "cluster/temu-none")}


# -- condition keys --


def test_boundary_and_policy_of_a_request_are_condition_keys(aws: Client, deployer: Deployer) -> None:
    """A deployer makes roles only within the boundary that he is told, and attaches only what he is told."""
    iam = aws("iam")
    arns = [
        iam.create_policy(PolicyName=f"temu-{name}", PolicyDocument=policy(allow("s3:ListAllMyBuckets")))["Policy"][
            "Arn"
        ]
        for name in ("boundary", "other")
    ]
    boundary, other = arns
    actions = ("iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:AttachRolePolicy")
    within = allow(*actions, StringEquals={"iam:PermissionsBoundary": boundary})
    unbound = {"RoleName": "temu-bound", "AssumeRolePolicyDocument": _TRUST}
    client = deployer(within)("iam")
    assert "iam:CreateRole" in refusal(lambda: client.create_role(**unbound))
    assert "iam:CreateRole" in refusal(lambda: client.create_role(**unbound, PermissionsBoundary=other))
    client.create_role(**unbound, PermissionsBoundary=boundary)
    role = {"RoleName": "temu-bound"}
    assert "iam:PutRolePermissionsBoundary" in refusal(
        lambda: client.put_role_permissions_boundary(**role, PermissionsBoundary=other)
    )
    # Where the request does not say, it is the role's boundary that counts.
    client.put_role_policy(**role, PolicyName="own", PolicyDocument=policy(allow("s3:ListAllMyBuckets")))
    attach = {"Action": "iam:AttachRolePolicy", "Effect": "Deny", "Resource": "*"}
    narrow = deployer(within, attach | {"Condition": {"ArnNotEquals": {"iam:PolicyARN": other}}})("iam")
    narrow.attach_role_policy(**role, PolicyArn=other)
    assert "iam:AttachRolePolicy" in refusal(lambda: narrow.attach_role_policy(**role, PolicyArn=boundary))
    iam.delete_role_permissions_boundary(**role)
    assert "iam:PutRolePolicy" in refusal(
        lambda: client.put_role_policy(**role, PolicyName="own", PolicyDocument=policy(allow("*")))
    )
    iam.detach_role_policy(**role, PolicyArn=other)
    iam.delete_role_policy(**role, PolicyName="own")
    iam.delete_role(**role)
    for one in arns:
        iam.delete_policy(PolicyArn=one)


def test_tags_that_a_request_may_set(aws: Client, deployer: Deployer) -> None:
    within = {"ForAllValues:StringEquals": {"aws:TagKeys": ["Environment"]}}
    client = deployer(allow("ec2:CreateVpc"), allow("ec2:CreateTags") | {"Condition": within})
    MADE["ec2"].remove(aws, MADE["ec2"].make(client))
    tags = [{"ResourceType": "vpc", "Tags": [*_TAGS, {"Key": "Owner", "Value": "x"}]}]
    assert "ec2:CreateTags" in refusal(
        lambda: client("ec2").create_vpc(CidrBlock="10.78.0.0/16", TagSpecifications=tags)
    )


# How something is looked up or removed by its name, and its own service's key for tags.
OF_TAGGED = {
    "cloudwatch": ("cloudwatch:DeleteAlarms", "aws:ResourceTag/Environment"),
    "ec2": ("ec2:DeleteVpc", "ec2:ResourceTag/Environment"),
    "ecr": ("ecr:DeleteRepository", "ecr:ResourceTag/Environment"),
    "ecs cluster": ("ecs:DeleteCluster", "ecs:ResourceTag/Environment"),
    "elasticloadbalancing": ("elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:ResourceTag/Environment"),
    "logs": ("logs:DeleteLogGroup", "aws:ResourceTag/Environment"),
    "rds": ("rds:DeleteDBParameterGroup", "rds:pg-tag/Environment"),
    "secretsmanager": ("secretsmanager:DeleteSecret", "secretsmanager:ResourceTag/Environment"),
}


@pytest.mark.parametrize("what", OF_TAGGED)
def test_tags_of_a_resource_are_condition_keys(aws: Client, deployer: Deployer, what: str) -> None:
    made, (action, key) = MADE[what].make(aws), OF_TAGGED[what]
    for name in (key, "aws:ResourceTag/Environment"):
        stranger = deployer(allow(action, StringEquals={name: "prod"}))
        assert action in refusal(partial(MADE[what].remove, stranger, made))
    MADE[what].remove(deployer(allow(action, StringEquals={key: "dev"})), made)


# -- what services need of their caller --


def test_auto_scaling_group_needs_what_its_instances_need(deployer: Deployer, network: Network, template: str) -> None:
    group = arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/temu-checks")
    asked = {
        "AutoScalingGroupName": "temu-checks",
        "MinSize": 2,
        "MaxSize": 1,
        "VPCZoneIdentifier": network.subnet,
    }
    by_name = {"LaunchTemplateName": "temu-launched", "Version": "$Latest"}
    own = ("autoscaling:CreateAutoScalingGroup", group), ("autoscaling:CreateOrUpdateTags", group)
    linked = allow("iam:CreateServiceLinkedRole")
    tags = [{"Key": "Environment", "Value": "dev", "PropagateAtLaunch": True}]

    def create(specified: Json, client: Client) -> None:
        client("autoscaling").create_auto_scaling_group(**asked, **specified, Tags=tags)

    for specified in (
        {"LaunchTemplate": by_name},
        {"MixedInstancesPolicy": {"LaunchTemplate": {"LaunchTemplateSpecification": by_name}}},
    ):
        needs(
            deployer,
            reaches_the_service(partial(create, specified)),
            *own,
            *launching(network, template),
            beside=(linked,),
        )


def test_tags_of_a_group_are_condition_keys(aws: Client, deployer: Deployer, network: Network) -> None:
    image = aws("ssm").get_parameter(Name=AMI_PARAMETER)["Parameter"]["Value"]
    template = {"LaunchTemplateName": "temu-tagged"}
    data = {"ImageId": image, "InstanceType": "t3.micro"}
    aws("ec2").create_launch_template(**template, LaunchTemplateData=data)
    name, action = {"AutoScalingGroupName": "temu-tagged"}, "autoscaling:DeleteAutoScalingGroup"
    aws("autoscaling").create_auto_scaling_group(
        **name,
        LaunchTemplate=template,
        MinSize=0,
        MaxSize=0,
        VPCZoneIdentifier=network.subnet,
        Tags=[{"Key": "Environment", "Value": "dev", "PropagateAtLaunch": True}],
    )
    described = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=list(name.values()))
    group = described["AutoScalingGroups"][0]["AutoScalingGroupARN"]
    stranger = deployer(allow(action, StringEquals={"autoscaling:ResourceTag/Environment": "prod"}))
    text = refusal(lambda: stranger("autoscaling").delete_auto_scaling_group(**name))
    assert f"{action} on resource: {group} " in text
    by_name = arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/temu-tagged")
    owner = deployer(allow(action, on=by_name, StringEquals={"autoscaling:ResourceTag/Environment": "dev"}))
    owner("autoscaling").delete_auto_scaling_group(**name)
    aws("ec2").delete_launch_template(**template)


def test_instance_refresh_with_another_template_needs_what_it_launches(
    deployer: Deployer, network: Network, template: str
) -> None:
    needed = [need for need in launching(network, template) if need[1] != network.arn("subnet", network.subnet)]
    needs(
        deployer,
        reaches_the_service(
            lambda client: client("autoscaling").start_instance_refresh(
                AutoScalingGroupName="temu-none",
                DesiredConfiguration={"LaunchTemplate": {"LaunchTemplateId": template, "Version": "1"}},
            )
        ),
        ("autoscaling:StartInstanceRefresh", arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/temu-none")),
        ("ec2:RunInstances", arn("ec2", "subnet/*")),
        *needed,
    )


def test_app_runner_service_needs_its_configuration_and_its_roles(aws: Client, deployer: Deployer) -> None:
    roles = [make_role(aws, f"temu-runner-{name}", f"{name}.apprunner.amazonaws.com") for name in ("build", "tasks")]
    configuration = arn("apprunner", "autoscalingconfiguration/temu-none/1/00000000000000000000000000000001")
    connector = arn("apprunner", "vpcconnector/temu-none/1/00000000000000000000000000000001")
    needs(
        deployer,
        reaches_the_service(
            lambda client: client("apprunner").create_service(
                ServiceName="temu-checks",
                SourceConfiguration={
                    "AuthenticationConfiguration": {"AccessRoleArn": roles[0]},
                    "ImageRepository": {
                        "ImageIdentifier": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/temu-none:1",
                        "ImageRepositoryType": "ECR",
                    },
                },
                InstanceConfiguration={"InstanceRoleArn": roles[1]},
                AutoScalingConfigurationArn=configuration,
                NetworkConfiguration={"EgressConfiguration": {"EgressType": "VPC", "VpcConnectorArn": connector}},
                Tags=_TAGS,
            )
        ),
        ("apprunner:CreateService", arn("apprunner", "service/temu-checks/*")),
        ("apprunner:CreateService", configuration),
        ("apprunner:CreateService", connector),
        ("apprunner:TagResource", arn("apprunner", "service/temu-checks/*")),
        *(("iam:PassRole", role) for role in roles),
        beside=(allow("iam:CreateServiceLinkedRole"),),
    )
    for role in roles:
        aws("iam").delete_role(RoleName=role.rpartition("/")[2])


def test_vpc_connector_needs_its_name_and_the_role_of_app_runners_network(deployer: Deployer) -> None:
    made = arn("apprunner", "vpcconnector/temu-checks/*/*")
    needs(
        deployer,
        reaches_the_service(
            lambda client: client("apprunner").create_vpc_connector(
                VpcConnectorName="temu-checks", Subnets=["subnet-none"], Tags=_TAGS
            )
        ),
        ("apprunner:CreateVpcConnector", made),
        ("apprunner:TagResource", made),
        beside=(allow("iam:CreateServiceLinkedRole"),),
    )


# -- limits of policies --


def statements_of(characters: int) -> str:
    """A policy of so many characters, white space not counted."""
    statement = allow("s3:GetObject", on="arn:aws:s3:::")
    missing = characters - len("".join(policy(statement).split()))
    return json.dumps(json.loads(policy(allow("s3:GetObject", on=f"arn:aws:s3:::{'x' * missing}"))), indent=8)


def test_policies_have_a_largest_size(aws: Client) -> None:
    iam = aws("iam")
    text = "LimitExceeded: Cannot exceed quota for PolicySize: 6144"
    assert refusal(lambda: iam.create_policy(PolicyName="temu-size", PolicyDocument=statements_of(6145))) == text
    made = iam.create_policy(PolicyName="temu-size", PolicyDocument=statements_of(6144))["Policy"]["Arn"]
    another = partial(iam.create_policy_version, PolicyArn=made)
    assert refusal(lambda: another(PolicyDocument=statements_of(6145))) == text
    for _ in range(4):
        another(PolicyDocument=statements_of(100))
    assert refusal(lambda: another(PolicyDocument=statements_of(100))) == (
        "LimitExceeded: A managed policy can have up to 5 versions. Before you create a new version, you must delete "
        "an existing version."
    )
    for version in iam.list_policy_versions(PolicyArn=made)["Versions"]:
        if not version["IsDefaultVersion"]:
            iam.delete_policy_version(PolicyArn=made, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=made)


def test_roles_have_a_largest_size_and_number_of_policies(aws: Client) -> None:
    iam, role = aws("iam"), {"RoleName": "temu-size"}
    long = json.loads(_TRUST)
    long["Statement"][0]["Condition"] = {"StringEquals": {"aws:SourceArn": "x" * 2048}}
    assert refusal(lambda: iam.create_role(**role, AssumeRolePolicyDocument=json.dumps(long))) == (
        "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048"
    )
    iam.create_role(**role, AssumeRolePolicyDocument=_TRUST)
    put = partial(iam.put_role_policy, **role)
    put(PolicyName="a", PolicyDocument=statements_of(6000))
    put(PolicyName="b", PolicyDocument=statements_of(4240))
    # A policy takes the place of the one of its name.
    put(PolicyName="b", PolicyDocument=statements_of(4240))
    assert refusal(lambda: put(PolicyName="c", PolicyDocument=statements_of(100))) == (
        "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role temu-size"
    )
    document = policy(allow("s3:ListAllMyBuckets"))
    arns = [iam.create_policy(PolicyName=f"temu-size-{n}", PolicyDocument=document)["Policy"]["Arn"] for n in range(11)]
    for one in [*arns[:10], arns[0]]:
        iam.attach_role_policy(**role, PolicyArn=one)
    assert refusal(lambda: iam.attach_role_policy(**role, PolicyArn=arns[10])) == (
        "LimitExceeded: Cannot exceed quota for PoliciesPerRole: 10"
    )
    for one in arns:
        if one != arns[10]:
            iam.detach_role_policy(**role, PolicyArn=one)
        iam.delete_policy(PolicyArn=one)
    assert refusal(lambda: iam.attach_role_policy(**role, PolicyArn=arns[0])) == (
        f"NoSuchEntity: Policy {arns[0]} does not exist or is not attachable."
    )
    for name in "ab":
        iam.delete_role_policy(**role, PolicyName=name)
    iam.delete_role(**role)


# -- web identities --

_GITHUB = "token.actions.githubusercontent.com"


def token_of(**claims: str | float) -> str:
    """A token as a provider of OpenID Connect issues it; the emulator does not verify its signature."""
    times = {"iat": int(time.time()), "exp": int(time.time()) + 300}
    parts = ({"alg": "RS256", "kid": "temu", "typ": "JWT"}, {"iss": f"https://{_GITHUB}"} | times | claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, base64.urlsafe_b64encode(b"signature").decode().rstrip("=")])


def test_web_identity_is_who_the_trust_policy_says(aws: Client, cloud: Settings, deployer: Deployer) -> None:
    provider = needs(
        deployer,
        lambda client: client("iam").create_open_id_connect_provider(
            Url=f"https://{_GITHUB}", ClientIDList=["sts.amazonaws.com"], Tags=_TAGS
        ),
        ("iam:CreateOpenIDConnectProvider", of_iam(f"oidc-provider/{_GITHUB}")),
        ("iam:TagOpenIDConnectProvider", of_iam(f"oidc-provider/{_GITHUB}")),
    )["OpenIDConnectProviderArn"]
    iam, sts = aws("iam"), aws("sts")
    assert "EntityAlreadyExists" in refusal(lambda: iam.create_open_id_connect_provider(Url=f"https://{_GITHUB}"))
    condition = {
        "StringEquals": {f"{_GITHUB}:aud": "sts.amazonaws.com"},
        "StringLike": {f"{_GITHUB}:sub": "repo:temu/app:ref:refs/heads/*"},
    }
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider},
        "Condition": condition,
    }
    role = iam.create_role(RoleName="temu-github", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="temu-github", PolicyName="own", PolicyDocument=policy(allow("ecs:ListClusters")))

    def assume(**claims: str | float) -> Json:
        found: Json = sts.assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="run", WebIdentityToken=token_of(**claims)
        )["Credentials"]
        return found

    right: dict[str, str | float] = {"sub": "repo:temu/app:ref:refs/heads/main", "aud": "sts.amazonaws.com"}
    keys = assume(**right)
    mine = clients(cloud, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    mine("ecs").list_clusters()
    assert "ecr:DescribeRepositories" in refusal(mine("ecr").describe_repositories)
    assert refusal(lambda: assume(**right | {"sub": "repo:other/app:ref:refs/heads/main"})).startswith("AccessDenied")
    assert refusal(lambda: assume(**right | {"aud": "other"})) == "InvalidIdentityToken: Incorrect token audience"
    assert refusal(lambda: assume(**right | {"iss": "https://other"})) == (
        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://other"
    )
    assert refusal(lambda: assume(**right | {"exp": time.time() - 1})).startswith("ExpiredTokenException")
    strange: list[Any] = [{"sub": {}}, {"aud": {}}, {"aud": [{}]}, {"exp": 10**400}, {"exp": "never"}, {"sub": None}]
    tokens = [token_of(**right | claims) for claims in strange]
    deep = base64.urlsafe_b64encode(("[" * 5000).encode()).decode()
    for token in [*tokens, "none", "a.b.c", f"a.{deep}.c", "ä.ö.ü"]:
        asked = {"RoleArn": role, "RoleSessionName": "run", "WebIdentityToken": token}
        assert refusal(partial(sts.assume_role_with_web_identity, **asked)) == (
            "InvalidIdentityToken: The ID Token provided is not a valid JWT."
        ), token
    # What boto3 would not send.
    for member, value in (
        ("RoleSessionName", "a b"),
        ("RoleSessionName", ""),
        ("RoleArn", "none"),
        ("DurationSeconds", "soon"),
        ("DurationSeconds", "60"),
        ("DurationSeconds", "7200"),
        ("WebIdentityToken", ""),
    ):
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": "run",
        }
        answer = requests.post(
            cloud.gateway_url, form | {"WebIdentityToken": token_of(**right), member: value}, timeout=10
        )
        assert (answer.status_code, "<Code>ValidationError</Code>" in answer.text) == (400, True), (member, value)
    iam.delete_role_policy(RoleName="temu-github", PolicyName="own")
    iam.delete_role(RoleName="temu-github")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)


def test_web_identity_is_known_to_the_account_of_the_role(aws: Client, cloud: Settings) -> None:
    own = clients(cloud, "222233334444", "test")
    iam = own("iam")
    provider = iam.create_open_id_connect_provider(Url=f"https://{_GITHUB}", ClientIDList=["sts.amazonaws.com"])
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
        "Condition": {"StringEquals": {f"{_GITHUB}:sub": "repo:temu/app:pull_request"}},
    }
    role = iam.create_role(RoleName="temu-elsewhere", AssumeRolePolicyDocument=policy(trust), MaxSessionDuration=7200)[
        "Role"
    ]
    asked = {"RoleArn": role["Arn"], "RoleSessionName": "run"}
    token = token_of(sub="repo:temu/app:pull_request", aud="sts.amazonaws.com")
    # The request has no signature, so it is of no account.
    assume = partial(aws("sts").assume_role_with_web_identity, **asked, WebIdentityToken=token)
    keys = assume(DurationSeconds=7200)["Credentials"]
    mine = clients(cloud, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert mine("sts").get_caller_identity()["Account"] == "222233334444"
    assert "exceeds the MaxSessionDuration" in refusal(lambda: assume(DurationSeconds=7201))
    iam.delete_role(RoleName="temu-elsewhere")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["OpenIDConnectProviderArn"])


def test_service_linked_role_that_exists_is_not_made_again(aws: Client, deployer: Deployer) -> None:
    iam, name = aws("iam"), "AWSServiceRoleForRDS"
    if name in [role["RoleName"] for role in iam.list_roles()["Roles"]]:
        iam.delete_service_linked_role(RoleName=name)
    role = of_iam(f"role/aws-service-role/rds.amazonaws.com/{name}")
    needs(
        deployer,
        lambda client: client("iam").create_service_linked_role(AWSServiceName="rds.amazonaws.com"),
        ("iam:CreateServiceLinkedRole", role),
    )
    assert refusal(lambda: iam.create_service_linked_role(AWSServiceName="rds.amazonaws.com")) == (
        f"InvalidInput: Service role name {name} has been taken in this account, please try a different suffix."
    )


def test_version_of_a_launch_template_says_who_has_made_it(aws: Client, deployer: Deployer) -> None:
    template, data = {"LaunchTemplateName": "temu-made"}, {"InstanceType": "t3.micro"}
    one = deployer(allow("ec2:CreateLaunchTemplate"))
    another = deployer(allow("ec2:CreateLaunchTemplateVersion"))
    one("ec2").create_launch_template(**template, LaunchTemplateData=data)
    made = another("ec2").create_launch_template_version(**template, LaunchTemplateData=data)["LaunchTemplateVersion"]
    versions = aws("ec2").describe_launch_template_versions(**template)["LaunchTemplateVersions"]
    who = [client("sts").get_caller_identity()["Arn"] for client in (another, one)]
    assert [version["CreatedBy"] for version in versions] == who
    assert made["CreatedBy"] == who[0]
    aws("ec2").delete_launch_template(**template)
