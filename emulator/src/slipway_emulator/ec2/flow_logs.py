"""Flow logs: their tags, and what the provider compares of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ministack.services import ec2

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, Any], bytes]

# "The default value" of CreateFlowLogs' MaxAggregationInterval (seconds) and LogFormat, Amazon EC2 API reference.
_INTERVAL = "600"
_FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}"
)


def create(original: Function, _: Parts) -> Function:
    def create(params: Json) -> Response:
        before = set(ec2._flow_logs)
        answer: Response = original(params)
        for identifier in set(ec2._flow_logs) - before:
            # What the API calls the type of resource.
            ec2._parse_tag_specs(params, "vpc-flow-log", identifier)
            ec2._flow_logs[identifier] |= {
                "DeliverLogsPermissionArn": ec2._p(params, "DeliverLogsPermissionArn"),
                "LogFormat": ec2._p(params, "LogFormat") or _FORMAT,
                "MaxAggregationInterval": ec2._p(params, "MaxAggregationInterval") or _INTERVAL,
            }
        return answer

    return create


def describe(original: Function, _: Parts) -> Function:
    def describe(params: Json) -> Response:
        status, headers, body = original(params)
        text = body.decode()
        for identifier, flow_log in ec2._flow_logs.items():
            members = {
                "deliverLogsPermissionArn": flow_log["DeliverLogsPermissionArn"],
                "deliverLogsStatus": "SUCCESS",
                "logFormat": flow_log["LogFormat"],
                "maxAggregationInterval": flow_log["MaxAggregationInterval"],
            }
            more = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in members.items() if value)
            mark = f"<flowLogId>{identifier}</flowLogId>"
            text = text.replace(mark, mark + more)
        return status, headers, text.encode()

    return describe
