"""Default quotas of Amazon VPC and EC2 ("Amazon VPC quotas", Amazon VPC user guide), where they are switched on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import ec2

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]

# VPCs, internet gateways and Elastic IP addresses in a region, NAT gateways in an availability zone.
_MOST = 5


def vpcs(original: Function, parts: Parts) -> Function:
    def vpcs(p: Json) -> Any:
        return _reached(parts, len(ec2._vpcs), "VpcLimitExceeded", "VPCs") or original(p)

    return vpcs


def internet_gateways(original: Function, parts: Parts) -> Function:
    def internet_gateways(p: Json) -> Any:
        count = len(ec2._internet_gateways)
        return _reached(parts, count, "InternetGatewayLimitExceeded", "internet gateways") or original(p)

    return internet_gateways


def addresses(original: Function, parts: Parts) -> Function:
    def addresses(p: Json) -> Any:
        return _reached(parts, len(ec2._addresses), "AddressLimitExceeded", "addresses") or original(p)

    return addresses


def nat_gateways(original: Function, parts: Parts) -> Function:
    def nat_gateways(params: Json) -> Any:
        zone = _zone(ec2._p(params, "SubnetId"))
        existing = [one for one in ec2._nat_gateways.values() if one["State"] in ("pending", "available", "deleting")]
        count = sum(_zone(one["SubnetId"]) == zone for one in existing)
        return _reached(parts, count, "NatGatewayLimitExceeded", "NAT gateways") or original(params)

    return nat_gateways


def _zone(subnet: str) -> str:
    return str((ec2._subnets.get(subnet) or {}).get("AvailabilityZone", ""))


def _reached(parts: Parts, count: int, code: str, things: str) -> Any:
    """The refusal of one more; None where there may be one."""
    if not parts.enforces_quotas or count < _MOST:
        return None
    return ec2._error(code, f"The maximum number of {things} has been reached.", 400)
