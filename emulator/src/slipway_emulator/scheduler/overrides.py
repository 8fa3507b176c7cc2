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
        "_tick_schedules",
        "5a85e2055106c60f",
        "runs no tasks of Amazon ECS, as no role, in no time zone but UTC, and never a second time",
        schedules.tick,
    ),
)
