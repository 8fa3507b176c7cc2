# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What all action plugins have in common."""

from __future__ import annotations

import contextlib
import importlib
import os
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase

Json = dict[str, Any]


class ActionError(Exception):
    """The task failed; the message says why, and what to do."""


class MissingLibraryError(ActionError):
    """A library is not installed.

    Args:
        name: what it is called on PyPI.
    """

    def __init__(self, name: str) -> None:
        super().__init__(missing_required_lib(name))


def argument_spec(options: Json) -> Json:
    """The argument spec that documented options stand for: it calls "options" what documentation calls "suboptions".

    Args:
        options: as in DOCUMENTATION.
    """
    return {
        name: {key: value for key, value in option.items() if key != "suboptions"}
        | ({"options": argument_spec(option["suboptions"])} if "suboptions" in option else {})
        for name, option in options.items()
    }


class BaseActionModule(ActionBase):
    """An action, which works in the process that runs the playbook and takes what its module documents.

    Every host of an inventory is this machine. A module would be a process that loads Python, Ansible and boto3 anew,
    half a second of it for a call that takes milliseconds; here they are loaded once.
    """

    ARGUMENTS: ClassVar[Json]
    """What the action takes: its documented options, which Ansible reads as an argument spec."""
    REQUIRED_IF: ClassVar[tuple[tuple[str, Any, tuple[str, ...]], ...]] = ()
    """When more is required: an argument, a value of it, and the arguments that are required then."""
    ERRORS: ClassVar[tuple[type[Exception], ...]] = ()
    """What fails the task besides ActionError: PURPOSE says what could not be done, the exception says why."""
    PURPOSE: ClassVar[str] = ""
    """What the action does, such as "look the image up"; names of arguments in braces stand for their values."""

    def __init_subclass__(cls) -> None:
        # Ansible loads an action before it forks a process for each task, so the documentation is read once.
        module = cls.__module__.replace(".action.", ".modules.")
        if module != cls.__module__:
            cls.ARGUMENTS = argument_spec(yaml_load(importlib.import_module(module).DOCUMENTATION)["options"])

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return the answer, or why there is none."""
        super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(self.ARGUMENTS, required_if=self.REQUIRED_IF)
        try:
            with self._environment():
                return self.answer(arguments)
        except ActionError as error:
            message = str(error)
            # Other messages quote tasks and instances, which have roles of their own.
            cause = error.__cause__ if isinstance(error.__cause__, self.ERRORS) else None
        except self.ERRORS as error:
            message = f"could not {self.PURPOSE.format(**arguments)}: {error}"
            cause = error
        remedies = self.remedies(cause, arguments, task_vars or {}) if cause else []
        return {"failed": True, "msg": " ".join([message, *remedies])}

    def remedies(self, error: BaseException, arguments: Json, variables: Json) -> list[str]:
        """What to do about an error, in sentences for the end of the message.

        Args:
            error: one of ERRORS.
            arguments: of the task.
            variables: of the task.
        """
        del error, arguments, variables
        return []

    @abstractmethod
    def answer(self, arguments: Json) -> Json:
        """Do the work.

        Args:
            arguments: what the task gives, validated.

        Returns:
            The task's result.

        Raises:
            ActionError: the task fails, with this message.
            Exception: one of ERRORS.
        """

    @contextlib.contextmanager
    def _environment(self) -> Iterator[None]:
        """Give this process the environment of the task while it acts; the items of a loop share one process."""
        before = dict(os.environ)
        for layer in self._task.environment or []:
            os.environ.update({name: str(value) for name, value in (self._templar.template(layer) or {}).items()})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
