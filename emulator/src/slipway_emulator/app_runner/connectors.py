"""VPC connectors of App Runner: the way of a service's instances into a VPC.

Source: CreateVpcConnector and its neighbours in the App Runner API reference; "Enabling VPC access for outgoing
traffic" and "App Runner resource quotas" in the developer guide. What the service says of a connector that is in use,
and of one with the groups of another: https://github.com/aws/apprunner-roadmap/issues/161,
https://github.com/pulumi/pulumi-aws/issues/5364.
"""

from __future__ import annotations

import ipaddress
import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid
from ministack.services import ec2

from slipway_emulator.protocols.json import ApiError, page

_INVALID = "InvalidRequestException"
_ACTIVE, _INACTIVE = "ACTIVE", "INACTIVE"
_CONNECTORS = 10
_PAGE = 100
# Of each subnet, Amazon VPC keeps the first four addresses and the last one ("Subnet CIDR blocks").
_KEPT_ADDRESSES = 4

Json = dict[str, Any]


class VpcConnectors:
    """The connectors of all accounts and regions, by their ARNs."""

    def __init__(self) -> None:
        self._records = AccountRegionScopedDict()

    def create(self, request: Json) -> Json:
        """CreateVpcConnector.

        Raises:
            ApiError: a subnet or a group is none of one VPC, or there is a connector of this name or with these groups.
        """
        name = request["VpcConnectorName"]
        vpc = _vpc_of(request["Subnets"])
        groups = _groups_in(vpc, request.get("SecurityGroups") or [])
        active = [record for record in self._records.values() if record["Status"] == _ACTIVE]
        for record in active:
            if record["VpcConnectorName"] == name:
                # "At this time, App Runner supports only one revision per name."
                raise ApiError(_INVALID, f"VPC connector with the provided name already exists: {name}.")
            if set(record["SecurityGroups"]) == set(groups):
                raise ApiError(
                    _INVALID,
                    "The security groups combination provided in the request already exists on existing vpc connector. "
                    f"Existing VPC connector arn: {record['VpcConnectorArn']}, "
                    f"Security Groups: [{', '.join(record['SecurityGroups'])}]",
                )
        if len(active) >= _CONNECTORS:
            raise ApiError(
                "ServiceQuotaExceededException", f"There are {_CONNECTORS} VPC connectors, the most there can be"
            )
        arn = f"arn:aws:apprunner:{get_region()}:{get_account_id()}:vpcconnector/{name}/1/{new_uuid().replace('-', '')}"
        record = {
            "VpcConnectorName": name,
            "VpcConnectorArn": arn,
            "VpcConnectorRevision": 1,
            "Subnets": list(dict.fromkeys(request["Subnets"])),
            "SecurityGroups": groups,
            "Status": _ACTIVE,
            "CreatedAt": time.time(),
        }
        self._records[arn] = record
        # By these, Amazon EC2 keeps the groups.
        for subnet in record["Subnets"]:
            interface = _interface(subnet, vpc, record)
            ec2._network_interfaces[interface["NetworkInterfaceId"]] = interface
        return record

    def find(self, arn: str) -> Json:
        """The connector of an ARN, one that was deleted as well.

        Raises:
            ApiError: there is none.
        """
        record: Json | None = self._records.get(arn)
        if record is None:
            raise ApiError("ResourceNotFoundException", f"VPC connector {arn} does not exist")
        return record

    def of_egress(self, egress: Json) -> Json | None:
        """The connector that a service's `EgressConfiguration` names; None where it names none.

        Raises:
            ApiError: there is none for it, or one without need.
        """
        arn = egress.get("VpcConnectorArn")
        if egress.get("EgressType", "DEFAULT") == "DEFAULT":
            if arn:
                raise ApiError(_INVALID, "VpcConnectorArn is only valid when EgressType is VPC")
            return None
        record: Json = self._records.get(arn) or {}
        if record.get("Status") != _ACTIVE:
            raise ApiError(_INVALID, f"EgressType is VPC, and VpcConnectorArn is no active VPC connector: {arn}")
        return record

    def page(self, request: Json) -> Json:
        """ListVpcConnectors."""
        found = [record for record in self._records.values() if record["Status"] == _ACTIVE]
        return page("VpcConnectors", found, request, _PAGE, _INVALID)

    def delete(self, arn: str, used_by: list[str]) -> Json:
        """DeleteVpcConnector.

        Args:
            arn: of the connector.
            used_by: ARNs of the services that use it.

        Raises:
            ApiError: there is none, or a service uses it.
        """
        record = self.find(arn)
        if record["Status"] != _ACTIVE:
            raise ApiError(_INVALID, f"VPC connector {arn} has been deleted")
        if used_by:
            raise ApiError(_INVALID, f"Provided VPC connector arn is being used by other services. ARN: {arn}")
        record |= {"Status": _INACTIVE, "DeletedAt": time.time()}
        for identifier, interface in list(ec2._network_interfaces.items()):
            if interface["Description"] == arn:
                del ec2._network_interfaces[identifier]
        return record


def _vpc_of(subnets: list[str]) -> str:
    """The id of the one VPC of subnets.

    Raises:
        ApiError: one of them does not exist, there is none, or they are of several VPCs.
    """
    unknown = [subnet for subnet in subnets if subnet not in ec2._subnets]
    if unknown or not subnets:
        raise ApiError(_INVALID, f"Subnets are invalid: {', '.join(unknown) or 'there must be one at least'}")
    vpcs = {str(ec2._subnets[subnet]["VpcId"]) for subnet in subnets}
    if len(vpcs) > 1:
        raise ApiError(_INVALID, f"Subnets must be of one VPC; they are of {', '.join(sorted(vpcs))}")
    return vpcs.pop()


def _groups_in(vpc: str, groups: list[str]) -> list[str]:
    """Ids of security groups of a VPC; of its default one where none is given.

    Raises:
        ApiError: one of them is none of that VPC.
    """
    unknown = [group for group in groups if ec2._security_groups.get(group, {}).get("VpcId") != vpc]
    if unknown:
        raise ApiError(_INVALID, f"Security groups are invalid: {', '.join(unknown)} is not in {vpc}")
    default = (vpc, "default")
    found = [one for one, group in ec2._security_groups.items() if (group["VpcId"], group["GroupName"]) == default]
    return list(dict.fromkeys(groups)) or found


def _interface(subnet: str, vpc: str, connector: Json) -> Json:
    """An EC2 network interface of a connector in one of its subnets."""
    identifier = new_uuid().replace("-", "")
    taken = {one["PrivateIpAddress"] for one in ec2._network_interfaces.values() if one["SubnetId"] == subnet}
    hosts = list(ipaddress.ip_network(ec2._subnets[subnet]["CidrBlock"]))[_KEPT_ADDRESSES:-1]
    return {
        "NetworkInterfaceId": f"eni-{identifier[:17]}",
        "SubnetId": subnet,
        "VpcId": vpc,
        "AvailabilityZone": ec2._subnets[subnet].get("AvailabilityZone", ""),
        "Description": connector["VpcConnectorArn"],
        "OwnerId": get_account_id(),
        "Status": "in-use",
        "PrivateIpAddress": next(str(host) for host in reversed(hosts) if str(host) not in taken),
        "InterfaceType": "interface",
        "SourceDestCheck": True,
        "MacAddress": "0a:" + ":".join(identifier[i : i + 2] for i in range(17, 27, 2)),
        "Groups": [
            {"GroupId": group, "GroupName": ec2._security_groups[group]["GroupName"]}
            for group in connector["SecurityGroups"]
        ],
        "Attachment": None,
        "_public_address": None,
    }
