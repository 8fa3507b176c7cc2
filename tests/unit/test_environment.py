"""What settings become in an application's environment."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from plugins.filter.environment import environment_strings


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        (5, "5"),
        (0.5, "0.5"),
        (True, "true"),
        ([datetime.date(2026, 1, 2)], '["2026-01-02"]'),
        (["a", "é"], '["a", "\\u00e9"]'),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC), "2026-01-02 03:04:05+00:00"),
    ],
)
def test_strings(value: Any, text: str) -> None:
    assert environment_strings({"NAME": value, "NONE": None}) == {"NAME": text}
