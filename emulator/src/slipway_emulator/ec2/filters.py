"""What EC2 describes, found by its ids in a filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import ec2

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts


Json = dict[str, Any]
Function = Callable[..., Any]


def security_groups(original: Function, _: Parts) -> Function:
    return _found_by("group-id", "GroupId", "_security_groups", original, "DescribeSecurityGroups", "securityGroupInfo")


def route_tables(original: Function, _: Parts) -> Function:
    return _found_by(
        "route-table-id", "RouteTableId", "_route_tables", original, "DescribeRouteTables", "routeTableSet"
    )


def _found_by(name: str, parameter: str, store: str, original: Function, operation: str, items: str) -> Function:
    """An operation that knows a filter by ids, given one that knows them as a parameter.

    Args:
        name: of the filter.
        parameter: the operation's own, with the same ids.
        store: what MiniStack has, by id.
        original: the operation without the filter.
        operation: its name.
        items: the element of its answer that holds what was found.
    """

    def describe(p: Json) -> tuple[int, Json, bytes]:
        answer: tuple[int, Json, bytes] = original(p)
        asked = ec2._parse_filters(p).get(name)
        if answer[0] != 200 or asked is None:
            return answer
        named, there = ec2._parse_member_list(p, parameter), getattr(ec2, store)
        # "If a filter matches no resources, the response is empty", other than for an id in the parameter.
        found = [one for one in asked if one in there and (not named or one in named)]
        if not found:
            nothing: tuple[int, Json, bytes] = ec2._xml(200, f"{operation}Response", f"<{items}/>")
            return nothing
        others = {key: value for key, value in p.items() if not key.startswith(f"{parameter}.")}
        narrowed: tuple[int, Json, bytes] = original(
            others | {f"{parameter}.{i}": one for i, one in enumerate(found, 1)}
        )
        return narrowed

    return describe
