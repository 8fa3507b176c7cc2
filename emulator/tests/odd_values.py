"""Values that a request should not have, in every place that one has a value."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from emulator.tests.stack import Json

# Bodies that hold no JSON object.
NO_OBJECTS = (b"{", b"\xff", b'"x"', b"null")

Place = tuple[str | int, ...]

_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 2**40, 10**400),
    *("", "x", "9" * 5000, "\x00", "²"),
    *([], [1], [[]], [{}], {}, {"x": 1}, {"": {}}),
)


def with_odd_values(request: Json) -> Iterator[tuple[str, Json]]:
    """A request once with each odd value in each of its places, and what was put where."""
    for place in _places(request):
        for odd in _ODD:
            changed = {"": copy.deepcopy(request)}
            target: Any = changed
            for step in ("", *place)[:-1]:
                target = target[step]
            target[("", *place)[-1]] = odd
            yield f"{odd!r:.20} at {place}", changed[""]


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from _places(item, (*place, key))
