"""Rehearsal clouds for tests: that of this machine, and others beside it."""

from __future__ import annotations

import dataclasses
import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import docker

from emulator import __main__ as program
from emulator.settings import Settings
from tests.emulator.stack import free_subnet

_PROJECT = Path(__file__).resolve().parents[1]


def emulator(command: str) -> int:
    """Exit status of a command of the rehearsal cloud: start, status or stop."""
    return subprocess.run([sys.executable, "-m", "emulator", command], cwd=_PROJECT, check=False).returncode


@contextmanager
def running_cloud() -> Iterator[None]:
    """Start it where it does not run; the last test process that uses it stops it then."""
    users = _PROJECT / ".build" / "emulator-tests"
    users.parent.mkdir(exist_ok=True)
    with users.open("a+") as user:
        # Who comes and who goes waits for the other; who uses it holds the shared lock.
        with _alone(users.with_suffix(".lock")):
            if _is_only_user(user):
                user.truncate(0)
                if emulator("status") != 0:
                    user.write("started by tests")
                    user.flush()
                    assert emulator("start") == 0
            fcntl.flock(user, fcntl.LOCK_SH)
        yield
        with _alone(users.with_suffix(".lock")):
            fcntl.flock(user, fcntl.LOCK_UN)
            if _is_only_user(user) and users.stat().st_size > 0:
                emulator("stop")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock of this machine; it goes with its process."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_only_user(user: IO[str]) -> bool:
    """Whether no other process holds the lock; this one does then."""
    try:
        fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def settings_beside(name: str, thousands: int) -> Settings:
    """Settings of a rehearsal cloud of this checkout's code beside that of the machine, and beside others of this kind.

    Args:
        name: of its Docker network.
        thousands: added to its ports, in thousands: with 10, AWS's APIs are at 14566.
    """
    settings, more = Settings.of_checkout(), 1000 * thousands
    return dataclasses.replace(
        settings,
        # Always the same one, so that the next run finds what an interrupted one has left.
        state_directory=settings.project_directory / ".build" / f"{name}-cloud",
        gateway_port=more + settings.gateway_port,
        google_port=more + settings.google_port,
        http_port=more + 8080,
        https_port=more + 8443,
        network_name=name,
        subnet=free_subnet(docker.from_env(), name),
    )


@contextmanager
def cloud_beside(settings: Settings) -> Iterator[None]:
    """Run the cloud of such settings."""
    # What an interrupted run of the tests has left.
    program.stop(settings)
    program.start(settings)
    yield
    program.stop(settings)
