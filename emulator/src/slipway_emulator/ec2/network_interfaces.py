"""Network interfaces as EC2 describes them: with their public addresses, and by filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import ec2

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]

# Filters of DescribeNetworkInterfaces (Amazon EC2 API reference) and what they compare; MiniStack knows none.
# The provider waits by them until a load balancer that it has deleted has no interface left.
_FILTERS: dict[str, Callable[[Json], list[str]]] = {
    "association.public-ip": lambda eni: [eni.get("_public_address") or ""],
    "attachment.instance-id": lambda eni: [(eni.get("Attachment") or {}).get("InstanceId", "")],
    "availability-zone": lambda eni: [eni["AvailabilityZone"]],
    "description": lambda eni: [eni["Description"]],
    "group-id": lambda eni: [group["GroupId"] for group in eni["Groups"]],
    "network-interface-id": lambda eni: [eni["NetworkInterfaceId"]],
    "private-ip-address": lambda eni: [eni["PrivateIpAddress"]],
    "status": lambda eni: [eni["Status"]],
    "subnet-id": lambda eni: [eni["SubnetId"]],
    "vpc-id": lambda eni: [eni["VpcId"]],
}


def fields_xml(original: Function, _: Parts) -> Function:
    def fields_xml(eni: Json, tag: str = "item") -> str:
        xml: str = original(eni, tag)
        public = eni.get("_public_address")
        if not public:
            return xml
        association = f"<association><publicIp>{public}</publicIp><ipOwnerId>amazon</ipOwnerId></association>"
        return xml.replace("<groupSet>", f"{association}<groupSet>", 1)

    return fields_xml


def describe(_original: Function, _: Parts) -> Function:
    def describe(p: Json) -> Any:
        wanted, filters = ec2._parse_member_list(p, "NetworkInterfaceId"), ec2._parse_filters(p)
        items = "".join(
            ec2._eni_fields_xml(eni)
            for name, eni in ec2._network_interfaces.items()
            if (not wanted or name in wanted) and _matches(eni, filters)
        )
        content = f"<networkInterfaceSet>{items}</networkInterfaceSet>"
        return ec2._xml(200, "DescribeNetworkInterfacesResponse", content)

    return describe


def _matches(eni: Json, filters: dict[str, list[str]]) -> bool:
    """Whether an interface passes every filter; what no interface here has passes none."""
    for name, values in filters.items():
        if name.startswith("tag"):
            continue
        compared = _FILTERS[name](eni) if name in _FILTERS else []
        if not any(ec2._filter_value_matches(value, values) for value in compared):
            return False
    return bool(ec2._resource_matches_tag_filters(eni["NetworkInterfaceId"], filters))
