"""What of MiniStack is added to for the Resource Groups Tagging API; our services have theirs in their own tables."""

from slipway_emulator.overrides import Addition, Table
from slipway_emulator.tagging.collectors import COLLECTORS

TABLE: Table = (
    Addition(
        "services.tagging",
        "_COLLECTORS",
        "leaves the resources of these services out of GetResources",
        lambda _: COLLECTORS,
        keys=tuple(COLLECTORS),
    ),
)
