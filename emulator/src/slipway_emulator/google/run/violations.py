"""What is wrong with a message of Cloud Run Admin API v2, and how the API says so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from slipway_emulator.google.api import ApiError


@contextlib.contextmanager
def violations(path: str) -> Iterator[None]:
    """Answer what is wrong with a message as Cloud Run does.

    Args:
        path: of the message: "CreateServiceRequest.service".

    Raises:
        ApiError: something is wrong; the message says what and where.
    """
    try:
        yield
    except ViolationError as violation:
        field = f"Violation in {path}.{violation.field}"
        detail = {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": violation.description}],
        }
        raise ApiError("INVALID_ARGUMENT", f"{field}: {violation.description}", detail) from None


class ViolationError(Exception):
    """What a message may not be.

    Args:
        field: its path below the message.
        description: what is wrong with it.
    """

    def __init__(self, field: str, description: str) -> None:
        super().__init__(description)
        self.field, self.description = field, description
