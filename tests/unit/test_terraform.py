"""What a plan said is read as Terraform means it."""

from __future__ import annotations

import pytest

from plugins.filter.terraform import has_changes


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("\nNo changes. Your infrastructure matches the configuration.\n", False),
        ("aws_vpc.this: Refreshing state...\n\nNo changes. Your infrastructure matches the configuration.\n", False),
        ("Plan: 1 to add, 0 to change, 0 to destroy.\n", True),
        # Somebody's text in a value.
        ('  ~ description = "No changes. Please." -> "Changes"\nPlan: 0 to add, 1 to change, 0 to destroy.\n', True),
    ],
)
def test_plan_without_changes_says_so_at_the_beginning_of_a_line(said: str, expected: bool) -> None:
    assert has_changes(said) is expected
