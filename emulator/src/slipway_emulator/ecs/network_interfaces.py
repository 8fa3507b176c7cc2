"""Network interfaces of ECS tasks, with their public addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.responses import new_uuid
from ministack.services import ec2, ecs

from slipway_emulator.ecs.records import network_configuration

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]


def record_address(original: Function, parts: Parts) -> Function:
    def record_address(task: Json, container: Any, _ecs_network: str | None) -> None:
        original(task, container, parts.network.name)
        address = ecs._container_ip(container, parts.network.name)
        # A container that has ended already has none.
        if address:
            task.setdefault("_addresses", {})[container.id] = address
            parts.network.changed()
        attachments = task.get("attachments") or []
        if not attachments or task.get("_network_interface"):
            return
        details = attachments[0]["details"]
        interface = _network_interface(task, {d["name"]: d["value"] for d in details})
        ec2._network_interfaces[interface["NetworkInterfaceId"]] = interface
        task["_network_interface"] = interface["NetworkInterfaceId"]
        details.append({"name": "networkInterfaceId", "value": interface["NetworkInterfaceId"]})
        details.append({"name": "macAddress", "value": interface["MacAddress"]})

    return record_address


def forget_interface(task: Json) -> None:
    """Remove the interface of a task that has stopped."""
    ec2._network_interfaces.pop(task.get("_network_interface"), None)


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
