"""Emulators for tests, beside the one that this machine may run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from emulator.tests.stack import free_subnet
from slipway_emulator import cli
from slipway_emulator.settings import Settings

_BUILD = Path(__file__).resolve().parents[2] / ".build"


def settings_beside(name: str, thousands: int) -> Settings:
    """Settings of an emulator beside that of the machine, and beside others of this kind.

    Args:
        name: of its Docker network.
        thousands: added to its ports, in thousands: with 10, AWS's APIs are at 14566. From 10 to 24: Linux gives the
            ports from 32768 on to connections (ip_local_port_range), of this test or of any other.
    """
    if not 10 <= thousands <= 24:
        raise ValueError(f"thousands is {thousands}; it must be from 10 to 24")
    settings, more = Settings.of_user(), 1000 * thousands
    return dataclasses.replace(
        settings,
        # Always the same one, so that the next run finds what an interrupted one has left.
        state_directory=_BUILD / f"{name}-cloud",
        gateway_port=more + settings.gateway_port,
        google_port=more + settings.google_port,
        http_port=more + 8080,
        https_port=more + 8443,
        network_name=name,
        subnet=free_subnet(docker.from_env(), name),
    )


@contextmanager
def cloud_beside(settings: Settings) -> Iterator[None]:
    """Run the emulator of such settings."""
    # What an interrupted run of the tests has left.
    cli.stop(settings)
    cli.start(settings)
    try:
        yield
    finally:
        cli.stop(settings)
