"""What a request is checked for beyond its own action: resources, roles that it passes, roles that it has AWS make.

Sources: the Service Authorization Reference of each service (resource types and dependent actions), "Grant a user
permissions to pass a role to an AWS service" and "Create a service-linked role" of the IAM user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ministack.services import ecs, iam

from slipway_emulator.ec2.launch_templates import TemplateError, resolve_template

Json = dict[str, Any]

# Where an operation names a role that it hands to a service, and the service.
_PASSED_ROLES: dict[str, tuple[tuple[str, str], ...]] = {
    "apprunner:CreateService": (
        ("SourceConfiguration.AuthenticationConfiguration.AccessRoleArn", "build.apprunner.amazonaws.com"),
        ("InstanceConfiguration.InstanceRoleArn", "tasks.apprunner.amazonaws.com"),
    ),
    "ec2:CreateFlowLogs": (("DeliverLogsPermissionArn", "vpc-flow-logs.amazonaws.com"),),
    "ecs:RegisterTaskDefinition": (
        ("taskRoleArn", "ecs-tasks.amazonaws.com"),
        ("executionRoleArn", "ecs-tasks.amazonaws.com"),
    ),
    "ecs:RunTask": (
        ("overrides.taskRoleArn", "ecs-tasks.amazonaws.com"),
        ("overrides.executionRoleArn", "ecs-tasks.amazonaws.com"),
    ),
    "rds:CreateDBInstance": (("MonitoringRoleArn", "monitoring.rds.amazonaws.com"),),
}
_PASSED_ROLES["apprunner:UpdateService"] = _PASSED_ROLES["apprunner:CreateService"]
_PASSED_ROLES["rds:ModifyDBInstance"] = _PASSED_ROLES["rds:CreateDBInstance"]

# The operation with which a service is used first, the service, and the role that AWS makes for it then.
_SERVICE_LINKED_ROLES = {
    "application-autoscaling:RegisterScalableTarget": (
        "ecs.application-autoscaling.amazonaws.com",
        "AWSServiceRoleForApplicationAutoScaling_ECSService",
    ),
    "apprunner:CreateService": ("apprunner.amazonaws.com", "AWSServiceRoleForAppRunner"),
    "autoscaling:CreateAutoScalingGroup": ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling"),
    "ecs:CreateCluster": ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    "ecs:CreateService": ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
    "elasticloadbalancing:CreateLoadBalancer": (
        "elasticloadbalancing.amazonaws.com",
        "AWSServiceRoleForElasticLoadBalancing",
    ),
    "rds:CreateDBInstance": ("rds.amazonaws.com", "AWSServiceRoleForRDS"),
}
_BY_SERVICE = dict(_SERVICE_LINKED_ROLES.values())

# Resources that MiniStack does not name: of each operation the ARN's part behind the account, from its parameters.
_RESOURCES = {
    "apprunner:CreateAutoScalingConfiguration": "autoscalingconfiguration/{AutoScalingConfigurationName}/*",
    "apprunner:CreateService": "service/{ServiceName}/*",
    "ec2:CreateVpc": "vpc/*",
    "ecs:CreateCluster": "cluster/{clusterName}",
    "ecs:CreateService": "service/{cluster}/{serviceName}",
    "ecs:DeleteService": "service/{cluster}/{service}",
    "ecs:RegisterTaskDefinition": "task-definition/{family}:*",
    "ecs:RunTask": "task-definition/{taskDefinition}",
    "ecs:StopTask": "task/{cluster}/{task}",
    "ecs:UpdateService": "service/{cluster}/{service}",
    "elasticloadbalancing:CreateLoadBalancer": "loadbalancer/app/{Name}/*",
    "elasticloadbalancing:CreateTargetGroup": "targetgroup/{Name}/*",
    "rds:CreateDBParameterGroup": "pg:{DBParameterGroupName}",
    "rds:CreateDBSubnetGroup": "subgrp:{DBSubnetGroupName}",
    "rds:DeleteDBParameterGroup": "pg:{DBParameterGroupName}",
    "rds:DeleteDBSubnetGroup": "subgrp:{DBSubnetGroupName}",
    "rds:ModifyDBParameterGroup": "pg:{DBParameterGroupName}",
    # The suffix is AWS's: six random characters, which a policy matches as `name-*`.
    "secretsmanager:CreateSecret": "secret:{Name}-AbCdEf",
}
# Members of a request that are the resource's ARN, where a service has such.
_ARN_MEMBERS = ("ServiceArn", "AutoScalingConfigurationArn", "ResourceArn", "ResourceARN", "resourceArn")

_EC2_TAG = re.compile(r"^(TagSpecifications?\.\d+\.Tag\.\d+|Tag\.\d+)\.Key$")


@dataclass(frozen=True)
class Request:
    """One request as it is authorized.

    Attributes:
        action: as IAM names it, `ecs:RunTask`.
        parameters: of the operation: the body's members, or flat ones by their names.
    """

    action: str
    parameters: Json


# No request, or one that has been decided.
NOTHING = Request("", {})


@dataclass(frozen=True)
class Check:
    """One more action that the caller needs.

    Attributes:
        action: as IAM names it.
        resource: its ARN.
        context: condition keys of the request.
        makes: the service whose own role the action makes, once it is allowed.
        is_optional: whether the request goes on without it.
    """

    action: str
    resource: str
    context: dict[str, str]
    makes: str = ""
    is_optional: bool = False


def parameters_of(body: bytes, query: Json) -> Json:
    """The parameters of a request with a JSON body, or with flat ones."""
    if body.lstrip()[:1] == b"{":
        try:
            found = json.loads(body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    return {name: value[0] if isinstance(value, list) else value for name, value in query.items() if value}


class _Names(dict[str, Any]):
    """Parameters that are formatted by their names, where a request may give an ARN instead."""

    def __getitem__(self, name: str) -> str:
        return str(super().__getitem__(name)).rpartition("/")[2]


def resource_of(request: Request, region: str, account: str) -> str | None:
    """The ARN of what a request makes or changes; None where MiniStack's own is right."""
    service = request.action.partition(":")[0]
    template = _RESOURCES.get(request.action)
    if template:
        parameters = request.parameters
        if request.action == "ecs:RunTask":
            # A family alone stands for its latest revision.
            parameters = parameters | {"taskDefinition": ecs._resolve_td_key(str(parameters.get("taskDefinition", "")))}
        try:
            return f"arn:aws:{service}:{region}:{account}:{template.format_map(_Names(parameters))}"
        except KeyError:
            return None
    for member in _ARN_MEMBERS if service in ("apprunner", "application-autoscaling", "ecs") else ():
        arn = request.parameters.get(member)
        if isinstance(arn, str) and arn.startswith("arn:"):
            return arn
    return None


def tags_of(parameters: Json) -> dict[str, Any]:
    """The condition keys of the tags in a request of the JSON protocol."""
    given = parameters.get("Tags")
    if isinstance(given, list):
        given = {str(tag.get("Key")): str(tag.get("Value", "")) for tag in given if isinstance(tag, dict)}
    return _tag_keys(given if isinstance(given, dict) else {})


def tags_of_ec2(parameters: Json) -> dict[str, Any]:
    """The condition keys of the tags in a request of EC2, whose parameters are its own."""
    tags = {
        str(parameters[name]): str(parameters.get(f"{match[1]}.Value", ""))
        for name in parameters
        if (match := _EC2_TAG.match(name))
    }
    return _tag_keys(tags)


def _tag_keys(tags: dict[str, str]) -> dict[str, Any]:
    context: dict[str, Any] = {f"aws:requesttag/{name}".lower(): value for name, value in tags.items()}
    return context | ({"aws:TagKeys": list(tags)} if tags else {})


def further_checks(request: Request, account: str) -> Iterator[Check]:
    """What else a request needs, in the order in which AWS looks."""
    for role, service in _passed(request):
        yield Check("iam:PassRole", role, {"iam:PassedToService": service})
    if request.action in ("autoscaling:CreateAutoScalingGroup", "autoscaling:UpdateAutoScalingGroup"):
        # "You are not authorized to use launch template": Amazon EC2 Auto Scaling user guide, launch template support.
        data = _launch_template_data(request.parameters)
        if data is not None:
            yield Check("ec2:RunInstances", "*", {})
            yield from _instance_role(data)
    linked = _SERVICE_LINKED_ROLES.get(request.action)
    if linked and iam._roles.get(linked[1]) is None:
        service, name = linked
        arn = f"arn:aws:iam::{account}:role/aws-service-role/{service}/{name}"
        # CreateCluster: "if the user that makes the call doesn't have permissions to create the service-linked role, it
        # isn't created" (Amazon ECS API reference).
        is_optional = request.action == "ecs:CreateCluster"
        context = {"iam:AWSServiceName": service}
        yield Check("iam:CreateServiceLinkedRole", arn, context, makes=service, is_optional=is_optional)


def service_linked_role_name(service: str, suggested: str) -> str:
    """The name of a service's own role, which is not always the service's name in capitals."""
    return _BY_SERVICE.get(service, suggested)


def _passed(request: Request) -> Iterator[tuple[str, str]]:
    for place, service in _PASSED_ROLES.get(request.action, ()):
        value: Any = request.parameters
        for part in place.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            yield value, service
    if request.action == "ecs:RunTask":
        definition = ecs._task_defs.get(ecs._resolve_td_key(str(request.parameters.get("taskDefinition", "")))) or {}
        for member in ("taskRoleArn", "executionRoleArn"):
            if definition.get(member):
                yield definition[member], "ecs-tasks.amazonaws.com"
    elif request.action == "iam:AddRoleToInstanceProfile":
        role = iam._roles.get(request.parameters.get("RoleName", ""))
        if role:
            yield role["Arn"], "ec2.amazonaws.com"


def _launch_template_data(parameters: Json) -> Json | None:
    """The data of the launch template that a request for an Auto Scaling group names."""
    members = ("LaunchTemplateId", "LaunchTemplateName", "Version")
    specification = {member: value for member in members if (value := parameters.get(f"LaunchTemplate.{member}"))}
    try:
        return resolve_template(specification)[0] if specification else None
    except TemplateError:
        # The service says so itself.
        return None


def _instance_role(data: Json) -> Iterator[Check]:
    """PassRole for the role of a launch template's instance profile."""
    profile = data.get("IamInstanceProfile") or {}
    found = iam._lookup_instance_profile(name=profile.get("Name", ""), arn=profile.get("Arn", "")) if profile else None
    for name in (found or {}).get("Roles", []):
        role = iam._roles.get(name)
        if role:
            yield Check("iam:PassRole", role["Arn"], {"iam:PassedToService": "ec2.amazonaws.com"})
