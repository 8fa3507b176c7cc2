"""Where App Runner answers."""

from __future__ import annotations

from slipway_emulator.endpoints import Endpoint
from slipway_emulator.parts import Parts


def endpoints(parts: Parts) -> list[Endpoint]:
    """Its API."""
    return [parts.app_runner]
