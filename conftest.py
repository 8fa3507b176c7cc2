"""Which tests must not run side by side. Here, pytest reads it whatever tests are picked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# They wait for deployments, and two cores have not enough for several of them at a time.
_ONE_AFTER_THE_OTHER = ("setup", "molecule", "recovery", "e2e")


class Folders(LoadScopeScheduling):
    """Gives a worker all tests of a folder, for their fixtures, and of those that must not run side by side."""

    def _split_scope(self, nodeid: str) -> str:
        """What a test is kept together with."""
        folder = Path(nodeid.partition("::")[0]).parent
        return "site" if folder.name in _ONE_AFTER_THE_OTHER else str(folder)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Folders:
    """Called by pytest-xdist, where tests run side by side."""
    return Folders(config, log)
