"""What answers itself, because MiniStack has no such service, or a lesser one: the `endpoints.py` of the folders."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_SERVICES = sorted(file.parent.name for file in Path(__file__).parent.glob("*/endpoints.py"))


class Endpoint(Protocol):
    """Answers some of the HTTP requests to the AWS APIs."""

    def matches(self, scope: Scope) -> bool:
        """Whether a request is for it."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""


def endpoints(parts: Parts) -> list[Endpoint]:
    """The endpoints of each service that has a function `endpoints` in its `endpoints.py`."""
    modules = [importlib.import_module(f"slipway_emulator.{service}.endpoints") for service in _SERVICES]
    return [endpoint for module in modules for endpoint in module.endpoints(parts)]
