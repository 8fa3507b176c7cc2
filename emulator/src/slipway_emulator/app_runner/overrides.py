"""What of MiniStack is added to for App Runner."""

from slipway_emulator.overrides import Table
from slipway_emulator.tagging.collectors import collector

TABLE: Table = (collector("apprunner", lambda parts: parts.app_runner.tagged),)
