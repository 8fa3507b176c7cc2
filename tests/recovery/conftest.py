"""One environment for all tests of recovery; a rehearsal cloud that they started is stopped after them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.recovery.environment import PROJECT, Environment, has_state_bucket


def _emulator(command: str) -> int:
    return subprocess.run([sys.executable, "-m", "emulator", command], cwd=PROJECT, check=False).returncode


@pytest.fixture(scope="session", autouse=True)
def cloud() -> Iterator[None]:
    """A running rehearsal cloud."""
    ran_before = _emulator("status") == 0
    if not ran_before:
        assert _emulator("start") == 0
    yield
    if not ran_before:
        _emulator("stop")


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment, without anything that earlier tests have left."""
    environment = Environment(tmp_path_factory.mktemp("recovery"))
    if has_state_bucket():
        environment.destroy()
    yield environment
    if has_state_bucket():
        environment.destroy()
