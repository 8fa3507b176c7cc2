"""Where AWS Budgets answers."""

from __future__ import annotations

from slipway_emulator.budgets.api import Budgets
from slipway_emulator.endpoints import Endpoint
from slipway_emulator.parts import Parts


def endpoints(_: Parts) -> list[Endpoint]:
    """Its API."""
    return [Budgets()]
