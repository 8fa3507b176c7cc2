"""Answers as clients see them, and what Flask would do for hooks that nothing here has."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient


def test_head_is_get_without_the_body(client: FlaskClient) -> None:
    got, head = client.get("/data"), client.head("/data")
    assert (head.status, head.data) == (got.status, b"")
    del got.headers["X-Request-Id"], head.headers["X-Request-Id"]
    assert dict(head.headers) == dict(got.headers)
    assert head.headers["Content-Type"] == "application/json"
    assert head.headers["Content-Length"] == str(len(got.data))


def test_no_hook_is_left_out(app: Flask) -> None:
    """``Application`` runs the checks before a request and no other hook: one that is added would not run."""
    assert list(app.before_request_funcs) == [None]
    for hooks in (
        app.after_request_funcs,
        app.teardown_request_funcs,
        app.teardown_appcontext_funcs,
        app.url_value_preprocessors,
    ):
        assert not hooks
