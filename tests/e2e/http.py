"""Requests as a browser on this machine makes them, certificates verified."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from http.cookiejar import CookieJar
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Status, body and headers of an answer."""

    status: int
    body: bytes
    headers: Message

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def ask(
    url: str,
    method: str = "GET",
    document: Any = None,
    follow: bool = True,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    cookies: CookieJar | None = None,
) -> Answer:
    """One request; an error status is an answer too.

    Args:
        url: where to.
        method: HTTP method.
        document: JSON body.
        follow: whether redirects are followed.
        headers: more headers of the request.
        body: body that is no JSON document; its type is one of the headers.
        cookies: what a browser keeps from one request to the next.
    """
    data = body if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})  # noqa: S310  our own URLs
    if document is not None:
        request.add_header("Content-Type", "application/json")
    handlers: list[urllib.request.BaseHandler] = [] if follow else [_NoRedirect()]
    if cookies is not None:
        handlers.append(urllib.request.HTTPCookieProcessor(cookies))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=20) as answer:
            return Answer(answer.status, answer.read(), answer.headers)
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), error.headers)


@dataclass
class Visitor:
    """Asks for a URL again and again on a thread, bounded in rate, count and time.

    Args:
        url: an address on this machine.
        per_second: requests a second at the most.
    """

    url: str
    per_second: float = 10
    problems: list[str] = field(default_factory=list)
    count: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Visitor:
        self._thread = threading.Thread(target=self._visit, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _visit(self) -> None:
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline and self.count < 10_000 and not self._stopping.wait(1 / self.per_second):
            self.count += 1
            try:
                answer = ask(self.url)
                if answer.status != 200:
                    self.problems.append(f"{answer.status} {answer.body[:200]!r}")
            except OSError as error:
                self.problems.append(str(error))
