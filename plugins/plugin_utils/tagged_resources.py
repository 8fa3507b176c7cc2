# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Resources of AWS that carry given tags: what the tagging API lists, confirmed with each resource's own service."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

with suppress(ImportError):  # AwsActionModule says what is missing
    import jmespath
    from botocore.exceptions import ClientError

Json = dict[str, Any]
Client = Callable[[str], Any]


class Arn(NamedTuple):
    """An ARN, in parts.

    Attributes:
        text: all of it.
        service: such as `ec2`.
        kind: of resource, such as `vpc`; empty where the service has one only.
        name: what comes after the kind, such as `vpc-0123`, or `<cluster>/<name>` of an ECS service.
    """

    text: str
    service: str
    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Take an ARN apart."""
        _, _, service, _, _, resource = text.split(":", 5)
        parts = re.split("[:/]", resource, maxsplit=1)
        return cls(text, service, *parts) if len(parts) == 2 else cls(text, service, "", resource)

    @property
    def first(self) -> str:
        """The first part of the name."""
        return self.name.partition("/")[0]

    @property
    def last(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]


class Look(NamedTuple):
    """How a service is asked whether a resource is there.

    Attributes:
        operation: of the service's client.
        arguments: its arguments, for an ARN.
        there: what of the answer says so, in JMESPath: nothing, or false, where it is gone. `{name}` is the ARN's.
        missing: what is in the code of the error, where there is no such resource: InvalidVpcID.NotFound,
            NoSuchHostedZone; Amazon S3 answers HEAD without a body.
    """

    operation: str
    arguments: Callable[[Arn], Json]
    there: str
    missing: str = "NotFound|NoSuch|^404$"


class Kept(NamedTuple):
    """What stays on purpose.

    Attributes:
        arn: its ARN.
        why: what it is, and how long it stays.
        remove: the command of the AWS CLI that removes it.
    """

    arn: str
    why: str
    remove: str


def _ec2(operation: str, argument: str, there: str) -> Look:
    return Look(operation, lambda arn: {argument: [arn.name]}, there)


def _elb(operation: str, argument: str, there: str) -> Look:
    return Look(operation, lambda arn: {argument: [arn.text]}, there)


# Deleted NAT gateways and VPC endpoints are described for an hour, terminated instances too, and ECS keeps what is
# inactive.
LOOKS: dict[tuple[str, str], Look] = {
    ("acm", "certificate"): Look("describe_certificate", lambda arn: {"CertificateArn": arn.text}, "Certificate"),
    ("application-autoscaling", "scalable-target"): Look(
        "describe_scalable_targets",
        lambda _: {"ServiceNamespace": "ecs"},
        "ScalableTargets[?ends_with(ScalableTargetARN, '/{name}')]",
    ),
    ("apprunner", "autoscalingconfiguration"): Look(
        "describe_auto_scaling_configuration",
        lambda arn: {"AutoScalingConfigurationArn": arn.text},
        "!AutoScalingConfiguration.DeletedAt",
    ),
    ("apprunner", "service"): Look(
        "describe_service", lambda arn: {"ServiceArn": arn.text}, "Service.Status != 'DELETED'"
    ),
    ("apprunner", "vpcconnector"): Look(
        "describe_vpc_connector", lambda arn: {"VpcConnectorArn": arn.text}, "VpcConnector.Status != 'INACTIVE'"
    ),
    ("autoscaling", "autoScalingGroup"): Look(
        "describe_auto_scaling_groups", lambda arn: {"AutoScalingGroupNames": [arn.last]}, "AutoScalingGroups"
    ),
    ("cloudwatch", "alarm"): Look("describe_alarms", lambda arn: {"AlarmNames": [arn.name]}, "MetricAlarms"),
    ("ec2", "elastic-ip"): _ec2("describe_addresses", "AllocationIds", "Addresses"),
    ("ec2", "instance"): _ec2(
        "describe_instances", "InstanceIds", "Reservations[].Instances[] | [?State.Name != 'terminated']"
    ),
    ("ec2", "internet-gateway"): _ec2("describe_internet_gateways", "InternetGatewayIds", "InternetGateways"),
    ("ec2", "launch-template"): _ec2("describe_launch_templates", "LaunchTemplateIds", "LaunchTemplates"),
    ("ec2", "natgateway"): _ec2(
        "describe_nat_gateways", "NatGatewayIds", "NatGateways[?State != 'deleted' && State != 'failed']"
    ),
    ("ec2", "network-interface"): _ec2("describe_network_interfaces", "NetworkInterfaceIds", "NetworkInterfaces"),
    ("ec2", "route-table"): _ec2("describe_route_tables", "RouteTableIds", "RouteTables"),
    ("ec2", "security-group"): _ec2("describe_security_groups", "GroupIds", "SecurityGroups"),
    ("ec2", "security-group-rule"): _ec2("describe_security_group_rules", "SecurityGroupRuleIds", "SecurityGroupRules"),
    ("ec2", "subnet"): _ec2("describe_subnets", "SubnetIds", "Subnets"),
    ("ec2", "volume"): _ec2("describe_volumes", "VolumeIds", "Volumes"),
    ("ec2", "vpc"): _ec2("describe_vpcs", "VpcIds", "Vpcs"),
    ("ec2", "vpc-endpoint"): _ec2(
        "describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints[?State != 'deleted' && State != 'Deleted']"
    ),
    ("ec2", "vpc-flow-log"): _ec2("describe_flow_logs", "FlowLogIds", "FlowLogs"),
    ("ecr", "repository"): Look("describe_repositories", lambda arn: {"repositoryNames": [arn.name]}, "repositories"),
    ("ecs", "cluster"): Look(
        "describe_clusters", lambda arn: {"clusters": [arn.text]}, "clusters[?status != 'INACTIVE']"
    ),
    ("ecs", "service"): Look(
        "describe_services",
        lambda arn: {"cluster": arn.first, "services": [arn.text]},
        "services[?status != 'INACTIVE']",
    ),
    ("ecs", "task"): Look(
        "describe_tasks", lambda arn: {"cluster": arn.first, "tasks": [arn.text]}, "tasks[?lastStatus != 'STOPPED']"
    ),
    ("ecs", "task-definition"): Look(
        "describe_task_definition",
        lambda arn: {"taskDefinition": arn.text},
        "taskDefinition.status == 'ACTIVE'",
        missing="ClientException",
    ),
    ("elasticloadbalancing", "listener"): _elb("describe_listeners", "ListenerArns", "Listeners"),
    ("elasticloadbalancing", "listener-rule"): _elb("describe_rules", "RuleArns", "Rules"),
    ("elasticloadbalancing", "loadbalancer"): _elb("describe_load_balancers", "LoadBalancerArns", "LoadBalancers"),
    ("elasticloadbalancing", "targetgroup"): _elb("describe_target_groups", "TargetGroupArns", "TargetGroups"),
    ("events", "rule"): Look("describe_rule", lambda arn: {"Name": arn.name}, "Arn"),
    ("iam", "instance-profile"): Look(
        "get_instance_profile", lambda arn: {"InstanceProfileName": arn.last}, "InstanceProfile"
    ),
    ("iam", "role"): Look("get_role", lambda arn: {"RoleName": arn.last}, "Role"),
    ("logs", "log-group"): Look(
        "describe_log_groups",
        lambda arn: {"logGroupNamePrefix": arn.name},
        "logGroups[?logGroupName == '{name}']",
    ),
    ("rds", "db"): Look("describe_db_instances", lambda arn: {"DBInstanceIdentifier": arn.name}, "DBInstances"),
    ("rds", "pg"): Look(
        "describe_db_parameter_groups", lambda arn: {"DBParameterGroupName": arn.name}, "DBParameterGroups"
    ),
    ("rds", "snapshot"): Look("describe_db_snapshots", lambda arn: {"DBSnapshotIdentifier": arn.name}, "DBSnapshots"),
    ("rds", "subgrp"): Look("describe_db_subnet_groups", lambda arn: {"DBSubnetGroupName": arn.name}, "DBSubnetGroups"),
    ("route53", "hostedzone"): Look("get_hosted_zone", lambda arn: {"Id": arn.name}, "HostedZone"),
    ("s3", ""): Look("head_bucket", lambda arn: {"Bucket": arn.name}, "ResponseMetadata"),
    ("scheduler", "schedule-group"): Look("get_schedule_group", lambda arn: {"Name": arn.name}, "State == 'ACTIVE'"),
    ("secretsmanager", "secret"): Look("describe_secret", lambda arn: {"SecretId": arn.text}, "!DeletedDate"),
}
"""How each type of resource is looked for, by service and kind as its ARNs name them."""

_CLIENTS = {"elasticloadbalancing": "elbv2"}


def is_named(name: str, prefix: str, others: list[str]) -> bool:
    """Whether a name is that of an app or network, or begins with it.

    Args:
        name: of a resource, such as `dev-tasks-app`, or `dev-tasks_worker` of a process.
        prefix: such as `dev-tasks`.
        others: those of the other apps and networks: `dev-tasks-admin` is not one of `dev-tasks`.
    """

    def begins(start: str) -> bool:
        return name == start or name.startswith((f"{start}-", f"{start}_"))

    return begins(prefix) and not any(begins(other) for other in others if len(other) > len(prefix))


def find_left(
    client: Client, tags: dict[str, str], prefix: str, others: list[str], kept: list[Kept]
) -> tuple[list[str], list[str]]:
    """ARNs of what is there, sorted.

    GetResources "returns all the tagged or previously tagged resources that are located in the specified Region"
    (Resource Groups Tagging API reference), and does not tell the ones from the others.

    Args:
        client: makes a boto3 client for a service.
        tags: what all of them carry.
        prefix: what their names begin with.
        others: the longer names that are not meant.
        kept: what stays on purpose.

    Returns:
        What is there; and what is listed, but of a type that is not known here.

    Raises:
        ClientError: a service refuses to say.
    """
    pages = (
        client("resourcegroupstaggingapi")
        .get_paginator("get_resources")
        .paginate(TagFilters=[{"Key": key, "Values": [value]} for key, value in tags.items()])
    )
    listed = [mapping for page in pages for mapping in page["ResourceTagMappingList"]]
    arns = sorted({one["ResourceARN"] for one in listed if any(is_named(n, prefix, others) for n in _names(one))})
    left, unknown = [], []
    for arn in map(Arn.parse, arns):
        look = LOOKS.get((arn.service, arn.kind))
        if look is None:
            unknown.append(arn.text)
        elif arn.text not in [one.arn for one in kept] and _is_there(client, arn, look):
            left.append(arn.text)
    return left, unknown


def _names(mapping: Json) -> list[str]:
    """What a resource is called: an entry of GetResources, with `ResourceARN` and `Tags`."""
    arn = Arn.parse(mapping["ResourceARN"])
    names = [tag["Value"] for tag in mapping["Tags"] if tag["Key"] == "Name"]
    if arn.service == "ec2" and names:
        return names
    # Kinds and paths stand before a name: loadbalancer/app/NAME/ID, log-group:NAME, NAME.
    return [*names, arn.kind, *arn.name.replace(":", "/").split("/")]


def _is_there(client: Client, arn: Arn, look: Look) -> bool:
    service = client(_CLIENTS.get(arn.service, arn.service))
    arguments = look.arguments(arn)
    try:
        if service.can_paginate(look.operation):
            answer = service.get_paginator(look.operation).paginate(**arguments).build_full_result()
        else:
            answer = getattr(service, look.operation)(**arguments)
    except ClientError as error:
        if not re.search(look.missing, error.response["Error"]["Code"]):
            raise
        return False
    return bool(jmespath.search(look.there.replace("{name}", arn.name), answer))


def find_kept(client: Client, tags: dict[str, str], prefix: str, others: list[str], region: str) -> list[Kept]:
    """What outlives its app on purpose: snapshots of its database, and secrets that can be restored.

    Args:
        client: makes a boto3 client for a service.
        tags: what all of them carry.
        prefix: what their names begin with.
        others: the longer names that are not meant.
        region: the region they are in, which the commands name.
    """
    kept = []
    pages = client("rds").get_paginator("describe_db_snapshots").paginate(SnapshotType="manual")
    for snapshot in (one for page in pages for one in page["DBSnapshots"]):
        if is_named(snapshot["DBInstanceIdentifier"], prefix, others) and _carries(snapshot.get("TagList"), tags):
            name, database = snapshot["DBSnapshotIdentifier"], snapshot["DBInstanceIdentifier"]
            why = f"snapshot {name} of the database {database}, which costs money until it is deleted"
            remove = f"aws rds delete-db-snapshot --region {region} --db-snapshot-identifier {name}"
            kept.append(Kept(snapshot["DBSnapshotArn"], why, remove))
    filters = [{"Key": "name", "Values": [prefix]}]
    pages = (
        client("secretsmanager").get_paginator("list_secrets").paginate(IncludePlannedDeletion=True, Filters=filters)
    )
    for secret in (one for page in pages for one in page["SecretList"]):
        name = secret["Name"]
        is_ours = is_named(name.partition("/")[0], prefix, others) and _carries(secret.get("Tags"), tags)
        if is_ours and "DeletedDate" in secret:
            why = f"secret {name}, which is scheduled for deletion, unless a deployment of that name restores it"
            remove = (
                f"aws secretsmanager delete-secret --region {region} --secret-id {name} --force-delete-without-recovery"
            )
            kept.append(Kept(secret["ARN"], why, remove))
    return sorted(kept)


def _carries(found: list[dict[str, str]] | None, tags: dict[str, str]) -> bool:
    return tags.items() <= {tag["Key"]: tag["Value"] for tag in found or []}.items()
