"""The network interfaces of what runs: their addresses, security groups and subnets, from MiniStack's records."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import alb, ec2, ecs, rds

from slipway_emulator.ecs.records import network_configuration
from slipway_emulator.vpc import routes

Json = dict[str, Any]
Network = ipaddress.IPv4Network


@dataclass(frozen=True)
class Interface:
    """What is in a VPC, or what its rules name: a task, an instance, a database, a load balancer.

    Attributes:
        addresses: on the containers' network. The containers of a task have one each.
        vpc: account, region and id of its VPC.
        ranges: of its subnets. All containers share one Docker subnet, so a rule's CIDR stands for what it contains
            the subnet of.
        groups: ids of its security groups.
        ingress: their permissions (`IpPermissions`).
        egress: their permissions (`IpPermissionsEgress`).
        subnets: ids of its subnets. Which of them a database or a load balancer is in is not known.
        is_public: whether it has a public address that the internet reaches.
        leads_out: whether it reaches the internet.
    """

    addresses: tuple[str, ...]
    vpc: tuple[str, str, str]
    ranges: tuple[Network, ...]
    groups: frozenset[str]
    ingress: tuple[Json, ...]
    egress: tuple[Json, ...]
    subnets: tuple[str, ...]
    is_public: bool
    leads_out: bool


def _interface(addresses: Iterable[str], groups: list[str], subnets: list[str], has_address: bool) -> Interface | None:
    """An interface in the account and region of the request; None where there is no such subnet."""
    subnets = [subnet for subnet in subnets if subnet in ec2._subnets]
    if not subnets:
        return None
    vpc = ec2._subnets[subnets[0]]["VpcId"]
    # "If you don't specify a security group, the VPC's default one is used", say all four services.
    records = [ec2._security_groups.get(group) for group in groups] or [
        group for group in ec2._security_groups.values() if (group["VpcId"], group["GroupName"]) == (vpc, "default")
    ]
    found: list[Json] = [record for record in records if record]
    is_public = has_address and all(routes.has_internet_gateway(subnet) for subnet in subnets)
    return Interface(
        addresses=tuple(addresses),
        vpc=(ec2.get_account_id(), ec2.get_region(), vpc),
        ranges=tuple(Network(ec2._subnets[subnet]["CidrBlock"]) for subnet in subnets),
        groups=frozenset(record["GroupId"] for record in found),
        ingress=tuple(rule for record in found for rule in record["IpPermissions"]),
        egress=tuple(rule for record in found for rule in record["IpPermissionsEgress"]),
        subnets=tuple(subnets),
        is_public=is_public,
        leads_out=is_public or all(routes.has_nat_gateway(subnet) for subnet in subnets),
    )


def of_task(task: Json, containers: dict[str, str]) -> Interface | None:
    """The interface of an ECS task; None where it has none in a subnet that exists.

    Args:
        task: its record.
        containers: the addresses of the containers that run, by their ids.
    """
    _, _, _, region, account, _ = task["taskArn"].split(":", 5)
    network = network_configuration(task)
    with request_scope(account, region):
        return _interface(
            _addresses(task, containers),
            network.get("securityGroups") or [],
            [task.get("_subnet") or ""],
            network.get("assignPublicIp") == "ENABLED",
        )


def of_instance(instance: Json) -> Interface | None:
    """The interface of an EC2 instance."""
    subnet = instance["SubnetId"]
    with request_scope(instance["_account"], instance["Placement"]["AvailabilityZone"][:-1]):
        return _interface(
            [instance["PrivateIpAddress"]],
            [group["GroupId"] for group in instance["SecurityGroups"]],
            [subnet],
            bool(instance.get("_has_public_address")),
        )


def of_database(instance: Json) -> Interface | None:
    """The interface of an RDS database."""
    _, _, _, region, account, _ = instance["DBInstanceArn"].split(":", 5)
    with request_scope(account, region):
        subnets = [subnet["SubnetIdentifier"] for subnet in (instance.get("DBSubnetGroup") or {}).get("Subnets", [])]
        return _interface(
            [instance.get("_internal_address") or ""],
            [group["VpcSecurityGroupId"] for group in instance["VpcSecurityGroups"]],
            # Without a subnet group it is in the default VPC.
            subnets or [one for one, subnet in ec2._subnets.items() if subnet["VpcId"] == ec2._DEFAULT_VPC_ID],
            bool(instance.get("PubliclyAccessible")),
        )


def of_load_balancer(balancer: Json, address: str) -> Interface | None:
    """The interface of a load balancer, at an address that it speaks from."""
    _, _, _, region, account, _ = balancer["LoadBalancerArn"].split(":", 5)
    with request_scope(account, region):
        subnets, has_address = balancer["Subnets"], balancer["Scheme"] == "internet-facing"
        return _interface([address], balancer["SecurityGroups"], subnets, has_address)


def of_endpoint(endpoint: Json) -> Interface | None:
    """The interface of an interface endpoint of the request's account and region; here, it has no address."""
    return _interface([], endpoint["_groups"], endpoint["SubnetIds"], False)


def of_connector(connector: Json, address: str) -> Interface | None:
    """The interface of an instance of App Runner that connects through a VPC connector: nobody reaches it by that."""
    _, _, _, region, account, _ = connector["VpcConnectorArn"].split(":", 5)
    with request_scope(account, region):
        interface = _interface([address], connector["SecurityGroups"], connector["Subnets"], False)
    return replace(interface, ingress=()) if interface else None


def groups_in_use() -> set[str]:
    """Ids of the security groups of what is there in the request's account and region, whether it runs or not."""
    found = [of_load_balancer(balancer, "") for balancer in alb._lbs.values()]
    found += [of_task(task, {}) for task in ecs._tasks.values() if task["lastStatus"] != "STOPPED"]
    found += [of_instance(one) for one in ec2._instances.values() if one["State"]["Name"] != "terminated"]
    found += [of_database(one) for one in rds._instances.values()]
    found += [of_endpoint(one) for one in ec2._vpc_endpoints.values() if "_groups" in one]
    others = {group["GroupId"] for one in ec2._network_interfaces.values() for group in one["Groups"]}
    return others.union(*(interface.groups for interface in found if interface))


def load_balancers() -> list[Json]:
    """MiniStack's records of the load balancers."""
    found: list[Json] = alb._lbs.all_values()
    return found


def present(address_of: Callable[[str], str], containers: dict[str, str]) -> list[Interface]:
    """The interfaces of all that runs.

    Args:
        address_of: tells the address that a load balancer speaks from, by its ARN.
        containers: the addresses of the containers that run, by their ids. The engine gives the address of one that
            has ended to the next, which has no right to what the record of the first says.
    """
    found = [of_load_balancer(balancer, address_of(balancer["LoadBalancerArn"])) for balancer in load_balancers()]
    found += [of_task(task, containers) for task in ecs._tasks.all_values() if _addresses(task, containers)]
    found += [of_instance(one) for one in ec2._instances.all_values() if containers.get(one.get("_container_id", ""))]
    found += [of_database(one) for one in rds._instances.all_values() if _runs(one, containers)]
    return [interface for interface in found if interface]


def _addresses(task: Json, containers: dict[str, str]) -> list[str]:
    return [address for one, address in task.get("_addresses", {}).items() if containers.get(one) == address]


def _runs(database: Json, containers: dict[str, str]) -> bool:
    address, identifier = database.get("_internal_address"), database.get("_docker_container_id")
    # Those of a cluster share a container that is not theirs.
    return bool(address) and address in ([containers.get(identifier)] if identifier else containers.values())
