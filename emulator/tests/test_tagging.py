"""The tagging API's list of what was deleted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ministack.services import ecr

from slipway_emulator.tagging.deleted import DeletedResources

ARN = "arn:aws:ecr:us-east-1:000000000000:repository/temu-tagged"
TAGS = [{"Key": "Project", "Value": "temu"}]


class Clock:
    """A clock that stands still."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def _repository() -> Iterator[None]:
    ecr._repositories["temu-tagged"] = {"tags": TAGS}
    yield
    ecr._repositories.pop("temu-tagged", None)


@pytest.mark.usefixtures("_repository")
def test_what_was_deleted_is_listed_for_a_time() -> None:
    clock = Clock()
    deleted = DeletedResources(60, clock)
    deleted.remember()
    assert list(deleted.tagged()) == []
    del ecr._repositories["temu-tagged"]
    clock.now = 59
    deleted.remember()
    assert list(deleted.tagged()) == [(ARN, TAGS)]
    clock.now = 60
    assert list(deleted.tagged()) == []


@pytest.mark.usefixtures("_repository")
def test_nothing_deleted_is_listed_by_default() -> None:
    deleted = DeletedResources(0)
    deleted.remember()
    del ecr._repositories["temu-tagged"]
    assert list(deleted.tagged()) == []
