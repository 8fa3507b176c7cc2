"""One environment for all tests of recovery; a rehearsal cloud that they started is stopped after them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recovery.environment import Environment, has_state_bucket
from tests.rehearsal import running_cloud


@pytest.fixture(scope="session", autouse=True)
def cloud() -> Iterator[None]:
    """A running rehearsal cloud."""
    with running_cloud():
        yield


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment, without anything that earlier tests have left."""
    environment = Environment(tmp_path_factory.mktemp("recovery"))
    if has_state_bucket():
        environment.destroy()
    yield environment
    if has_state_bucket():
        environment.destroy()
