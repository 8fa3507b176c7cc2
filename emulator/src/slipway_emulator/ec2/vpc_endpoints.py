"""Interface endpoints: their security groups, and whether the service's own name leads to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import ec2

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, Any], bytes]


def create(original: Function, _: Parts) -> Function:
    def create(p: Json) -> Response:
        kind, service = ec2._p(p, "VpcEndpointType") or "Gateway", ec2._p(p, "ServiceName")
        available = "Gateway" if service.rpartition(".")[2] in ec2._VPCE_GATEWAY_SERVICES else "Interface"
        # Amazon S3 and DynamoDB have endpoints of both kinds.
        if kind == "Gateway" != available:
            message = f"Endpoint type ({kind}) does not match available service types ([{available}])."
            refused: Response = ec2._error("InvalidParameter", message, 400)
            return refused
        known = set(ec2._vpc_endpoints.keys())
        original(p)
        (made,) = (one for one in ec2._vpc_endpoints.values() if one["VpcEndpointId"] not in known)
        made["_groups"] = ec2._parse_member_list(p, "SecurityGroupId")
        # "PrivateDnsEnabled", whose default for interface endpoints is true (CreateVpcEndpoint of the AWS SDKs).
        made["_has_private_dns"] = kind == "Interface" and ec2._p(p, "PrivateDnsEnabled") != "false"
        shown = ec2._vpce_fields_xml(made, tag="vpcEndpoint")
        response: Response = ec2._xml(200, "CreateVpcEndpointResponse", shown)
        return response

    return create


def modify(original: Function, _: Parts) -> Function:
    def modify(p: Json) -> Response:
        response: Response = original(p)
        endpoint = ec2._vpc_endpoints.get(ec2._p(p, "VpcEndpointId"))
        if response[0] == 200 and endpoint:
            removed = ec2._parse_member_list(p, "RemoveSecurityGroupId")
            kept = [group for group in endpoint["_groups"] if group not in removed]
            endpoint["_groups"] = list(dict.fromkeys(kept + ec2._parse_member_list(p, "AddSecurityGroupId")))
            if asked := ec2._p(p, "PrivateDnsEnabled"):
                endpoint["_has_private_dns"] = asked == "true"
        return response

    return modify


def fields_xml(original: Function, _: Parts) -> Function:
    def fields_xml(ep: Json, tag: str = "item") -> str:
        groups = "".join(
            f"<item><groupId>{group}</groupId><groupName>{name}</groupName></item>"
            for group in ep.get("_groups", [])
            if (name := ec2._security_groups.get(group, {}).get("GroupName", ""))
        )
        private_dns = str(ep.get("_has_private_dns", False)).lower()
        more = f"<groupSet>{groups}</groupSet><privateDnsEnabled>{private_dns}</privateDnsEnabled>"
        text: str = original(ep, tag)
        before, end, after = text.rpartition(f"</{tag}>")
        return f"{before}{more}{end}{after}"

    return fields_xml
