"""Which tests must not run side by side, and what all of them run with. pytest reads it whatever tests are picked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# What the tests of a folder are kept together with. Those of "site" share an emulator, and two cores have not enough
# for several deployments at a time; recovery has an emulator of its own, which is started once for all its tests.
_SCOPES = {"setup": "site", "molecule": "site", "e2e": "site", "recovery": "recovery"}

# Terraform and its providers collect garbage less often: a quarter of the time of hundreds of plans.
os.environ.setdefault("GOGC", "400")


class Files(LoadScopeScheduling):
    """Gives a worker all tests of a file, all that share an emulator, and all that must not run side by side."""

    def _split_scope(self, nodeid: str) -> str:
        """What a test is kept together with."""
        file = Path(nodeid.partition("::")[0])
        # One emulator is started for all its tests.
        return "emulator" if file.parts[0] == "emulator" else _SCOPES.get(file.parent.name, str(file))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files:
    """Called by pytest-xdist, where tests run side by side."""
    return Files(config, log)
