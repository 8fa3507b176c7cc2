"""CloudWatch alarms: in full for clients of the Query protocol, and told to who scales by them."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts


_LISTS = ("AlarmNames", "AlarmTypes")
_VALUES = ("AlarmNamePrefix", "StateValue", "MaxRecords", "NextToken")

Json = dict[str, Any]
Function = Callable[..., Any]


def describe_alarms(original: Function, _: Parts) -> Function:
    def describe_alarms(params: Json, cbor_data: Json, is_cbor: bool, is_json: bool = False) -> tuple[int, Json, bytes]:
        answer: tuple[int, Json, bytes] = original(params, cbor_data, is_cbor, is_json)
        if is_cbor or is_json or answer[0] != 200:
            return answer
        request: Json = {name: _list(params, name) for name in _LISTS}
        request |= {name: cloudwatch._p(params, name) for name in _VALUES if cloudwatch._p(params, name)}
        _, _, body = original({}, request, False, True)
        result = "".join(xml(name, value) for name, value in json.loads(body).items())
        status, headers, content = cloudwatch._xml(
            200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{result}</DescribeAlarmsResult>"
        )
        return status, headers, content

    return describe_alarms


def dispatch_actions(original: Function, parts: Parts) -> Function:
    def dispatch(alarm: Json, old_state: str, new_state: str, reason: str) -> None:
        original(alarm, old_state, new_state, reason)
        account, region = alarm["AlarmArn"].split(":")[4], alarm["AlarmArn"].split(":")[3]
        with request_scope(account, region):
            for listener in parts.alarm_listeners:
                listener(alarm, new_state)

    return dispatch


def _list(params: Json, name: str) -> list[str]:
    values: list[str] = []
    while value := cloudwatch._p(params, f"{name}.member.{len(values) + 1}"):
        values.append(value)
    return values


def xml(name: str, value: Any) -> str:
    """A value as the Query protocol writes it; null is left out.

    Args:
        name: name of the element; one that ends in `Timestamp` holds seconds since 1970.
        value: what `json.loads` returns.
    """
    if value is None:
        return ""
    if isinstance(value, dict):
        content = "".join(xml(key, member) for key, member in value.items())
    elif isinstance(value, list):
        content = "".join(xml("member", member) for member in value)
    elif isinstance(value, bool):
        content = str(value).lower()
    elif name.endswith("Timestamp"):
        content = datetime.datetime.fromtimestamp(value, datetime.UTC).isoformat().replace("+00:00", "Z")
    else:
        content = escape(str(value))
    return f"<{name}>{content}</{name}>"
