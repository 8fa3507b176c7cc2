"""What of MiniStack is added to for the Resource Groups Tagging API; our services have theirs in their own tables."""

from slipway_emulator.overrides import Addition, Table
from slipway_emulator.tagging import deleted
from slipway_emulator.tagging.collectors import COLLECTORS

TABLE: Table = (
    Addition(
        "services.tagging",
        "_COLLECTORS",
        "leaves the resources of these services out of GetResources",
        lambda _: COLLECTORS,
        keys=tuple(COLLECTORS),
    ),
    Addition(
        "services.tagging",
        "_COLLECTORS",
        "forgets at once what was deleted, where AWS lists it for up to an hour",
        lambda parts: {deleted.COLLECTOR: parts.deleted.tagged},
        keys=(deleted.COLLECTOR,),
    ),
)
