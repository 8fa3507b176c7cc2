"""The resources that a request is decided on: their kinds are the Service Authorization Reference's, their names the
request's.

What a request makes has no identifier yet: a star stands for it, as in the ARN that AWS decides on.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from ministack.services import ec2, iam, secretsmanager, tagging

from slipway_emulator.ec2.launch_templates import TemplateError, resolve_template
from slipway_emulator.iam.reference import ResourceType, resource_type, resource_types
from slipway_emulator.iam.requests import SERVICE_LINKED_ROLES, Request, Tags

Json = dict[str, Any]

# By service: the parameters that have what stands for a placeholder of the reference's ARNs.
_PARAMETERS: dict[str, dict[str, tuple[str, ...]]] = {
    "acm": {"CertificateId": ()},
    "application-autoscaling": {},
    "apprunner": {
        "AutoscalingConfigurationName": ("AutoScalingConfigurationName",),
        "ConnectionName": ("ConnectionName",),
        "ObservabilityConfigurationName": ("ObservabilityConfigurationName",),
        "ServiceName": ("ServiceName",),
        "VpcConnectorName": ("VpcConnectorName",),
    },
    "autoscaling": {
        "GroupFriendlyName": ("AutoScalingGroupName", "AutoScalingGroupNames", "Tags.ResourceId"),
        "LaunchConfigurationName": ("LaunchConfigurationName",),
    },
    "cloudwatch": {"AlarmName": ("AlarmName", "AlarmNames"), "DashboardName": ("DashboardName", "DashboardNames")},
    "ec2": {
        "AllocationId": ("AllocationId",),
        "ImageId": ("ImageId",),
        "InstanceId": ("InstanceId",),
        "InternetGatewayId": ("InternetGatewayId", "GatewayId"),
        "KeyPairName": ("KeyName",),
        "LaunchTemplateId": ("LaunchTemplateId", "LaunchTemplate.LaunchTemplateId"),
        "NatGatewayId": ("NatGatewayId",),
        "NetworkInterfaceId": ("NetworkInterfaceId", "NetworkInterface.NetworkInterfaceId"),
        "RouteTableId": ("RouteTableId", "AddRouteTableId", "RemoveRouteTableId"),
        "SecurityGroupId": (
            "GroupId",
            "SecurityGroupId",
            "AddSecurityGroupId",
            "RemoveSecurityGroupId",
            "NetworkInterface.SecurityGroupId",
        ),
        "SecurityGroupRuleId": ("SecurityGroupRuleId", "SecurityGroupRule.SecurityGroupRuleId"),
        "SubnetId": ("SubnetId", "AddSubnetId", "RemoveSubnetId", "NetworkInterface.SubnetId"),
        "VolumeId": ("VolumeId",),
        "VpcEndpointId": ("VpcEndpointId",),
        "VpcId": ("VpcId",),
    },
    "ecr": {"RepositoryName": ("repositoryName", "repositoryNames")},
    "ecs": {
        "ClusterName": ("cluster", "clusterName", "clusters"),
        "ServiceName": ("service", "serviceName", "services"),
        "TaskId": ("task", "tasks"),
        "TaskDefinitionFamilyName": ("family", "taskDefinition", "taskDefinitions"),
    },
    "elasticloadbalancing": {"LoadBalancerName": ("Name",), "TargetGroupName": ("Name",)},
    "events": {"RuleName": ("Name", "Rule")},
    "iam": {
        "GroupNameWithPath": ("GroupName",),
        "InstanceProfileNameWithPath": ("InstanceProfileName",),
        "OidcProviderName": ("Url",),
        "PolicyNameWithPath": ("PolicyName",),
        "RoleNameWithPath": ("RoleName",),
        "UserNameWithPath": ("UserName",),
    },
    "logs": {"LogGroupName": ("logGroupName", "logGroupIdentifier"), "LogStreamName": ("logStreamName",)},
    "rds": {
        "DbInstanceName": ("DBInstanceIdentifier",),
        "OptionGroupName": ("OptionGroupName",),
        "ParameterGroupName": ("DBParameterGroupName",),
        "SnapshotName": ("DBSnapshotIdentifier",),
        "SubnetGroupName": ("DBSubnetGroupName",),
    },
    "route53": {"Id": ()},
    "scheduler": {},
    "secretsmanager": {"SecretId": ("SecretId", "Name")},
    "ssm": {
        "DocumentName": ("DocumentName",),
        "InstanceId": ("InstanceIds",),
        "ParameterNameWithoutLeadingSlash": ("Name", "Names", "Path", "ResourceId"),
    },
    "sts": {},
}

# What EC2 calls a resource of each kind.
_PREFIXES = {
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "i": "instance",
    "igw": "internet-gateway",
    "lt": "launch-template",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}

# What a request makes, where that is of another kind than what the request is decided on.
_MADE = {
    "acm:RequestCertificate": "certificate",
    "ecs:RunTask": "task",
    "elasticloadbalancing:CreateListener": "listener",
    "elasticloadbalancing:CreateRule": "listener-rule",
}

# "In IAM policies, when specifying permissions for TagResource, UntagResource, and ListTagsForResource", a log group's
# ARN has no `:*` at its end, "for all other API actions" it has one ("CloudWatch Logs resources and operations").
_LOG_GROUP_ALONE = ("logs:ListTagsForResource", "logs:TagResource", "logs:UntagResource")

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def resources_of(request: Request, region: str, account: str) -> tuple[tuple[str, str], ...] | None:
    """The resources that a request is decided on, each for itself.

    Args:
        request: what is asked for.
        region: where.
        account: whose.

    Returns:
        The kind and the ARN of each; an empty kind and `*` where AWS supports no resource-level permissions; None where
        MiniStack's own answer is right, or the reference does not have the action.
    """
    kinds = resource_types(request.action)
    if kinds is None:
        return None
    if not kinds:
        return (("", "*"),)
    if request.service not in _PARAMETERS:
        return None
    if request.action == "ecs:ListTasks" and not request.values("containerInstance"):
        # "User ... is not authorized to perform: ecs:ListTasks on resource: *" is what AWS says then.
        return (("", "*"),)
    names = _Names(request, region, account)
    if request.service == "ec2":
        found = tuple(names.of_ec2(kinds))
        return found or (("", "*"),)
    return tuple(names.of(kinds))


def made_by(request: Request, region: str, account: str) -> str:
    """The ARN of what a request makes, as its tagging is decided on it; empty where MiniStack's answer is right."""
    kind = _MADE.get(request.action)
    if kind is None:
        # What else the request names is used, not made.
        return next((arn for _, arn in resources_of(request, region, account) or ()), "")
    names = _Names(request, region, account)
    if request.service == "elasticloadbalancing":
        # Below the load balancer or the listener that the request names.
        parent = next((arn for arn in request.arns() if ":elasticloadbalancing:" in arn), "").split("/", 1)
        below = {":loadbalancer": ":listener", ":listener": ":listener-rule"}
        start = next(
            (parent[0].removesuffix(end) + made for end, made in below.items() if parent[0].endswith(end)), "*"
        )
        return f"{start}/{parent[-1]}/*"
    return next(names.fill(resource_type(request.service, kind), is_needed=True))


class _Names:
    """The ARNs of one request.

    Args:
        request: what is asked for.
        region: where.
        account: whose.
    """

    def __init__(self, request: Request, region: str, account: str) -> None:
        self._request = request
        self._region = region
        self._account = account
        self._parameters = _PARAMETERS[request.service]

    def of(self, kinds: tuple[ResourceType, ...]) -> Iterator[tuple[str, str]]:
        """What the request names, or else everything of the first kind."""
        if self._request.action == "elasticloadbalancing:CreateLoadBalancer":
            # The reference has the kinds of Classic Load Balancers only.
            network = self._request.values("Type") == ["network"]
            kinds = (resource_type("elasticloadbalancing", f"loadbalancer/{'net' if network else 'app'}/"),)
        if self._request.service == "events":
            # Those on the default event bus, whose name the request may give.
            kinds = tuple(kind for kind in kinds if kind.name == "rule-on-default-event-bus") or kinds
        # Instances are Amazon EC2's here, not machines that were activated elsewhere.
        kinds = tuple(kind for kind in kinds if kind.name != "managed-instance") or kinds
        given = [*self.arns(kinds), *self._in_path(kinds)]
        found: list[tuple[str, str]] = []
        for kind in kinds:
            named = [pair for pair in given if pair[0] == kind.name]
            found += named or [(kind.name, arn) for arn in self.fill(kind)]
        if not found:
            found = [(kinds[0].name, arn) for arn in self.fill(kinds[0], is_needed=True)]
        for name, arn in found:
            if self._request.service == "logs" and self._request.action not in _LOG_GROUP_ALONE:
                yield name, arn if name != "log-group" or arn.endswith(":*") else f"{arn}:*"
            else:
                yield name, arn

    def of_ec2(self, kinds: tuple[ResourceType, ...]) -> Iterator[tuple[str, str]]:
        """What the request names, and everything of the other kinds that it must have."""
        data = launched(self._request) if self._request.action == "ec2:RunInstances" else {}
        tagged = tags_of(self._request)
        named = self._request.values("ResourceId")
        for kind in kinds:
            found = list(self.fill(kind, data))
            found += [self._arn(kind, name) for name in named if _PREFIXES.get(name.partition("-")[0]) == kind.name]
            # A volume is made for each instance with an image on EBS, which the reference does not say.
            is_made = kind.name == "volume" and self._request.action == "ec2:RunInstances"
            if not found and (kind.is_required or is_made or kind.name in tagged):
                found = [self._arn(kind, "*")]
            for arn in found:
                yield kind.name, arn

    def arns(self, kinds: tuple[ResourceType, ...]) -> Iterator[tuple[str, str]]:
        """The ARNs in a request's own parameters that are of one of these kinds."""
        for value in self._request.arns():
            parts = value.split(":", 5)
            for kind in kinds:
                form = kind.arn.split(":", 5)
                is_kind = form[2] == parts[2] and parts[5].startswith(form[5].partition("${")[0])
                # The reference has the kinds of Classic Load Balancers in place of the others.
                if is_kind or (parts[2] == self._request.service == "elasticloadbalancing"):
                    yield kind.name, self._complete(kind.name, value)
                    break

    def fill(self, kind: ResourceType, more: Json | None = None, *, is_needed: bool = False) -> Iterator[str]:
        """The ARNs of a kind from the request's parameters: none if it names none, unless one is needed."""
        places = [name for name in _PLACEHOLDER.findall(kind.arn) if name not in ("Partition", "Region", "Account")]
        values: list[list[str]] = []
        is_named = False
        for place in places:
            known = self._parameters.get(place)
            found = self._values(place, known, more or {}) if known is not None else []
            is_named = is_named or bool(found)
            if not found and known and not is_needed and not (place == "ClusterName" and len(places) > 1):
                return
            values.append(found or ["default" if place == "ClusterName" else "*"])
        if not is_named and not is_needed:
            return
        for combination in itertools.product(*values):
            yield self._complete(kind.name, self._arn(kind, *combination))

    def _values(self, place: str, names: tuple[str, ...], more: Json) -> list[str]:
        found = self._request.values(*names)
        if not found:
            given = [more[name] for name in names if more.get(name)]
            found = [value for one in given for value in (one if isinstance(one, list) else [one])]
        # A parameter takes an ARN in place of a name, whose last part is the name.
        found = [value.rpartition("/")[2] if value.startswith("arn:") and "/" in value else value for value in found]
        if place == "LaunchTemplateId" and not found:
            return _launch_template(self._request)
        if place == "RouteTableId" and not found:
            return _route_tables(self._request)
        if self._request.action == "rds:CreateDBInstance" and not found:
            return _rds_default(place, self._request)
        if place == "OidcProviderName":
            return [value.removeprefix("https://") for value in found]
        if place == "ParameterNameWithoutLeadingSlash":
            return [value.lstrip("/") for value in self._request.values(*names) if not value.startswith("arn:")]
        return found

    def _in_path(self, kinds: tuple[ResourceType, ...]) -> Iterator[tuple[str, str]]:
        """The resource in the path of a request to Amazon Route 53 or EventBridge Scheduler, behind its kind."""
        segments = self._request.path.split("/") if self._request.service in ("route53", "scheduler") else []
        for kind in kinds:
            for place, name in itertools.pairwise(segments):
                if place == kind.name and name:
                    yield kind.name, self._arn(kind, name)
                elif place == f"{kind.name}s" and name:
                    group = next(iter(self._request.values("GroupName", "groupName")), "default")
                    yield kind.name, self._arn(kind, *([group] if kind.name == "schedule" else []), name)
            if segments[1:2] == ["tags"]:
                yield kind.name, unquote("/".join(segments[2:]))

    def _arn(self, kind: ResourceType, *names: str) -> str:
        given = iter(names)
        own = {"Partition": "aws", "Region": self._region, "Account": self._account}
        return _PLACEHOLDER.sub(lambda match: own.get(match[1]) or next(given), kind.arn)

    def _complete(self, kind: str, arn: str) -> str:
        """An ARN as the resource has it, or will have it."""
        complete = _COMPLETE.get((self._request.service, kind))
        return complete(arn, self._request) if complete else arn


def launched(request: Request) -> Json:
    """The data of the launch template that a request launches by, with what it names by the names of parameters."""
    members = ("LaunchTemplateId", "LaunchTemplateName", "Version")
    specification = {name: found[0] for name in members if (found := request.values(f"LaunchTemplate.{name}"))}
    try:
        data = dict(resolve_template(specification)[0]) if specification else {}
    except TemplateError:
        # The service says so itself.
        return {}
    interfaces = data.get("NetworkInterfaces") or []
    groups = [group for interface in interfaces for group in interface.get("Groups") or []]
    return data | {
        "SecurityGroupId": [*(data.get("SecurityGroupIds") or []), *groups],
        "SubnetId": [interface["SubnetId"] for interface in interfaces if interface.get("SubnetId")],
    }


def tags_of(request: Request) -> dict[str, Tags]:
    """The tags of a request by the kind of resource that they are for, with those of its launch template."""
    found = request.tags()
    if request.action == "ec2:RunInstances":
        for specification in launched(request).get("TagSpecifications") or []:
            tags = {tag["Key"]: tag.get("Value", "") for tag in specification.get("Tags") or []}
            if tags:
                found[specification["ResourceType"]] = tags | found.get(specification["ResourceType"], {})
    return found


def _launch_template(request: Request) -> list[str]:
    names = request.values("LaunchTemplateName", "LaunchTemplate.LaunchTemplateName")
    return [key for key, record in ec2._launch_templates.items() if record["LaunchTemplateName"] in names]


def _route_tables(request: Request) -> list[str]:
    """The route tables of associations, which requests name by their own identifiers."""
    wanted = request.values("AssociationId")
    return [
        key
        for key, table in ec2._route_tables.items()
        if wanted and any(one["RouteTableAssociationId"] in wanted for one in table["Associations"])
    ]


def _rds_default(place: str, request: Request) -> list[str]:
    """What Amazon RDS takes where a request for a database does not say.

    Source: "Permission policies to create, modify and, delete resources in Amazon RDS" (`og:default*`, `pg:default*`,
    `subgrp:default`).
    """
    engine, version = next(iter(request.values("Engine")), ""), next(iter(request.values("EngineVersion")), "*")
    major = version.partition(".")[0]
    known = {
        "OptionGroupName": f"default:{engine}-{major}",
        "ParameterGroupName": f"default.{engine}{major}",
        "SubnetGroupName": "default",
    }
    return [known[place]] if place in known else []


def _secret(arn: str, request: Request) -> str:
    given = next(iter(request.values("SecretId", "Name")), "")
    _, secret = secretsmanager._resolve(given) if given else (None, None)
    if secret:
        return str(secret["ARN"])
    # Six random characters will follow.
    return arn if given.startswith("arn:") or not given else f"{arn}-??????"


def _entity(store: Callable[[], Any], parameter: str) -> Callable[[str, Request], str]:
    """Makes the ARN of an IAM entity, in which its path stands."""

    def complete(arn: str, request: Request) -> str:
        name = arn.rpartition("/")[2]
        record = store().get(name)
        if record and request.values(parameter):
            return str(record["Arn"])
        path = next(iter(request.values("Path")), "/")
        return f"{arn.partition('/')[0]}{path}{name}"

    return complete


def _role(arn: str, request: Request) -> str:
    service = next(iter(request.values("AWSServiceName")), "")
    if service:
        return f"{arn.partition('/')[0]}/aws-service-role/{service}/{SERVICE_LINKED_ROLES.get(service, '*')}"
    return _entity(lambda: iam._roles, "RoleName")(arn, request)


def _task_definition(arn: str, request: Request) -> str:
    if request.action == "ecs:RegisterTaskDefinition":
        return arn
    # Without a revision, AWS decides on the family alone.
    return arn.removesuffix(":*")


def _public(start: str) -> Callable[[str, Request], str]:
    """Makes the ARN of a document or a parameter of Systems Manager, which has no account where it is AWS's own."""

    def complete(arn: str, _: Request) -> str:
        parts = arn.split(":", 5)
        return ":".join([*parts[:4], "", parts[5]]) if parts[5].startswith(start) else arn

    return complete


def _group(arn: str, _: Request) -> str:
    """The ARN of an Auto Scaling group, in which its identifier stands, once there is one."""
    name = f":{arn.rpartition(':')[2]}"
    return next((found for found, _ in tagging._COLLECTORS["autoscaling"]() if found.endswith(name)), arn)


# Kinds whose ARN has more than the request's own words.
_COMPLETE: dict[tuple[str, str], Callable[[str, Request], str]] = {
    ("autoscaling", "autoScalingGroup"): _group,
    ("ecs", "task-definition"): _task_definition,
    ("iam", "instance-profile"): _entity(lambda: iam._instance_profiles, "InstanceProfileName"),
    ("iam", "policy"): lambda arn, request: (
        arn if request.values("PolicyArn") else _entity(dict, "PolicyName")(arn, request)
    ),
    ("iam", "role"): _role,
    ("iam", "user"): _entity(lambda: iam._users, "UserName"),
    ("secretsmanager", "Secret"): _secret,
    ("ssm", "document"): _public("document/AWS-"),
    ("ssm", "parameter"): _public("parameter/aws/"),
}
