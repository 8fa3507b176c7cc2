"""Network interfaces of ECS tasks, and their public addresses, as EC2 describes them.

MiniStack gives a task an attachment without an interface behind it, so nobody finds its public address.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import ec2, ecs

from emulator.ecs_records import network_configuration
from emulator.ministack_functions import replace
from emulator.network import ContainerNetwork

Json = dict[str, Any]


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

    replace(ecs, "_record_task_ip", record_address)
    replace(ec2, "_eni_fields_xml", fields_xml)


def forget_interface(task: Json) -> None:
    """Remove the interface of a task that stops."""
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
