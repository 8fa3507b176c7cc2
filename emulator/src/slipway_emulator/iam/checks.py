"""All that a request is checked for: its action on each resource, tagging, roles that it passes or has AWS make.

Sources: the Service Authorization Reference, "Grant a user permissions to pass a role to an AWS service" and "Create a
service-linked role" of the IAM user guide, and what each table names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ministack.services import ecs, iam

from slipway_emulator.iam.reference import condition_keys
from slipway_emulator.iam.requests import SERVICE_LINKED_ROLES, Request, Tags
from slipway_emulator.iam.resources import launched, made_by, resources_of, tags_of

Json = dict[str, Any]

# Where an operation names a role that it hands to a service, and the service.
_PASSED_ROLES: dict[str, tuple[tuple[str, str], ...]] = {
    "apprunner:CreateService": (
        ("SourceConfiguration.AuthenticationConfiguration.AccessRoleArn", "build.apprunner.amazonaws.com"),
        ("InstanceConfiguration.InstanceRoleArn", "tasks.apprunner.amazonaws.com"),
    ),
    "ec2:CreateFlowLogs": (("DeliverLogsPermissionArn", "vpc-flow-logs.amazonaws.com"),),
    "ecs:CreateService": (("role", "ecs.amazonaws.com"),),
    "ecs:RegisterTaskDefinition": (
        ("taskRoleArn", "ecs-tasks.amazonaws.com"),
        ("executionRoleArn", "ecs-tasks.amazonaws.com"),
    ),
    "ecs:RunTask": (
        ("overrides.taskRoleArn", "ecs-tasks.amazonaws.com"),
        ("overrides.executionRoleArn", "ecs-tasks.amazonaws.com"),
    ),
    "rds:CreateDBInstance": (("MonitoringRoleArn", "monitoring.rds.amazonaws.com"),),
    "scheduler:CreateSchedule": (("Target.RoleArn", "scheduler.amazonaws.com"),),
}
_PASSED_ROLES["apprunner:UpdateService"] = _PASSED_ROLES["apprunner:CreateService"]
_PASSED_ROLES["rds:ModifyDBInstance"] = _PASSED_ROLES["rds:CreateDBInstance"]
_PASSED_ROLES["scheduler:UpdateSchedule"] = _PASSED_ROLES["scheduler:CreateSchedule"]

# The operation with which a service is used first, and the service.
_FIRST_USES = {
    "application-autoscaling:RegisterScalableTarget": "ecs.application-autoscaling.amazonaws.com",
    "apprunner:CreateService": "apprunner.amazonaws.com",
    "apprunner:CreateVpcConnector": "networking.apprunner.amazonaws.com",
    "autoscaling:CreateAutoScalingGroup": "autoscaling.amazonaws.com",
    "ecs:CreateCluster": "ecs.amazonaws.com",
    "ecs:CreateService": "ecs.amazonaws.com",
    "elasticloadbalancing:CreateLoadBalancer": "elasticloadbalancing.amazonaws.com",
    "rds:CreateDBInstance": "rds.amazonaws.com",
}

# The action that a service asks for, too, where a request makes something with tags. Sources: "Grant permission to tag
# resources during creation" of EC2, ECS, Elastic Load Balancing and RDS, "Tagging IAM resources", and the API
# references of the operations.
_TAGGING = {
    "acm": "acm:AddTagsToCertificate",
    "application-autoscaling": "application-autoscaling:TagResource",
    "apprunner": "apprunner:TagResource",
    "autoscaling": "autoscaling:CreateOrUpdateTags",
    "cloudwatch": "cloudwatch:TagResource",
    "ec2": "ec2:CreateTags",
    "ecr": "ecr:TagResource",
    "ecs": "ecs:TagResource",
    "elasticloadbalancing": "elasticloadbalancing:AddTags",
    "events": "events:TagResource",
    "logs": "logs:TagResource",
    "rds": "rds:AddTagsToResource",
    "scheduler": "scheduler:TagResource",
    "secretsmanager": "secretsmanager:TagResource",
    "sns": "sns:TagResource",
    "ssm": "ssm:AddTagsToResource",
}
_TAGGING_IAM = {
    "iam:CreateInstanceProfile": "iam:TagInstanceProfile",
    "iam:CreateOpenIDConnectProvider": "iam:TagOpenIDConnectProvider",
    "iam:CreatePolicy": "iam:TagPolicy",
    "iam:CreateRole": "iam:TagRole",
    "iam:CreateUser": "iam:TagUser",
}
# Services whose tagging action knows for which operation it is asked.
_CREATE_ACTIONS = ("ec2", "ecs", "elasticloadbalancing")


@dataclass(frozen=True)
class Check:
    """One action that the caller needs on one resource.

    Attributes:
        action: as IAM names it.
        resource: its ARN, or `*` where AWS supports no resource-level permissions.
        context: condition keys that only this check has.
        tags: the tags of the request that are for this resource.
        makes: the service whose own role the action makes, once it is allowed.
        is_optional: whether the request goes on without it.
    """

    action: str
    resource: str
    context: dict[str, str] = field(default_factory=dict)
    tags: Tags = field(default_factory=dict)
    makes: str = ""
    is_optional: bool = False


def checks(request: Request, resource: str, region: str, account: str) -> Iterator[Check]:
    """All checks of a request, in the order in which AWS looks.

    Args:
        request: what is asked for.
        resource: what MiniStack takes for its resource, for services whose resources it names right.
        region: where.
        account: whose.
    """
    tags = tags_of(request)
    for kind, arn in resources_of(request, region, account) or (("", resource),):
        yield Check(request.action, arn, _context(request, region, account), tags.get(kind, tags.get("", {})))
    yield from _tagging(request, tags, resource, region, account)
    for role, service in _passed(request):
        yield Check("iam:PassRole", role, {"iam:PassedToService": service})
    for launch in _launches(request):
        yield from checks(launch, "*", region, account)
    service = _FIRST_USES.get(request.action, "")
    if service and iam._roles.get(SERVICE_LINKED_ROLES[service]) is None:
        arn = f"arn:aws:iam::{account}:role/aws-service-role/{service}/{SERVICE_LINKED_ROLES[service]}"
        # CreateCluster: "if the user that makes the call doesn't have permissions to create the service-linked role, it
        # isn't created" (Amazon ECS API reference).
        is_optional = request.action == "ecs:CreateCluster"
        context = {"iam:AWSServiceName": service}
        yield Check("iam:CreateServiceLinkedRole", arn, context, makes=service, is_optional=is_optional)


def _tagging(request: Request, tags: dict[str, Tags], resource: str, region: str, account: str) -> Iterator[Check]:
    action = _TAGGING_IAM.get(request.action) or _TAGGING.get(request.service)
    operation = request.action.partition(":")[2]
    # A request for tags alone is decided as what it is.
    if not tags or action is None or "Tag" in operation:
        return
    context = {f"{request.service}:CreateAction": operation} if request.service in _CREATE_ACTIONS else {}
    for kind, own in tags.items():
        made = f"arn:aws:ec2:{region}:{account}:{kind}/*" if kind else made_by(request, region, account) or resource
        # No tagging action takes the `:*` at the end of a log group's ARN.
        yield Check(action, made.removesuffix(":*") if request.service == "logs" else made, context, own)


def _context(request: Request, region: str, account: str) -> dict[str, str]:
    """The condition keys that a request's parameters give."""
    found = {}
    if request.service == "ecs":
        cluster = next(iter(request.values("cluster")), "default")
        found["ecs:cluster"] = (
            cluster if cluster.startswith("arn:") else f"arn:aws:ecs:{region}:{account}:cluster/{cluster}"
        )
    parameters = {
        "application-autoscaling:scalable-dimension": "ScalableDimension",
        "application-autoscaling:service-namespace": "ServiceNamespace",
        "ecs:task-definition": "taskDefinition",
        "iam:awsservicename": "AWSServiceName",
        "iam:permissionsboundary": "PermissionsBoundary",
        "iam:policyarn": "PolicyArn",
        "secretsmanager:name": "Name",
    }
    for key, name in parameters.items():
        values = request.values(name)
        if values:
            found[key] = values[0]
    if request.service == "iam" and "iam:permissionsboundary" not in found:
        # The boundary that the role has.
        role = iam._roles.get(next(iter(request.values("RoleName")), "")) or {}
        if role.get("PermissionsBoundary"):
            found["iam:permissionsboundary"] = role["PermissionsBoundary"]
    return {key: value for key, value in found.items() if key in condition_keys(request.action)}


def _passed(request: Request) -> Iterator[tuple[str, str]]:
    for place, service in _PASSED_ROLES.get(request.action, ()):
        for role in request.values(place):
            yield role, service
    if request.action == "ecs:RunTask":
        definition = ecs._task_defs.get(ecs._resolve_td_key(str(request.parameters.get("taskDefinition", "")))) or {}
        for member in ("taskRoleArn", "executionRoleArn"):
            if definition.get(member):
                yield definition[member], "ecs-tasks.amazonaws.com"
    elif request.action == "iam:AddRoleToInstanceProfile":
        for name in request.values("RoleName"):
            if name in iam._roles:
                yield iam._roles[name]["Arn"], "ec2.amazonaws.com"
    elif request.action == "ec2:RunInstances":
        yield from _instance_roles(request)


def _instance_roles(request: Request) -> Iterator[tuple[str, str]]:
    """The roles of the instance profile that a launch names, or its launch template."""
    profile = launched(request).get("IamInstanceProfile") or {}
    name = next(iter(request.values("IamInstanceProfile.Name")), profile.get("Name", ""))
    arn = next(iter(request.values("IamInstanceProfile.Arn")), profile.get("Arn", ""))
    found = iam._lookup_instance_profile(name=name, arn="" if name else arn) if name or arn else None
    for role in (found or {}).get("Roles", []):
        if role in iam._roles:
            yield iam._roles[role]["Arn"], "ec2.amazonaws.com"


def _launches(request: Request) -> Iterator[Request]:
    """What an Auto Scaling group will launch, for which its caller needs the permissions.

    Source: "Control Amazon EC2 launch template usage in Auto Scaling groups" of the user guide.
    """
    if request.action not in (
        "autoscaling:CreateAutoScalingGroup",
        "autoscaling:StartInstanceRefresh",
        "autoscaling:UpdateAutoScalingGroup",
    ):
        return
    subnets = [name for value in request.values("VPCZoneIdentifier") for name in value.replace(" ", "").split(",")]
    asked = {f"SubnetId.{number}": name for number, name in enumerate(subnets, 1) if name}
    for name in request.parameters:
        place, _, member = name.rpartition(".")
        if member in ("LaunchTemplateId", "LaunchTemplateName"):
            version = request.parameters.get(f"{place}.Version", "")
            template = {f"LaunchTemplate.{member}": request.parameters[name], "LaunchTemplate.Version": version}
            yield Request("ec2:RunInstances", asked | template)
