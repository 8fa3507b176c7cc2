"""A WSGI application of one function, with a package as Poetry makes it."""

from collections.abc import Callable, Iterable
from importlib.metadata import version

import itsdangerous


def app(_environment: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Says its version, signed."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [itsdangerous.Signer("key").sign(version("guests"))]
