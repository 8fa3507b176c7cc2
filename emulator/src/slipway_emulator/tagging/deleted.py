"""Resource Groups Tagging API: what was deleted is still listed for a time, as by AWS.

GetResources "returns all the tagged or previously tagged resources": for up to an hour, it lists volumes, instances,
hosted zones and listeners that are gone, and says nothing of that (github.com/aws/aws-sdk/issues/676).
"""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections.abc import Callable

from ministack.services import tagging

from slipway_emulator.tagging.collectors import Tagged, Tags

COLLECTOR = "deleted"
"""The key of MiniStack's table of collectors under which these are listed."""


class DeletedResources:
    """Remembers what was tagged.

    Args:
        seconds: how long something is listed after its deletion; 0 where it no longer is at once.
        clock: monotonic seconds.
    """

    def __init__(self, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[str, tuple[float, Tags]] = {}

    def remember(self) -> None:
        """Note what exists; called before each request, which may delete it.

        Only of the emulator's own account and region, which a request that names others does not change.
        """
        if self._seconds:
            contextvars.Context().run(self._remember)

    def tagged(self) -> Tagged:
        """What no longer exists, and its tags."""
        existing = set(self._existing())
        for arn, (seen, tags) in self._seen.items():
            if arn not in existing and self._clock() < seen + self._seconds:
                yield arn, tags

    def _remember(self) -> None:
        self._seen |= {arn: (self._clock(), tags) for arn, tags in self._existing().items()}

    def _existing(self) -> dict[str, Tags]:
        collectors = {collect for service, collect in tagging._COLLECTORS.items() if service != COLLECTOR}
        existing: dict[str, Tags] = {}
        for collect in collectors:
            # A thread may change what is read; the next request reads it again.
            with contextlib.suppress(RuntimeError):
                existing |= {arn: list(tags) for arn, tags in collect()}
        return existing
