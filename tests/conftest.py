"""Which tests run one after the other, and which side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# These build on one environment; the other end-to-end tests have one of their own for each file.
_SITE = ("test_site.py", "test_faults.py", "test_destroy.py")


class Folders(LoadScopeScheduling):
    """Gives a worker all tests of a folder, for their fixtures; of end-to-end tests those of one environment."""

    def _split_scope(self, nodeid: str) -> str:
        """What a test is kept together with."""
        file = Path(nodeid.partition("::")[0])
        if file.parent.name != "e2e":
            return str(file.parent)
        return "site" if file.name in _SITE else file.name


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Folders:
    """Called by pytest-xdist, where tests run side by side."""
    return Folders(config, log)
