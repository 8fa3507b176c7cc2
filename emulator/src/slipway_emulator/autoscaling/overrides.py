"""What of MiniStack is replaced for Amazon EC2 Auto Scaling."""

from slipway_emulator.autoscaling import api
from slipway_emulator.overrides import Override, Table
from slipway_emulator.tagging.collectors import collector

TABLE: Table = (
    Override(
        "services.autoscaling",
        "handle_request",
        "5392f0d65d5bab0c",
        "keeps records of groups and launches nothing; each instance refresh succeeds at once",
        api.handle_request,
    ),
    collector("autoscaling", lambda parts: parts.autoscaling.tagged),
)
