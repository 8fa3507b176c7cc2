# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""The log of a one-off task, shown as it comes, and the result that the task writes into it."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod

from ansible.utils.display import Display

_LAST_LINES_SECONDS = 10
_RESULT_SECONDS = 60
_PART_OF_RESULT = re.compile(r"slipway-result (\d+)/(\d+) (.*)")

display = Display()


class TaskLog(ABC):
    """The log of a task, shown line by line but for the lines that hold its result.

    Args:
        poll_seconds: between two looks for lines that arrive after the end.
    """

    def __init__(self, poll_seconds: float) -> None:
        self._poll_seconds = poll_seconds
        self._parts: dict[int, str] = {}
        self._how_many_parts = 0
        self.last_lines: list[str] = []

    @abstractmethod
    def new_lines(self) -> list[str]:
        """The lines that have come since the last call."""

    @property
    def result(self) -> str | None:
        """The result that the task has written; None while a part of it is missing."""
        if not self._parts or len(self._parts) < self._how_many_parts:
            return None
        return "".join(self._parts[number] for number in sorted(self._parts))

    def show(self) -> bool:
        """Print the lines that are new; whether there were any."""
        lines = self.new_lines()
        shown = []
        for line in lines:
            if part := _PART_OF_RESULT.fullmatch(line):
                self._parts[int(part[1])], self._how_many_parts = part[3], int(part[2])
            else:
                shown.append(line)
                display.display(f"    {line}")
        self.last_lines = (self.last_lines + shown)[-20:]
        return bool(lines)

    def show_rest(self, *, with_result: bool) -> None:
        """Print what arrives after the end: a log has the last lines a little later.

        Args:
            with_result: whether to wait for a result.
        """
        deadline = time.monotonic() + (_RESULT_SECONDS if with_result else _LAST_LINES_SECONDS)
        while not self.show() and not self._is_enough(with_result) and time.monotonic() < deadline:
            time.sleep(self._poll_seconds)
        while self.show() or (with_result and self.result is None and time.monotonic() < deadline):
            time.sleep(self._poll_seconds)

    def _is_enough(self, with_result: bool) -> bool:
        return self.result is not None if with_result else bool(self.last_lines)
