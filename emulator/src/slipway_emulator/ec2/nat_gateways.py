"""NAT gateways and the address that each has."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import ec2

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, Any], bytes]

_GATEWAY = re.compile(r"(<natGatewayId>(?P<id>[^<]+)</natGatewayId>.*?)<natGatewayAddressSet/>", re.DOTALL)


def describe(original: Function, _: Parts) -> Function:
    def describe(params: Json) -> Response:
        status, headers, body = original(params)
        return status, headers, _GATEWAY.sub(_with_address, body.decode()).encode()

    return describe


def _with_address(gateway: re.Match[str]) -> str:
    address = ec2._addresses.get(ec2._nat_gateways[gateway["id"]]["AllocationId"])
    if address is None:
        # A private one has none.
        return gateway[0]
    members = f"<allocationId>{address['AllocationId']}</allocationId><publicIp>{address['PublicIp']}</publicIp>"
    item = f"<item>{members}<isPrimary>true</isPrimary><status>succeeded</status></item>"
    return f"{gateway[1]}<natGatewayAddressSet>{item}</natGatewayAddressSet>"
