"""Where the route table of a subnet leads, and the endpoints that it needs no way out for."""

from __future__ import annotations

from typing import Any

from ministack.services import ec2

# What a pull out of ECR asks ("Amazon ECR interface VPC endpoints"): its API, its registry, and S3 for the layers.
ECR_SERVICES = ("ecr.api", "ecr.dkr", "s3")
_ANYWHERE = "0.0.0.0/0"

Json = dict[str, Any]


def has_nat_gateway(subnet: str) -> bool:
    """Whether a subnet leads to the internet through a NAT gateway."""
    gateways = [ec2._nat_gateways.get(route.get("NatGatewayId") or "", {}) for route in _ways_out(subnet)]
    return any(gateway.get("State") == "available" for gateway in gateways)


def has_internet_gateway(subnet: str) -> bool:
    """Whether a subnet is public: its public addresses lead to the internet, and the internet to them."""
    return any((route.get("GatewayId") or "") in ec2._internet_gateways for route in _ways_out(subnet))


def has_gateway_endpoint(subnet: str, service: str) -> bool:
    """Whether a subnet reaches a service through a gateway endpoint, which its route table leads to.

    Args:
        subnet: its id.
        service: the last part of an endpoint's service name, such as `s3`.
    """
    table = _table(subnet)["RouteTableId"]
    return any(table in one["RouteTableIds"] for one in _endpoints(ec2._subnets[subnet]["VpcId"], service, "Gateway"))


def private_endpoints(vpc: str, service: str) -> list[Json]:
    """The interface endpoints that the name of a service leads to in a whole VPC, by private DNS.

    Args:
        vpc: its id.
        service: the last part of an endpoint's service name, such as `ecr.api`.
    """
    return [one for one in _endpoints(vpc, service, "Interface") if one["_has_private_dns"]]


def prefix_list(service: str) -> str:
    """The id of the list of a service's public addresses, which a rule of a security group may name."""
    return str(ec2._aws_pl_id_from_name(f"com.amazonaws.{ec2.get_region()}.{service}"))


def _endpoints(vpc: str, service: str, kind: str) -> list[Json]:
    name = f".{ec2.get_region()}.{service}"
    return [
        endpoint
        for endpoint in ec2._vpc_endpoints.values()
        if (endpoint["VpcId"], endpoint["VpcEndpointType"]) == (vpc, kind) and endpoint["ServiceName"].endswith(name)
    ]


def _ways_out(subnet: str) -> list[Json]:
    table = _table(subnet)
    routes: list[Json] = table["Routes"]
    if table["VpcId"] == ec2._DEFAULT_VPC_ID and any(one.get("Main") for one in table["Associations"]):
        # MiniStack has the gateway of the default VPC, and not the route to it ("Default VPCs", Amazon VPC User Guide).
        routes = [*routes, {"DestinationCidrBlock": _ANYWHERE, "GatewayId": ec2._DEFAULT_IGW_ID}]
    return [route for route in routes if route.get("DestinationCidrBlock") == _ANYWHERE]


def _table(subnet: str) -> Json:
    """A subnet's route table: its own, else its VPC's main one."""
    vpc = ec2._subnets[subnet]["VpcId"]
    tables = [table for table in ec2._route_tables.values() if table["VpcId"] == vpc]
    own = [table for table in tables if any(one.get("SubnetId") == subnet for one in table["Associations"])]
    main = [table for table in tables if any(one.get("Main") for one in table["Associations"])]
    found: Json = (own or main)[0]
    return found
