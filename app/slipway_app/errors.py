"""One shape for every error: ``{"error": {"code", "message", "field", "details"}}``."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, jsonify
from psycopg import errors as postgres
from psycopg_pool import PoolClosed, PoolTimeout
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)


class ErrorDetail(BaseModel):
    """One of several faults in a request."""

    field: str
    message: str


class ErrorContent(BaseModel):
    """What is wrong, where, and a code that programs may rely on."""

    code: str
    message: str
    field: str | None = Field(description="The parameter, body field, header or dependency that is at fault.")
    details: list[ErrorDetail]


class ErrorBody(BaseModel):
    """The body of every answer from 400 up."""

    error: ErrorContent


class ApiError(Exception):
    """A request that gets an error answer."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        field: str | None,
        details: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.details = details or []


class UnavailableError(ApiError):
    """A dependency is down: 503 that names it."""

    def __init__(self, dependency: str) -> None:
        super().__init__(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{dependency}_unavailable",
            f"The {dependency} does not answer at the moment. Try again shortly.",
            dependency,
        )


def not_found(thing: str, field: str) -> ApiError:
    """Return the 404 for an id that names nothing."""
    return ApiError(HTTPStatus.NOT_FOUND, "not_found", f"There is no such {thing}.", field)


def conflict(message: str, field: str) -> ApiError:
    """Return the 409 for a value that another row already has, or a limit that is reached."""
    return ApiError(HTTPStatus.CONFLICT, "conflict", message, field)


def raise_validation_error(error: ValidationError) -> NoReturn:
    """Turn pydantic's findings into a 422 (RFC 9110, 15.5.21) that names each field.

    Raises:
        ApiError: always.
    """
    details = [
        {
            "field": ".".join(str(part) for part in fault["loc"]) or "body",
            "message": fault["msg"].removeprefix("Value error, "),
        }
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    raise ApiError(
        HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", details[0]["message"], details[0]["field"], details
    ) from None


_HTTP_FIELDS = {404: "path", 405: "method", 413: "body", 414: "path", 415: "Content-Type"}
_HTTP_MESSAGES = {404: "Nothing is served at this path.", 405: "This path does not take this method."}


def _answer_api_error(error: ApiError) -> Response:
    response = jsonify(
        {
            "error": {
                "code": error.code,
                "message": error.message,
                "field": error.field,
                "details": error.details,
            }
        }
    )
    response.status_code = error.status
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    return response


def _answer_http_error(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or 500)
    response = _answer_api_error(
        ApiError(
            status,
            status.phrase.lower().replace(" ", "_"),
            _HTTP_MESSAGES.get(status, error.description or status.phrase),
            _HTTP_FIELDS.get(status, "request"),
        )
    )
    if (original := error.get_response()).headers.get("Allow"):
        response.headers["Allow"] = original.headers["Allow"]
    return response


def _answer_database_error(error: Exception) -> Response:
    log.warning("database: %s: %s", type(error).__name__, error)
    return _answer_api_error(UnavailableError("database"))


def _answer_bucket_error(error: Exception) -> Response:
    log.warning("bucket: %s: %s", type(error).__name__, error)
    return _answer_api_error(UnavailableError("bucket"))


def _answer_unexpected(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return _answer_api_error(
        ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "An unexpected error occurred.", None)
    )


def register(app: Flask) -> None:
    """Have every failure of ``app`` answered in the one shape.

    A missing table or privilege is a database that is not ready yet (its migration has not run), so it
    counts as unavailable.
    """
    app.register_error_handler(ApiError, _answer_api_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    for unavailable in (
        postgres.OperationalError,
        postgres.InterfaceError,
        postgres.UndefinedTable,
        postgres.InsufficientPrivilege,
        postgres.ReadOnlySqlTransaction,
        PoolTimeout,
        PoolClosed,
    ):
        app.register_error_handler(unavailable, _answer_database_error)
    for storage_error in (BotoCoreError, ClientError):
        app.register_error_handler(storage_error, _answer_bucket_error)
    app.register_error_handler(Exception, _answer_unexpected)
