"""Eventual consistency: for a while, AWS answers as if a change had not been made.

"The result of an API command you run that affects your Amazon ECS resources might not be immediately visible to all
subsequent commands you run" (RunTask, Amazon ECS API reference), and a new role is unknown to the services that use it
for some seconds ("Changes that I make are not always immediately visible", AWS IAM user guide).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from ministack.services import iam

_Value = TypeVar("_Value")


class Late:
    """What is seen of things that have just changed.

    Args:
        seconds: how long a change is not seen; 0 where each is seen at once.
        clock: monotonic seconds.
    """

    def __init__(self, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._changes: dict[str, tuple[float, Any]] = {}

    def changed(self, arn: str, before: object = None) -> None:
        """Note that something has just changed.

        Args:
            arn: of the thing.
            before: what is seen of it for a while; None where it is new.
        """
        if self._seconds:
            self._changes[arn] = (self._clock() + self._seconds, before)

    def seen(self, arn: str, present: _Value) -> _Value | None:
        """What is seen of a thing now: what it is, or what it was before its last change."""
        until, before = self._changes.get(arn, (0.0, None))
        if self._clock() < until:
            was: _Value | None = before
            return was
        self._changes.pop(arn, None)
        return present

    def knows_role(self, arn: str) -> bool:
        """Whether a role is old enough for other services to know it; whether there is one is theirs to say."""
        role = iam._roles.get(arn.rpartition("/")[2])
        if not role:
            return True
        made = datetime.fromisoformat(role["CreateDate"])
        return (datetime.now(UTC) - made).total_seconds() >= self._seconds
