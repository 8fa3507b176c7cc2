"""When a schedule runs, by its expression and its time zone.

Source: "Schedule types in EventBridge Scheduler" of its user guide.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ministack.services import eventbridge

# Of minutes, hours, months and years, which MiniStack's own reader takes beyond.
_RANGES = {0: range(60), 1: range(24), 3: range(1, 13), 5: range(1970, 2200)}


class ExpressionError(Exception):
    """EventBridge Scheduler has no such expression, or no such time zone."""


def zone_of(name: str) -> tzinfo:
    """A time zone of the IANA database.

    Raises:
        ExpressionError: there is none of that name.
    """
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ExpressionError(f"Invalid Schedule Expression Timezone {name}.") from None


def next_run(expression: str, zone: tzinfo, after: datetime) -> datetime | None:
    """When a schedule runs for the next time; None when it does not any more.

    Args:
        expression: of the schedule.
        zone: its time zone.
        after: the last run, or when the schedule was made.

    Raises:
        ExpressionError: it is none.
    """
    invalid = ExpressionError(f"Invalid Schedule Expression {expression}.")
    if rate := re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)s?\)", expression):
        return after + timedelta(**{f"{rate[2]}s": int(rate[1])})
    if at := re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)", expression):
        try:
            once = datetime.fromisoformat(at[1]).replace(tzinfo=zone)
        except ValueError:
            raise invalid from None
        return once if once > after else None
    fields = eventbridge._parse_cron_fields(expression)
    words = expression.removeprefix("cron(").removesuffix(")").split()
    if fields is None or (words[2] == "?") == (words[4] == "?"):
        raise invalid
    for index, allowed in _RANGES.items():
        if fields[index] is not None and not set(fields[index]) <= set(allowed):
            raise invalid
    if not (fields[2]["days"] <= set(range(1, 32)) and fields[4]["days"] <= set(range(1, 8))):
        raise invalid
    found: datetime | None = eventbridge._cron_next_fire(fields, after.astimezone(zone))
    return found
