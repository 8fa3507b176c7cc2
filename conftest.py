"""Which tests must not run side by side, and what all of them run with. pytest reads it whatever tests are picked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# They wait for deployments, and two cores have not enough for several of them at a time.
_ONE_AFTER_THE_OTHER = ("setup", "molecule", "recovery", "e2e")

# Terraform and its providers collect garbage less often: a quarter of the time of hundreds of plans.
os.environ.setdefault("GOGC", "400")


class Files(LoadScopeScheduling):
    """Gives a worker all tests of a file, all of the emulator, and all that must not run side by side."""

    def _split_scope(self, nodeid: str) -> str:
        """What a test is kept together with."""
        file = Path(nodeid.partition("::")[0])
        if file.parent.name in _ONE_AFTER_THE_OTHER:
            return "site"
        # One emulator is started for all its tests.
        return "emulator" if file.parts[0] == "emulator" else str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    """Called by pytest-xdist, where tests run side by side."""
    return Files(config, log)
