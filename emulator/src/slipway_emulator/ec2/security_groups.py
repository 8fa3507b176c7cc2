"""EC2 security groups that are kept while in use, and their rules by what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id
from ministack.services import ec2

from slipway_emulator.vpc import interfaces

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts


Json = dict[str, Any]
Function = Callable[..., Any]


def modify_rules(original: Function, _: Parts) -> Function:
    """ModifySecurityGroupRules, whose SecurityGroupRuleRequest names another group by ReferencedGroupId."""

    def modify_security_group_rules(p: Json) -> Any:
        named = {
            key.replace(".ReferencedGroupId", ".ReferencedGroupInfo.GroupId"): value
            for key, value in p.items()
            if key.endswith(".ReferencedGroupId")
        }
        return original(p | named)

    return modify_security_group_rules


def delete(original: Function, _: Parts) -> Function:
    def delete_security_group(p: Json) -> Any:
        group = ec2._p(p, "GroupId")
        if group in ec2._security_groups and (_is_named_by_others(group) or group in interfaces.groups_in_use()):
            return ec2._error("DependencyViolation", f"resource {group} has a dependent object", 400)
        return original(p)

    return delete_security_group


def _is_named_by_others(group: str) -> bool:
    """Whether another group's rules name it, in the request's account and region."""
    return any(
        pair.get("GroupId") == group
        for identifier, other in ec2._security_groups.items()
        if identifier != group
        for rule in other["IpPermissions"] + other["IpPermissionsEgress"]
        for pair in rule.get("UserIdGroupPairs", [])
    )


def parse_permissions(original: Function, _: Parts) -> Function:
    def parse_permissions(params: Json, prefix: str) -> list[Json]:
        rules: list[Json] = original(params, prefix)
        for i, rule in enumerate(rules, 1):
            lists = rule["PrefixListIds"]
            while identifier := ec2._p(params, f"{prefix}.{i}.PrefixListIds.{len(lists) + 1}.PrefixListId"):
                description = ec2._p(params, f"{prefix}.{i}.PrefixListIds.{len(lists) + 1}.Description")
                lists.append({"PrefixListId": identifier} | ({"Description": description} if description else {}))
        return rules

    return parse_permissions


def rules_match(original: Function, _: Parts) -> Function:
    def rules_match(a: Json, b: Json) -> bool:
        # "Specifying -1 ... allows traffic on all ports, regardless of any ports you specify" (IpPermission).
        return bool(original(_comparable(a), _comparable(b)))

    return rules_match


def _comparable(rule: Json) -> Json:
    """A rule without what may be left out: the ports of all protocols, and the account where it is the group's own."""
    own = {"UserId": get_account_id()}
    pairs = [own | pair for pair in rule.get("UserIdGroupPairs", [])]
    ports = ("FromPort", "ToPort") if rule["IpProtocol"] == "-1" else ()
    return {key: value for key, value in rule.items() if key not in ports} | {"UserIdGroupPairs": pairs}
