"""Eventual consistency: for a while, AWS answers as if a change had not been made.

"The result of an API command you run that affects your Amazon ECS resources might not be immediately visible to all
subsequent commands you run" (RunTask, Amazon ECS API reference), and a new role is unknown to the services that use it
for some seconds, and the policies that a role is given have no effect ("Changes that I make are not always immediately
visible", AWS IAM user guide).
"""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ministack.core.responses import get_account_id
from ministack.services import iam

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

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

        A change that nobody has seen yet is seen together with this one.

        Args:
            arn: of the thing.
            before: what is seen of it for a while; None where it is new.
        """
        if self._seconds:
            self._changes[arn] = (self._clock() + self._seconds, self.seen(arn, before))

    def seen(self, arn: str, present: _Value) -> _Value | None:
        """What is seen of a thing now: what it is, or what it was before the changes that are not seen yet."""
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


class LatePolicies:
    """What the policies of a role are for who decides: those that it had before their last change, for a while.

    Args:
        seconds: how long a change has no effect; 0 where each has at once.
        clock: monotonic seconds.
    """

    def __init__(self, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._late = Late(seconds, clock)
        self._last: dict[str, list[Any]] = {}
        # What the policies of a role of an account are; put here when that is replaced.
        self.present: Callable[[str, str], list[Any]] = lambda _role, _account: []

    def remember(self) -> None:
        """Note what has changed; called after each request, which may have done it.

        Only of the emulator's own account, which a request that names another does not change.
        """
        if self._seconds:
            contextvars.Context().run(self._remember)

    def effective(self, role_name: str, account_id: str) -> list[Any]:
        """The policies of a role that have an effect now."""
        return self._late.seen(f"{account_id}/{role_name}", self.present(role_name, account_id)) or []

    def _remember(self) -> None:
        account = get_account_id()
        # A thread may change what is read; after the next request it is read again.
        with contextlib.suppress(RuntimeError):
            for role in list(iam._roles):
                present, before = self.present(role, account), self._last.get(role, [])
                if present != before:
                    self._late.changed(f"{account}/{role}", before)
                    self._last[role] = present


def gather_policies(original: Callable[[str, str], list[Any]], parts: Parts) -> Callable[[str, str], list[Any]]:
    parts.late_policies.present = original
    return parts.late_policies.effective
