"""Network interfaces of ECS tasks, and their public addresses, as EC2 describes them.

MiniStack gives a task an attachment without an interface behind it, so nobody finds its public address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import ec2, ecs

from slipway_emulator.ecs.records import network_configuration
from slipway_emulator.ministack_functions import replace
from slipway_emulator.network import ContainerNetwork

Json = dict[str, Any]

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


def install(network: ContainerNetwork) -> None:
    """Give each task of a service an interface that DescribeNetworkInterfaces knows.

    Args:
        network: the Docker network that tasks join.
    """
    original_record = ecs._record_task_ip
    original_fields = ec2._eni_fields_xml

    def record_address(task: Json, container: Any, _ecs_network: str | None) -> None:
        original_record(task, container, network.name)
        attachments = task.get("attachments") or []
        if not attachments or task.get("_network_interface"):
            return
        details = attachments[0]["details"]
        interface = _network_interface(task, {d["name"]: d["value"] for d in details})
        ec2._network_interfaces[interface["NetworkInterfaceId"]] = interface
        task["_network_interface"] = interface["NetworkInterfaceId"]
        details.append({"name": "networkInterfaceId", "value": interface["NetworkInterfaceId"]})
        details.append({"name": "macAddress", "value": interface["MacAddress"]})

    def fields_xml(eni: Json, tag: str = "item") -> str:
        xml: str = original_fields(eni, tag)
        public = eni.get("_public_address")
        if not public:
            return xml
        association = f"<association><publicIp>{public}</publicIp><ipOwnerId>amazon</ipOwnerId></association>"
        return xml.replace("<groupSet>", f"{association}<groupSet>", 1)

    def describe(p: Json) -> Any:
        wanted, filters = ec2._parse_member_list(p, "NetworkInterfaceId"), ec2._parse_filters(p)
        items = "".join(
            fields_xml(eni)
            for name, eni in ec2._network_interfaces.items()
            if (not wanted or name in wanted) and _matches(eni, filters)
        )
        content = f"<networkInterfaceSet>{items}</networkInterfaceSet>"
        return ec2._xml(200, "DescribeNetworkInterfacesResponse", content)

    replace(ecs, "_record_task_ip", record_address)
    replace(ec2, "_eni_fields_xml", fields_xml)
    replace(ec2, "_describe_network_interfaces", describe, ec2._ACTION_MAP)


def forget_interface(task: Json) -> None:
    """Remove the interface of a task that stops."""
    ec2._network_interfaces.pop(task.get("_network_interface"), None)


def _matches(eni: Json, filters: dict[str, list[str]]) -> bool:
    """Whether an interface passes every filter; what no interface here has passes none."""
    for name, values in filters.items():
        if name.startswith("tag"):
            continue
        compared = _FILTERS[name](eni) if name in _FILTERS else []
        if not any(ec2._filter_value_matches(value, values) for value in compared):
            return False
    return bool(ec2._resource_matches_tag_filters(eni["NetworkInterfaceId"], filters))


def _network_interface(task: Json, details: dict[str, str]) -> Json:
    """An EC2 network interface record for a task's attachment."""
    identifier = new_uuid().replace("-", "")
    subnet = ec2._subnets.get(details.get("subnetId", ""), {})
    groups = network_configuration(task).get("securityGroups") or []
    return {
        "NetworkInterfaceId": f"eni-{identifier[:17]}",
        "SubnetId": details.get("subnetId", ""),
        "VpcId": subnet.get("VpcId", ""),
        "AvailabilityZone": subnet.get("AvailabilityZone", ""),
        "Description": f"arn:aws:ecs:attachment/{new_uuid()}",
        "OwnerId": task["taskArn"].split(":")[4],
        "Status": "in-use",
        "PrivateIpAddress": details["privateIPv4Address"],
        "InterfaceType": "interface",
        "SourceDestCheck": True,
        "MacAddress": "0a:" + ":".join(identifier[i : i + 2] for i in range(17, 27, 2)),
        "Groups": [
            {"GroupId": group, "GroupName": ec2._security_groups.get(group, {}).get("GroupName", group)}
            for group in groups
        ],
        "Attachment": None,
        "_public_address": task.get("_public_address"),
    }
