"""Attributes of federated identities: mappings and conditions, in a part of the Common Expression Language.

An expression names a claim or an attribute, or is a text; a condition compares two of them by `==`, and joins such
comparisons by `&&`. Any other one is refused, rather than taken for true or false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from slipway_emulator.google.api import invalid

_TERM = r"(?:assertion\.\w+|attribute\.\w+|google\.subject|'[^'\\]*'|\"[^\"\\]*\")"
_EXPRESSION = re.compile(_TERM)
_COMPARISON = re.compile(rf"\s*({_TERM})\s*==\s*({_TERM})\s*")
_CONDITION = re.compile(rf"{_COMPARISON.pattern}(?:&&{_COMPARISON.pattern})*")
_KEY = re.compile(r"google\.subject|attribute\.[a-z0-9_]{1,90}")


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Refuse a mapping that is none.

    Raises:
        ApiError: it is refused.
    """
    if "google.subject" not in mapping:
        raise invalid("attribute_mapping", "The attribute mapping must contain google.subject.")
    for key, expression in mapping.items():
        if not _KEY.fullmatch(key) or not _EXPRESSION.fullmatch(expression):
            raise invalid(
                "attribute_mapping",
                f"'{key}': '{expression}' is not among the mappings that the rehearsal evaluates: google.subject or "
                "attribute.<name>, of assertion.<claim> or a text.",
            )


def check_condition(condition: str) -> None:
    """Refuse a condition that cannot be evaluated here.

    Raises:
        ApiError: it is refused.
    """
    if condition and not _CONDITION.fullmatch(condition):
        raise invalid(
            "attribute_condition",
            f"'{condition}' is not among the conditions that the rehearsal evaluates: comparisons by ==, joined by &&.",
        )


def mapped(mapping: Mapping[str, str], claims: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of who has a token.

    Args:
        mapping: expressions by attribute.
        claims: of the token.

    Raises:
        KeyError: the token lacks a claim.
    """
    return {key: _value(expression, claims, {}) for key, expression in mapping.items()}


def holds(condition: str, claims: Mapping[str, Any], attributes: Mapping[str, str]) -> bool:
    """Whether a condition lets a token in; one that names a claim that is not there does not."""
    try:
        return all(
            _value(left, claims, attributes) == _value(right, claims, attributes)
            for left, right in _COMPARISON.findall(condition)
        )
    except KeyError:
        return False


def _value(expression: str, claims: Mapping[str, Any], attributes: Mapping[str, str]) -> str:
    if expression[0] in "'\"":
        return expression[1:-1]
    kind, _, name = expression.partition(".")
    return str(claims[name] if kind == "assertion" else attributes[expression])
