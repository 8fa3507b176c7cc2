"""What of MiniStack is replaced for EventBridge Scheduler."""

from slipway_emulator.overrides import Override, Table
from slipway_emulator.scheduler import schedules

TABLE: Table = (
    Override(
        "services.scheduler",
        "_create_schedule",
        "6ee8a75e2e799f3e",
        "takes any expression and time zone, and roles that it may not assume",
        schedules.create,
    ),
    Override(
        "services.scheduler",
        "_update_schedule",
        "5000ed4382da9a47",
        "takes any expression and time zone, and roles that it may not assume",
        schedules.update,
    ),
    Override(
        "services.scheduler",
        "_ticker_loop",
        "e7e60739fd7582ff",
        "runs no tasks of Amazon ECS, acts as no role, and knows no time zone but UTC",
        schedules.look,
    ),
)
