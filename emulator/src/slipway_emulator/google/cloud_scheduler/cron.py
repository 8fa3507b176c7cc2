"""When a job of Cloud Scheduler runs ("Cron job format and time zone", unix-cron)."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# Of each field: its least and its largest number, and names that stand for numbers.
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    (0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
# The days of a leap year and of the seven others that may lie before the next one.
_MOST_DAYS = 366 * 8


class CronError(Exception):
    """Cloud Scheduler has no such schedule, or no such time zone."""


@dataclasses.dataclass(frozen=True)
class Cron:
    """A schedule.

    Attributes:
        minutes, hours, days, months, weekdays: the numbers of each field; Sunday is 0.
        either_day: whether the day of the month or the day of the week is enough, as where both are given.
        zone: its time zone.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: tzinfo

    def next_run(self, after: datetime) -> datetime | None:
        """The first time after a moment; None where there is none."""
        # A time that a change of clocks leaves out is one that no moment has.
        day = after.astimezone(self.zone).date()
        for _ in range(_MOST_DAYS):
            if self._is_of(day.month, day.day, (day.weekday() + 1) % 7):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                        moment = local.astimezone(UTC)
                        if moment > after and moment.astimezone(self.zone).hour == hour:
                            return moment
            day += timedelta(days=1)
        return None

    def _is_of(self, month: int, day: int, weekday: int) -> bool:
        if month not in self.months:
            return False
        found = (day in self.days, weekday in self.weekdays)
        return any(found) if self.either_day else all(found)


def parse(schedule: str, zone: str) -> Cron:
    """A schedule in words of crontab.

    Args:
        schedule: five fields: minute, hour, day of the month, month, day of the week.
        zone: of the tz database.

    Raises:
        CronError: one of the two is none.
    """
    try:
        found = UTC if zone.lower() == "utc" else ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(zone) from None
    words = schedule.split()
    if len(words) != len(_FIELDS):
        raise CronError(schedule)
    minutes, hours, days, months, weekdays = (
        _numbers(word, *field) for word, field in zip(words, _FIELDS, strict=True)
    )
    either = not words[2].startswith("*") and not words[4].startswith("*")
    return Cron(minutes, hours, days, months, frozenset(number % 7 for number in weekdays), either, found)


def _numbers(word: str, least: int, largest: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise CronError(part)
        first, last, step = match["first"], match["last"], int(match["step"] or 1)
        if first == "*":
            low, high = least, largest
        else:
            low = _number(first, names)
            high = _number(last, names) if last else low
        if (first == "*" and last) or (match["step"] and first != "*" and not last) or not step:
            raise CronError(part)
        if not least <= low <= high <= largest:
            raise CronError(part)
        found |= set(range(low, high + 1, step))
    return frozenset(found)


def _number(word: str, names: dict[str, int]) -> int:
    if word.upper() in names:
        return names[word.upper()]
    if not word.isdecimal():
        raise CronError(word)
    return int(word)
