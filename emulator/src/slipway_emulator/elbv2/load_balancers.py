"""Load balancers and the network that they are in.

Source: "CreateLoadBalancer" of the Elastic Load Balancing API reference, and "Availability Zones" of the user guide for
Application Load Balancers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import alb, ec2

from slipway_emulator.elbv2 import access_logs

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Response = tuple[int, Json, Any]
Function = Callable[..., Any]


def create(original: Function, _: Parts) -> Function:
    def create_lb(params: Json) -> Response:
        subnets = alb._parse_member_list(params, "Subnets") or _mapped(params)
        unknown = next((subnet for subnet in subnets if subnet not in ec2._subnets), None)
        if unknown is not None:
            missing: Response = alb._error("SubnetNotFound", f"The subnet ID '{unknown}' is not valid", 400)
            return missing
        networks = {ec2._subnets[subnet]["VpcId"] for subnet in subnets}
        zones = {ec2._subnets[subnet]["AvailabilityZone"] for subnet in subnets}
        if len(networks) > 1:
            return _invalid(f"All subnets must belong to the same VPC: '{min(networks)}'")
        if len(zones) < 2 and alb._p(params, "Type", "application") == "application":
            return _invalid("At least two subnets in two different Availability Zones must be specified")
        given = {f"Subnets.member.{number}": subnet for number, subnet in enumerate(subnets, 1)}
        response: Response = original(params | given | {"VpcId": next(iter(networks), "")})
        return response

    return create_lb


def modify_attributes(original: Function, parts: Parts) -> Function:
    with_access_logs = access_logs.modify(original, parts)

    def modify_lb_attrs(params: Json) -> Response:
        # "LoadBalancerAttribute" of the API reference.
        seconds = access_logs.attributes_of(params).get("idle_timeout.timeout_seconds", "60")
        if not seconds.isdecimal() or not 1 <= int(seconds) <= 4000:
            return _invalid(
                f"Load balancer attribute 'idle_timeout.timeout_seconds' must be from 1 to 4000: '{seconds}'"
            )
        response: Response = with_access_logs(params)
        return response

    return modify_lb_attrs


def _mapped(params: Json) -> list[str]:
    """The subnets of a request that has SubnetMappings."""
    found: list[str] = []
    while subnet := alb._p(params, f"SubnetMappings.member.{len(found) + 1}.SubnetId"):
        found.append(subnet)
    return found


def _invalid(message: str) -> Response:
    response: Response = alb._error("ValidationError", message, 400)
    return response
