"""`DryRun`, by which EC2 says whether a request is allowed, and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ministack.services import ec2

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, Any], bytes]


def handle_request(original: Function, _: Parts) -> Function:
    async def handle_request(method: str, path: str, headers: Json, body: bytes, query_params: Json) -> Response:
        params = query_params | parse_qs(body.decode("utf-8", errors="replace"))
        # Whoever asks has been found to be allowed ("DryRunOperation", error codes of the EC2 API).
        if ec2._p(params, "DryRun").lower() == "true" and ec2._p(params, "Action") in ec2._ACTION_MAP:
            message = "Request would have succeeded, but DryRun flag is set."
            refused: Response = ec2._error("DryRunOperation", message, 412)
            return refused
        response: Response = await original(method, path, headers, body, query_params)
        return response

    return handle_request
