"""Which tests must not run side by side."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# These take the rehearsal cloud at the ports that users know; the other folders that need one have their own.
_ONE_CLOUD = ("setup", "molecule", "e2e")


class Folders(LoadScopeScheduling):
    """Gives a worker all tests of a folder, for their fixtures, and of all folders that share a cloud."""

    def _split_scope(self, nodeid: str) -> str:
        """What a test is kept together with."""
        folder = nodeid.split("/")[1]
        return "cloud" if folder in _ONE_CLOUD else folder


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Folders:
    """Called by pytest-xdist, where tests run side by side."""
    return Folders(config, log)
