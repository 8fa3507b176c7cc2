"""Which tests must not run side by side."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# All but recovery take the rehearsal cloud at the ports that users know. Recovery has its own, as other folders have,
# but waits for what runs are about to do, and two cores have not enough for them beside the site's.
_ONE_AFTER_THE_OTHER = ("setup", "molecule", "recovery", "e2e")


class Folders(LoadScopeScheduling):
    """Gives a worker all tests of a folder, for their fixtures, and of those that must not run side by side."""

    def _split_scope(self, nodeid: str) -> str:
        """What a test is kept together with."""
        folder = nodeid.split("/")[1]
        return "site" if folder in _ONE_AFTER_THE_OTHER else folder


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Folders:
    """Called by pytest-xdist, where tests run side by side."""
    return Folders(config, log)
