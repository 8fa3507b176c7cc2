"""Cloud SQL without an engine: instances that are made, or fail, when a test says so, and take what they are told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from slipway_emulator.google.sql.databases import DatabaseError, Databases

ADDRESS = "10.9.8.7"
_LONGEST_SECONDS = 60


class Creations:
    """What becomes of the instances that are asked for.

    Attributes:
        goes_on: cleared while instances are to be PENDING_CREATE.
        failure: what is wrong with those that are made; empty where they run.
    """

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.failure = ""

    def start(self, *_: Any) -> tuple[None, str]:
        """In the place of `Databases.start`."""
        assert self.goes_on.wait(_LONGEST_SECONDS)
        if self.failure:
            raise DatabaseError(self.failure)
        return None, ADDRESS


@contextmanager
def creations() -> Iterator[Creations]:
    """Have instances of all emulators in this process made without a container."""
    made = Creations()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Databases, "start", lambda _, *arguments: made.start(*arguments))
        for statement in ("create_database", "create_user", "drop_database", "drop_user", "set_password"):
            patch.setattr(Databases, statement, lambda *_, **__: None)
        yield made
        made.goes_on.set()
