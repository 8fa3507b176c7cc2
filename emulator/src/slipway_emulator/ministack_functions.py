"""Replacing functions of MiniStack, after a look that they are the ones this package was written for.

MiniStack has no extension points, so what it lacks or does otherwise than AWS is put in place of its own
functions. Another version may name or call them differently; that must be said when the rehearsal cloud
starts, not found out by a strange deployment.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

# The version requirements.txt pins; a test compares the two.
MINISTACK_VERSION = "1.5.33"


class IncompatibleError(Exception):
    """The installed MiniStack is not the one this package was written for."""


def check_version() -> None:
    """Compare the installed MiniStack with the pinned one.

    Raises:
        IncompatibleError: they differ; says how to get the right one.
    """
    installed = version("ministack")
    if installed != MINISTACK_VERSION:
        raise IncompatibleError(
            f"MiniStack {installed} is installed, {MINISTACK_VERSION} is needed. Install it: make setup"
        )


def replace(module: Any, name: str, replacement: Callable[..., Any], actions: dict[str, Any] | None = None) -> None:
    """Put a function in place of one of MiniStack's.

    Args:
        module: the module of MiniStack that looks the function up.
        name: its name there.
        replacement: takes the same parameters; one it does not use may start with an underscore more.
        actions: the module's table of API operations, where it holds the function too.

    Raises:
        IncompatibleError: there is no such function, or it takes other parameters.
    """
    original = getattr(module, name, None)
    where = f"{module.__name__}.{name}"
    if original is None:
        raise IncompatibleError(f"{where} is not there. This package was written for MiniStack {MINISTACK_VERSION}")
    expected, found = _parameters(replacement), _parameters(original)
    if expected != found:
        raise IncompatibleError(
            f"{where} takes ({', '.join(found)}), not ({', '.join(expected)}). "
            f"This package was written for MiniStack {MINISTACK_VERSION}"
        )
    if actions is not None:
        operations = [operation for operation, function in actions.items() if function is original]
        if not operations:
            raise IncompatibleError(f"{where} answers no operation of the API")
        actions.update(dict.fromkeys(operations, replacement))
    setattr(module, name, replacement)


def _parameters(function: Callable[..., Any]) -> list[str]:
    return [name.lstrip("_") for name in inspect.signature(function).parameters]
