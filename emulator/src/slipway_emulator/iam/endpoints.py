"""Where containers get the credentials of their roles."""

from __future__ import annotations

from slipway_emulator.endpoints import Endpoint
from slipway_emulator.parts import Parts


def endpoints(parts: Parts) -> list[Endpoint]:
    """The credentials of tasks and of App Runner's instances."""
    return [parts.roles]
