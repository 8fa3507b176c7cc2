"""Kinds of values that requests carry, with the rules that OpenAPI shows and pydantic enforces."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

WSGIEnvironment = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

MAX_ID = 2**63 - 1
"""PostgreSQL's largest bigint."""

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
NO_NUL = r"^[^\u0000]*$"


class RequestModel(BaseModel):
    """What a request carries: no member that is not known, and no type converted into another."""

    model_config = ConfigDict(strict=True, extra="forbid")


def _refuse_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("The character NUL (U+0000) cannot be stored")
    return text


def whole_number(value: object) -> int:
    """Return the number that a part of a URL spells, without the leniency (``1_0``, ``+1``) of ``int()``.

    Raises:
        ValueError: it spells none.
    """
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)
    raise ValueError("Must be a whole number, written in digits")


def _date(value: object) -> object:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError("Must be a date such as 2030-12-31")


PlainText = Annotated[str, AfterValidator(_refuse_nul), Field(json_schema_extra={"pattern": NO_NUL})]
"""Text that PostgreSQL can store: any but NUL (lone surrogates do not get past JSON and UTF-8)."""

UrlId = Annotated[int, Field(ge=1, le=MAX_ID), BeforeValidator(whole_number)]
"""The id of a row, in a path or query."""

BodyId = Annotated[int, Field(ge=1, le=MAX_ID)]
"""The id of a row, in a JSON body."""

PlainDate = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
"""A calendar date, as RFC 3339's full-date."""


class UserPath(RequestModel):
    """The path of a user, and of what it has."""

    user_id: UrlId


class TaskPath(RequestModel):
    """The path of a task, and of what it has."""

    task_id: UrlId
