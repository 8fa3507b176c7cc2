"""Messages in JSON, checked as Google's front end checks them before a service sees them.

A shape says what a field may hold: one of the scalars below, `Present`, `Enum`, `Map`, `[shape]` for repeated fields,
or a dictionary of field names and shapes for a message. Names are those of JSON; the proto's own are taken as well
("ProtoJSON Format").
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from slipway_emulator.google.api import ApiError, Json, invalid

STRING, BOOL, INT32, INT64, DURATION, ANY = "string", "bool", "int32", "int64", "duration", "any"
Shape = Any

_LIMITS = {INT32: 2**31, INT64: 2**63}
_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")


@dataclasses.dataclass(frozen=True)
class Enum:
    """One of several names.

    Attributes:
        name: what the proto calls it.
        values: the names; the first one is the default.
    """

    name: str
    values: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Map:
    """Values by name.

    Attributes:
        of: the shape of a value.
    """

    of: Shape


@dataclasses.dataclass(frozen=True)
class Present:
    """A scalar whose default is a value like any other (`optional` in the proto).

    Attributes:
        of: its shape.
    """

    of: Shape


def check(shape: Shape, value: Any, path: str) -> Any:
    """A value with the types that its shape asks for, and JSON's names.

    Args:
        shape: what is expected.
        value: what came.
        path: where it is in the request, in the proto's names: `service.template`.

    Returns:
        The value; nulls and the defaults of scalar fields are left out.

    Raises:
        ApiError: a name is unknown or a value has another type.
    """
    if isinstance(shape, dict):
        return _message(shape, value, path)
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise _mistyped(path, "repeated field", value)
        return [check(shape[0], item, f"{path}[{position}]") for position, item in enumerate(value)]
    if isinstance(shape, Present):
        return _scalar(shape.of, value, path)
    if isinstance(shape, Map):
        if not isinstance(value, dict):
            raise _mistyped(path, "map", value)
        return {key: check(shape.of, item, f"{path}[{key}]") for key, item in value.items()}
    return _scalar(shape, value, path)


def _message(shape: dict[str, Shape], value: Any, path: str) -> Json:
    if not isinstance(value, dict):
        raise _mistyped(path, "message", value)
    names = {name: name for name in shape} | {snake(name): name for name in shape}
    checked: Json = {}
    for name, item in value.items():
        if name not in names:
            text = f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
            raise ApiError(
                "INVALID_ARGUMENT",
                text,
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": path, "description": text}],
                },
            )
        if item is None:
            continue
        inner = shape[names[name]]
        found = check(inner, item, f"{path}.{snake(name)}" if path else snake(name))
        if not _is_default(inner, found):
            checked[names[name]] = found
    return checked


def _is_default(shape: Shape, value: Any) -> bool:
    """Whether a field's value is the one that stands for none."""
    if isinstance(shape, Enum):
        return bool(value == shape.values[0])
    return shape in (STRING, BOOL, INT32, INT64) and not value


def _scalar(shape: Shape, value: Any, path: str) -> Any:
    if shape == ANY:
        return value
    if shape == BOOL and isinstance(value, bool):
        return value
    if shape == STRING and isinstance(value, str):
        return value
    if shape == DURATION and isinstance(value, str):
        if not _DURATION.fullmatch(value):
            raise invalid(
                path, f"Invalid value at '{path}' (type.googleapis.com/google.protobuf.Duration), \"{value}\""
            )
        return value
    if isinstance(shape, Enum) and isinstance(value, str):
        if value not in shape.values:
            raise invalid(path, f"Invalid value at '{path}' (type.googleapis.com/{shape.name}), \"{value}\"")
        return value
    if shape in _LIMITS:
        number = _integer(value)
        if number is None or not -_LIMITS[shape] <= number < _LIMITS[shape]:
            raise _mistyped(path, f"TYPE_{shape.upper()}", value)
        return number
    raise _mistyped(path, shape.name if isinstance(shape, Enum) else f"TYPE_{shape.upper()}", value)


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}", value) else None


def _mistyped(path: str, expected: str, value: Any) -> ApiError:
    shown = f'"{value}"' if isinstance(value, str) else value if not isinstance(value, dict | list) else "a structure"
    return invalid(path, f"Invalid value at '{path}' ({expected}), {shown}")


def snake(name: str) -> str:
    """`maxInstanceCount` in the proto's writing: `max_instance_count`."""
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


def duration_seconds(duration: str) -> float:
    """Seconds of a duration such as `300s`."""
    return float(duration.removesuffix("s"))
