"""One environment for all tests of recovery, in an emulator of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from emulator.tests.clouds import cloud_beside, settings_beside
from slipway_emulator.settings import Settings
from tests.recovery.environment import NAME, THOUSANDS, Environment, has_state_bucket


@pytest.fixture(scope="session", autouse=True)
def cloud() -> Iterator[Settings]:
    """A running emulator."""
    # Among others, what is destroyed stays in the tagging API's list, as in AWS.
    settings = dataclasses.replace(settings_beside(NAME, THOUSANDS), late_seconds=3)
    with cloud_beside(settings):
        yield settings


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment, without anything that earlier tests have left."""
    environment = Environment(tmp_path_factory.mktemp("recovery"))
    if has_state_bucket():
        environment.destroy()
    yield environment
    if has_state_bucket():
        environment.destroy()
