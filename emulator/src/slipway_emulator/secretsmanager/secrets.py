"""Secrets Manager: the name of a deleted secret is taken until its recovery window has passed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import secretsmanager

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, Json, bytes]


def create(original: Function, _: Parts) -> Function:
    def create(data: Json) -> Response:
        secret = secretsmanager._secrets.get(data.get("Name"))
        response: Response = original(data)
        if secret and secret["DeletedDate"]:
            response = secretsmanager.error_response_json(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
                400,
            )
        return response

    return create
