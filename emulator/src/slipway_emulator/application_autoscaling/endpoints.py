"""Where Application Auto Scaling answers."""

from __future__ import annotations

from slipway_emulator.application_autoscaling.api import ApplicationAutoScaling
from slipway_emulator.endpoints import Endpoint
from slipway_emulator.parts import Parts


def endpoints(parts: Parts) -> list[Endpoint]:
    """Its API, which follows alarms."""
    service = ApplicationAutoScaling()
    parts.alarm_listeners.append(service.alarm_changed)
    return [service]
