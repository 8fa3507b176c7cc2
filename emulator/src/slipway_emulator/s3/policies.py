"""Policies of buckets: those that S3 refuses as malformed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ministack.services import s3

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]


def put(original: Function, _: Parts) -> Function:
    def put(name: str, body: bytes) -> Any:
        for problem in _problems(name, body):
            return s3._error("MalformedPolicy", problem, 400, f"/{name}")
        return original(name, body)

    return put


def _problems(bucket: str, body: bytes) -> Iterator[str]:
    """What S3 has against a policy, in its words."""
    try:
        policy = json.loads(body)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        yield "Policies must be valid JSON and the first byte must be '{'"
        return
    statements = policy.get("Statement")
    if not statements:
        yield "Missing required field Statement"
    for statement in _listed(statements):
        if not isinstance(statement, dict):
            yield "Policies must be valid JSON and the first byte must be '{'"
            return
        for field in ("Effect", "Principal", "Action", "Resource"):
            if field not in statement and f"Not{field}" not in statement:
                yield f"Missing required field {field}"
        if (effect := statement.get("Effect")) not in ("Allow", "Deny"):
            yield f"Invalid effect: {effect}"
        resources = _listed(statement.get("Resource", [])) + _listed(statement.get("NotResource", []))
        if any(str(resource).partition(":s3:::")[2].partition("/")[0] != bucket for resource in resources):
            yield "Policy has invalid resource"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
