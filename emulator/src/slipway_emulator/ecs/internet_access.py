"""Whether a task's subnet leads it to the registry of its image, as its route table says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ministack.services import ec2

from slipway_emulator.ecs.records import network_configuration

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

_ANYWHERE = "0.0.0.0/0"

Json = dict[str, Any]


def problem(task: Json, parts: Parts) -> str:
    """Why a task cannot pull its image, in the words of ECS; empty where it can."""
    # RunTask has put the network configuration on the record when it lets go of this.
    with parts.ecs_scheduling:
        network = network_configuration(task)
    subnet = task.get("_subnet")
    if not subnet or subnet not in ec2._subnets or leads_out(subnet, network.get("assignPublicIp") == "ENABLED"):
        return ""
    return (
        "unable to retrieve ecr registry auth: the task cannot pull registry auth from Amazon ECR: there is a "
        "connection issue between the task and Amazon ECR. Check your task network configuration."
    )


def leads_out(subnet: str, has_public_address: bool) -> bool:
    """Whether what is in a subnet reaches the internet.

    "Amazon ECS task networking options for Fargate": a task in a private subnet needs a NAT gateway (interface
    endpoints, the other way, are nothing the emulator has), one in a public subnet a public address.

    Args:
        subnet: its id.
        has_public_address: whether that, which is in it, has a public IPv4 address.
    """
    ways = [route for route in _routes(subnet) if route.get("DestinationCidrBlock") == _ANYWHERE]
    gateways = [ec2._nat_gateways.get(route.get("NatGatewayId") or "", {}) for route in ways]
    if any(gateway.get("State") == "available" for gateway in gateways):
        return True
    return has_public_address and any((route.get("GatewayId") or "") in ec2._internet_gateways for route in ways)


def _routes(subnet: str) -> list[Json]:
    """The routes of a subnet's table: its own, else its VPC's main one."""
    vpc = ec2._subnets[subnet]["VpcId"]
    tables = [table for table in ec2._route_tables.values() if table["VpcId"] == vpc]
    own = [table for table in tables if any(one.get("SubnetId") == subnet for one in table["Associations"])]
    main = [table for table in tables if any(one.get("Main") for one in table["Associations"])]
    table = (own or main)[0]
    routes: list[Json] = table["Routes"]
    if vpc == ec2._DEFAULT_VPC_ID and table in main:
        # MiniStack has the gateway of the default VPC, and not the route to it ("Default VPCs", Amazon VPC User Guide).
        return [*routes, {"DestinationCidrBlock": _ANYWHERE, "GatewayId": ec2._DEFAULT_IGW_ID}]
    return routes
