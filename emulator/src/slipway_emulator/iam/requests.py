"""One request to an AWS API as IAM looks at it: its action, its parameters, its tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cbor2

Json = dict[str, Any]
Tags = dict[str, str]

# The services that have a role of their own, which AWS makes when they are first used.
SERVICE_LINKED_ROLES = {
    "apprunner.amazonaws.com": "AWSServiceRoleForAppRunner",
    "autoscaling.amazonaws.com": "AWSServiceRoleForAutoScaling",
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
    "elasticloadbalancing.amazonaws.com": "AWSServiceRoleForElasticLoadBalancing",
    "networking.apprunner.amazonaws.com": "AWSServiceRoleForAppRunnerNetworking",
    "rds.amazonaws.com": "AWSServiceRoleForRDS",
}

# Parameters within others that name a resource which the request is decided on ("Actions, resources, and condition keys
# for AWS App Runner", Service Authorization Reference).
_DECIDED_WITHIN = ("NetworkConfiguration.EgressConfiguration.VpcConnectorArn",)

# What stands between the names of flat parameters: `Tags.member.1.Key` is `Tags.Key` here.
_INDEX = re.compile(r"\.(member\.)?\d+(?=\.|$)")
_TAG = re.compile(r"^((?:(TagSpecifications?\.\d+)\.)?Tags?(?:\.\w+)?\.\d+)\.Key$")


@dataclass(frozen=True)
class Request:
    """One request as it is authorized.

    Attributes:
        action: as IAM names it, `ecs:RunTask`.
        parameters: of the operation: the body's members, or flat ones by their names.
        path: of the URL.
    """

    action: str
    parameters: Json = field(default_factory=dict)
    path: str = ""

    @property
    def service(self) -> str:
        """The prefix of the service's actions."""
        return self.action.partition(":")[0]

    @cached_property
    def _values(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in _flat("", self.parameters):
            found.setdefault(_INDEX.sub("", name), []).append(value)
        return found

    def values(self, *names: str) -> list[str]:
        """The values of parameters: of members of members by their names with dots, of lists each one."""
        return [value for name in names for value in self._values.get(name, [])]

    def arns(self) -> Iterator[str]:
        """The ARNs among the request's own parameters; within others, those that it is decided on as well."""
        for name, values in self._values.items():
            if "." not in name or name in _DECIDED_WITHIN:
                yield from (value for value in values if value.startswith("arn:") and value.count(":") > 4)

    def tags(self) -> dict[str, Tags]:
        """The tags that a request sets, by the kind of resource that EC2's are for, which is empty elsewhere."""
        found: dict[str, Tags] = {}
        for name, value in self.parameters.items():
            match = _TAG.match(name)
            if match:
                kind = str(self.parameters.get(f"{match[2]}.ResourceType", "")) if match[2] else ""
                found.setdefault(kind, {})[str(value)] = str(self.parameters.get(f"{match[1]}.Value", ""))
        given = self.parameters.get("Tags", self.parameters.get("tags"))
        if isinstance(given, list):
            pairs = [{str(key).lower(): tag[key] for key in tag} for tag in given if isinstance(tag, dict)]
            given = {str(tag.get("key", tag.get("tagkey"))): tag.get("value", tag.get("tagvalue", "")) for tag in pairs}
        if isinstance(given, dict) and given:
            found[""] = {str(key): str(value) for key, value in given.items()}
        return found


# No request, or one that has been decided.
NOTHING = Request("")


def parameters_of(body: bytes, query: Json) -> Json:
    """The parameters of a request whose body is JSON or CBOR, or has flat ones."""
    try:
        if body.lstrip()[:1] == b"{":
            found = json.loads(body)
        elif body[:1] and body[0] >> 5 == 5:
            # A map; no other body begins with such a byte.
            found = cbor2.loads(body)
        else:
            return {name: value[0] if isinstance(value, list) else value for name, value in query.items() if value}
    except (ValueError, cbor2.CBORDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list):
        for item in value:
            yield from _flat(name, item)
    elif isinstance(value, (str, int, float)):
        yield name, str(value)
