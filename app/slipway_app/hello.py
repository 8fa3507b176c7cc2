"""Feature ``hello``: a greeting, and a sum with a value that it cannot take."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, BeforeValidator, Field

from slipway_app.http import PLAIN_TEXT
from slipway_app.types import MAX_ID, RequestModel, whole_number

UNLUCKY_VALUE = 10


class ValuePath(RequestModel):
    """The path of a calculation."""

    value: Annotated[
        int,
        Field(ge=-MAX_ID, lt=MAX_ID, description="The number to add one to."),
        BeforeValidator(whole_number),
    ]


class Answer(BaseModel):
    """A result."""

    success: bool
    answer: int


def calculate(value: int) -> int:
    """Return the value plus one.

    Raises:
        ValueError: the value is the one that cannot be calculated with.
    """
    if value == UNLUCKY_VALUE:
        raise ValueError("Invalid value!")
    return value + 1


def create_blueprint() -> APIBlueprint:
    """Return the endpoints of the feature."""
    api = APIBlueprint("hello", __name__, abp_tags=[{"name": "hello"}])

    @api.get("/", responses={200: PLAIN_TEXT})
    def get_greeting() -> Response:
        """Greet the world."""
        return Response("Hello, World!", mimetype="text/plain")

    @api.get(
        "/api/<value>",
        responses={
            200: Answer,
            422: {
                "content": {
                    **PLAIN_TEXT["content"],
                    "application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}},
                },
            },
        },
    )
    def get_answer(path: ValuePath) -> dict[str, object] | Response:
        """Add one to the value.

        10 cannot be calculated with: well-formed, but not processable, so 422 like every other bad value.
        """
        try:
            return {"success": True, "answer": calculate(path.value)}
        except ValueError as error:
            return Response(
                f"Caught exception when calculating results: {error}",
                HTTPStatus.UNPROCESSABLE_ENTITY,
                mimetype="text/plain",
            )

    return api
