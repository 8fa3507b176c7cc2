# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""The log of a one-off task, shown as it comes, and the result that the task writes into it."""

from __future__ import annotations

import json
import re
import time
from abc import ABC, abstractmethod
from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.provision.plugins.plugin_utils.advice import advice

Json = dict[str, Any]

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

    def judged(
        self, result: Json, title: str, ending: str, reason: str, *, expect_result: bool, place: str = ""
    ) -> Json:
        """The result of an action, with what the task has written, or why it has failed.

        Args:
            result: of the action so far, with `exit_code`.
            title: what ran.
            ending: how it ended where it has no exit code.
            reason: why it failed, where it did.
            expect_result: whether it has failed without a result.
            place: where its log is: ` in <log group>`.
        """
        code = result["exit_code"]
        self.show_rest(with_result=expect_result and code is not None)
        if self.result is not None:
            result["result"] = json.loads(self.result)
        last = "\n".join(self.last_lines)
        if code != 0:
            how = ending if code is None else f"ended with exit code {code}"
            message = f"{title} {how} ({reason}). Its last lines:\n{last}"
            return result | {"failed": True, "msg": "\n".join([message, *advice(message)])}
        if expect_result and self.result is None:
            message = f"the result of the {title} is not in its log{place}. Its last lines:\n{last}"
            return result | {"failed": True, "msg": message}
        return result

    def _is_enough(self, with_result: bool) -> bool:
        return self.result is not None if with_result else bool(self.last_lines)
