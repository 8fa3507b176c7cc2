"""Logs: one JSON object a line, on standard output; and the line that each request gets."""

from __future__ import annotations

import logging
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson

from slipway_app.types import StartResponse, WSGIApplication, WSGIEnvironment

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=-]{1,128}")
_SANE_TRACE_ID = re.compile(r"[A-Za-z0-9._:=;-]{1,256}")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            # The name by which Cloud Logging knows it ("Structured logging"); CloudWatch takes any.
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure(level: str) -> None:
    """Send every log of the process to standard output as JSON.

    Args:
        level: DEBUG, INFO, WARNING or ERROR; what libraries say below WARNING is left out.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("slipway_app").setLevel(level)


def write_line(line: bytes) -> None:
    """Write to standard output in one call, so that lines of several threads and processes stay whole."""
    os.write(1, line)


class RequestLog:
    """WSGI middleware: gives each request an id, and logs one line when its answer has been sent.

    The line has no query string, no body and no header but the ids, so no secret gets into it. It is written
    past ``logging``, whose record and locks would cost as much as a third of a small request.

    Args:
        app: what answers.
        enabled: whether lines are written; the ids are given in any case.
        write: takes a line.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        app: WSGIApplication,
        enabled: bool = True,
        write: Callable[[bytes], object] = write_line,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._enabled = enabled
        self._write = write
        self._clock = clock

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        request_id = environ.get("HTTP_X_REQUEST_ID")
        if request_id is None or not _SANE_REQUEST_ID.fullmatch(request_id):
            request_id = f"{random.getrandbits(128):032x}"
        exchange = _Exchange(self, environ, start_response, request_id, self._clock())
        try:
            exchange.body = self._app(environ, exchange.start)
        except BaseException:
            self.finish(exchange)
            raise
        return exchange

    def finish(self, exchange: _Exchange) -> None:
        """Write the line of an exchange that is over."""
        if not self._enabled:
            return
        environ = exchange.environ
        line = {
            "time": datetime.now(UTC),
            "severity": "INFO",
            "logger": "slipway_app.request",
            "message": "request",
            "request_id": exchange.request_id,
            "method": environ["REQUEST_METHOD"],
            "path": environ.get("PATH_INFO", ""),
            "status": exchange.status,
            "duration_ms": round((self._clock() - exchange.started) * 1000, 3),
        }
        trace_id = environ.get("HTTP_X_AMZN_TRACE_ID")
        if trace_id and _SANE_TRACE_ID.fullmatch(trace_id):
            line["trace_id"] = trace_id
        self._write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


class _Exchange:
    """A request and its answer, whose body tells the log when it has been sent, or given up."""

    __slots__ = ("_log", "_start_response", "body", "environ", "request_id", "started", "status")

    def __init__(
        self,
        log: RequestLog,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        request_id: str,
        started: float,
    ) -> None:
        self._log = log
        self._start_response = start_response
        self.body: Iterable[bytes] = ()
        self.environ = environ
        self.request_id = request_id
        self.started = started
        self.status = 500

    def start(self, status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        """Pass the head of the answer on, with the request's id."""
        self.status = int(status[:3])
        headers.append(("X-Request-Id", self.request_id))
        return self._start_response(status, headers, *rest)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)

    def close(self) -> None:
        """Close the inner body, then log (PEP 3333: the server calls this in every case)."""
        try:
            close = getattr(self.body, "close", None)
            if close:
                close()
        finally:
            self._log.finish(self)
