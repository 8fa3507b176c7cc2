# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Callback that notes how long each step of a run takes, what changes and what fails."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_times
type: aggregate
short_description: Note how long each step of a run takes
description:
  - Notes when each step of a run begins, what changes and what fails, for the lookup
    P(slipway.provision.run_times#lookup).
  - Prints nothing.
  - A step is a role as the playbook calls it, with all that it calls itself; what is in no role counts for its play.
  - P(ansible.posix.profile_tasks#callback) times single tasks and prints them, and nothing else can read them.
requirements:
  - It is in C(callbacks_enabled).
author: Slipway (@slipway)
"""

import time
from typing import Any

from ansible import context
from ansible.playbook.role_include import IncludeRole
from ansible.plugins.callback import CallbackBase
from ansible_collections.slipway.provision.plugins.plugin_utils.run_times import RUN


def step_of(task: Any, play: str) -> str:
    """Name of the outermost role that a task is in, as the playbook calls it; without one, that of the play.

    Args:
        task: a task of Ansible.
        play: name of its play.
    """
    name, part = play, task
    while part is not None:
        if isinstance(part, IncludeRole):
            name = part.name or part.get_name()
        # Blocks, includes and roles that are called are the parents of tasks.
        part = part._parent
    return name


class CallbackModule(CallbackBase):
    """Tells the run's events to RUN."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "slipway.provision.run_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._play = ""

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins."""
        self._play = play.get_name()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A task begins, for all hosts."""
        del is_conditional
        RUN.begin(step_of(task, self._play), time.time())

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task has succeeded for a host."""
        # What a task does in a dry run all the same has happened, and is nothing that would change.
        happened = context.CLIARGS.get("check") and not result._task.check_mode
        if result.is_changed() and not happened:
            RUN.change(result._host.get_name(), result._task.get_name())

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task has failed for a host."""
        # With ignore_errors, Ansible tells of it all the same, and the host goes on.
        if not ignore_errors:
            RUN.fail(result._host.get_name(), result._task.get_name())

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host was not reached."""
        self.v2_runner_on_failed(result)
