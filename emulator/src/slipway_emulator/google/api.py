"""What Google's REST APIs have in common: requests, errors as google.rpc.Status, and routes."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from slipway_emulator.google.iam.permissions import Need, need

Json = dict[str, Any]

# How many levels a message may have ("ProtoJSON Format": the limit of protobuf's parsers).
_DEEPEST = 100
# google.rpc.Code by name: its number, and the HTTP status it is sent with ("AIP-193: Errors").
_CODES = {
    "INVALID_ARGUMENT": (3, 400),
    "NOT_FOUND": (5, 404),
    "ALREADY_EXISTS": (6, 409),
    "PERMISSION_DENIED": (7, 403),
    "FAILED_PRECONDITION": (9, 400),
    "ABORTED": (10, 409),
    "INTERNAL": (13, 500),
    "UNAUTHENTICATED": (16, 401),
}


class ApiError(Exception):
    """A request that is refused.

    Args:
        status: the name of a google.rpc.Code.
        message: what to tell the caller.
        details: messages of google.rpc with their `@type`.
    """

    def __init__(self, status: str, message: str, *details: Json) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details

    @property
    def code(self) -> int:
        """The number of the google.rpc.Code."""
        return _CODES[self.status][0]

    def response(self) -> Response:
        """The answer as REST has it."""
        http = _CODES[self.status][1]
        error: Json = {"code": http, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = list(self.details)
        return Response(http, {"error": error})


class LegacyError(ApiError):
    """A refusal of an API that is older than google.rpc.Status, and has a reason in its place.

    Args:
        http: the HTTP status.
        reason: what the API calls it: "notFound".
        message: what to tell the caller.
    """

    def __init__(self, http: int, reason: str, message: str) -> None:
        super().__init__("INVALID_ARGUMENT", message)
        self.http = http
        self.reason = reason

    def response(self) -> Response:
        error = {"message": self.message, "domain": "global", "reason": self.reason}
        return Response(self.http, {"error": {"code": self.http, "message": self.message, "errors": [error]}})


def invalid(field: str, description: str) -> ApiError:
    """The refusal of one field's value.

    Args:
        field: its path in the request: `service.template.containers[0].image`.
        description: what is wrong with it.
    """
    violation = {"field": field, "description": description}
    return ApiError(
        "INVALID_ARGUMENT",
        description,
        {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]},
    )


@dataclasses.dataclass(frozen=True)
class Request:
    """A request to an API.

    Attributes:
        method: of HTTP.
        path: decoded.
        query: parameters; of repeated ones, the last.
        headers: by lower-case name.
        body: as it came.
        principal: the e-mail address of who asks; empty when nobody is named.
        scopes: those of the access token.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    principal: str = ""
    scopes: frozenset[str] = frozenset()

    def json(self) -> Json:
        """The body as an object; nothing stands for an empty one.

        Raises:
            ApiError: it is none.
        """
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
            # Half of a surrogate pair is no text, and JSON has no infinity.
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError):
            raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received. Unable to parse the payload.") from None
        if not isinstance(value, dict):
            raise ApiError("INVALID_ARGUMENT", "Invalid JSON payload received. Root element must be a message.")
        if _is_deeper(value, _DEEPEST):
            text = "Invalid JSON payload received. Message too deep. Max recursion depth reached."
            raise ApiError("INVALID_ARGUMENT", text)
        return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether objects and lists are within each other on more than so many levels."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(item, levels - 1) for item in inner)


@dataclasses.dataclass(frozen=True)
class Response:
    """An answer.

    Attributes:
        status: of HTTP.
        content: an object, sent as JSON, or bytes as they are.
        headers: what else is said.
    """

    status: int = 200
    content: Json | bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def encoded(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        if isinstance(self.content, bytes):
            return self.status, dict(self.headers), self.content
        body = json.dumps(self.content, indent=2).encode()
        return self.status, {"Content-Type": "application/json; charset=UTF-8"} | dict(self.headers), body


Handler = Callable[..., Response]
# Where tokens are asked for, which needs none.
OAUTH_PATH, STS_PATH = "/token", "/sts/v1/token"


class Routes:
    """Which function answers which path.

    A pattern has names in braces, each of which stands for one part of a path; `{name:.+}` for any number of parts.
    """

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Need | None, Handler]] = []
        # Refuses who may not do what a request needs, called with the pattern's names too; put here by who knows.
        self.guard: Callable[[Request, Need, Mapping[str, str]], None] = lambda _request, _need, _names: None

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """Let a function answer.

        Args:
            method: of HTTP.
            pattern: of paths.
            handler: called with the request, and the pattern's names as keywords.

        Raises:
            LookupError: nothing says what permission that needs.
        """
        expression = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", re.sub(r"\{(\w+):([^}]+)\}", r"(?P<\1>\2)", pattern))
        needed = None if pattern in (OAUTH_PATH, STS_PATH) else need(method, pattern)
        self._routes.append((method, re.compile(expression), needed, handler))

    def answer(self, request: Request) -> Response:
        """The answer to a request.

        Raises:
            ApiError: the request is refused.
        """
        for method, pattern, needed, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match and method == request.method:
                if needed:
                    self.guard(request, needed, match.groupdict())
                return handler(request, **match.groupdict())
        raise ApiError("NOT_FOUND", "Method not found.")


def timestamp(moment: datetime.datetime) -> str:
    """A google.protobuf.Timestamp in JSON."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def now() -> str:
    """This moment, as a timestamp."""
    return timestamp(datetime.datetime.now(datetime.UTC))


def new_id() -> str:
    """A random UUID."""
    return str(uuid.uuid4())


def new_suffix(length: int) -> str:
    """Random lower-case letters and digits, which a name ends with."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))


def page(items: list[Any], request: Request, name: str, default_size: int = 100) -> Json:
    """One page of a list ("AIP-158: Pagination").

    Args:
        items: all of them.
        request: holds `pageSize` and `pageToken`.
        name: of the list in the answer.
        default_size: how many where the request does not say.

    Raises:
        ApiError: size or token are not as they were given out.
    """
    size_text = request.query.get("pageSize") or request.query.get("maxResults") or str(default_size)
    token = request.query.get("pageToken") or "0"
    if not re.fullmatch(r"\d{1,9}", size_text):
        raise invalid("page_size", f"Invalid value at 'page_size' (TYPE_INT32), \"{size_text}\"")
    if not re.fullmatch(r"\d{1,9}", token):
        raise invalid("page_token", "The page token is not valid.")
    start, size = int(token), int(size_text) or default_size
    answer: Json = {name: items[start : start + size]} if items[start : start + size] else {}
    if start + size < len(items):
        answer["nextPageToken"] = str(start + size)
    return answer
