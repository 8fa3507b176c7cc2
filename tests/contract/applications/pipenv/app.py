"""A WSGI application of one function."""

from collections.abc import Callable, Iterable

import itsdangerous


def app(_environment: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Says a word, signed."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [itsdangerous.Signer("key").sign(b"guests")]
