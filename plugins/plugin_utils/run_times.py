# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""How long the steps of a run take, and what changes and fails.

The callback run_times notes it; tasks, which are forks of its process, read it.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Run:
    """The steps of a run, and what changed and failed in it."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._changed: dict[str, list[str]] = {}
        self._failed: dict[str, str] = {}
        self._began = 0.0
        self._step = ""
        self._since = 0.0

    def begin(self, step: str, now: float) -> None:
        """A task begins; the step of the task before it goes on until now.

        Args:
            step: name of the task's step. One that was left and comes again goes on with its time.
            now: seconds since 1970.
        """
        if self._step:
            self._seconds[self._step] += now - self._since
        else:
            self._began = now
        self._seconds.setdefault(step, 0.0)
        self._step, self._since = step, now

    def change(self, host: str, task: str) -> None:
        """A task has changed something; in a dry run, it would.

        Args:
            host: name of the host.
            task: name of the task.
        """
        self._changed.setdefault(host, []).append(task)

    def fail(self, host: str, task: str) -> None:
        """A task has failed; what fails after it, such as a clean-up, does not count.

        Args:
            host: name of the host.
            task: name of the task.
        """
        self._failed.setdefault(host, task)

    def report(self, now: float) -> Json:
        """What is known so far.

        Args:
            now: seconds since 1970.

        Returns:
            `began` (seconds since 1970), `seconds` (of all), `steps` (a list of `name` and `seconds`, in the order they
            began in), `changed` (the names of the tasks by which each host changed) and `failed` (the first failed task
            of each host). Empty if no task has begun.
        """
        if not self._step:
            return {}
        seconds = self._seconds | {self._step: self._seconds[self._step] + now - self._since}
        return {
            "began": self._began,
            "seconds": now - self._began,
            "steps": [{"name": name, "seconds": value} for name, value in seconds.items()],
            "changed": {host: list(tasks) for host, tasks in self._changed.items()},
            "failed": dict(self._failed),
        }


RUN = Run()
"""The run of this process."""
