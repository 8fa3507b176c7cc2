"""Input variables of a Terraform root: what it declares, and values as Terraform would take them."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r"^  (type|default|nullable) += (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Variable:
    """One input variable.

    Attributes:
        type: the type constraint as Terraform writes it, such as `list(string)`.
        required: whether it has no default.
        default: its default; None where that is null or longer than a line.
        nullable: whether null stays null; otherwise null means the default.
    """

    type: str
    required: bool
    default: Any
    nullable: bool


@functools.cache
def declared_variables(root: Path) -> dict[str, Variable]:
    """The input variables that a root module declares.

    Args:
        root: folder of the root module, formatted by `terraform fmt`.
    """
    variables = {}
    for file in sorted(root.glob("*.tf")):
        for name, block in _BLOCK.findall(file.read_text()):
            attributes = dict(_ATTRIBUTE.findall(block))
            variables[name] = Variable(
                type=attributes.get("type", "any"),
                required="default" not in attributes,
                default=_literal(attributes.get("default", "null")),
                nullable=attributes.get("nullable") != "false",
            )
    return variables


def _literal(text: str) -> Any:
    """Value of a one-line literal, which HCL writes as JSON does."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


class WrongTypeError(ValueError):
    """A value that Terraform cannot convert; the message completes "it must be"."""


def converted(value: Any, variable: Variable) -> Any:
    """A value as Terraform takes it ("Types and Values", conversion of primitive types).

    Args:
        value: the value as the inventory has it.
        variable: the variable it is for.

    Raises:
        WrongTypeError: Terraform would refuse it.
    """
    if value is None:
        return None if variable.nullable else variable.default
    if variable.type == "list(string)":
        if not isinstance(value, list):
            raise WrongTypeError("a list of strings")
        return [_string(item, "a list of strings") for item in value]
    if variable.type == "map(string)":
        if not isinstance(value, dict):
            raise WrongTypeError("a dictionary of strings")
        return {key: _string(item, "a dictionary of strings") for key, item in value.items()}
    if variable.type == "number":
        return _number(value)
    if variable.type == "bool":
        if value is True or value == "true":
            return True
        if value is False or value == "false":
            return False
        raise WrongTypeError("true or false")
    if variable.type == "string":
        return _string(value, "a string")
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise WrongTypeError("a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongTypeError("a number")
    return value


def _string(value: Any, expected: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise WrongTypeError(expected)
