"""The rehearsal cloud of this machine, for tests that need it to run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[1]


def emulator(command: str) -> int:
    """Exit status of a command of the rehearsal cloud: start, status or stop."""
    return subprocess.run([sys.executable, "-m", "emulator", command], cwd=_PROJECT, check=False).returncode


@contextmanager
def running_cloud() -> Iterator[None]:
    """Start it where it does not run, and stop it then."""
    ran_before = emulator("status") == 0
    if not ran_before:
        assert emulator("start") == 0
    yield
    if not ran_before:
        emulator("stop")
