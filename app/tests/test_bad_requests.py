"""Requests that nobody means well: each gets a 4xx in the one shape, whatever the path."""

from __future__ import annotations

import json
import string
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slipway_app.http import MAX_JSON_BYTES

WRITES = [("POST", "/data"), ("POST", "/beers"), ("POST", "/users"), ("PUT", "/users/1"), ("POST", "/tasks")]
FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def error_of(response: Any) -> dict[str, Any]:
    """Return the error of an answer, which has the one shape."""
    assert 400 <= response.status_code < 500, response.data
    assert response.mimetype == "application/json"
    assert set(response.json) == {"error"}
    error: dict[str, Any] = response.json["error"]
    assert set(error) == {"code", "message", "field", "details"}
    assert error["code"]
    assert error["message"]
    assert error["field"]
    return error


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        b'{"key": "a", "value": "b"',
        b'{"key": "\xff\xfe", "value": "b"}',
        b'{"key": "\\ud800", "value": "b"}',
        b'{"key": NaN, "value": "b"}',
        b"[" * 100_000,
        b'{"key": 1e999}',
        b"\x00",
        b"\xef\xbb\xbf{}",
    ],
)
def test_malformed_json(client: FlaskClient, method: str, path: str, body: bytes) -> None:
    response = client.open(path, method=method, data=body, content_type="application/json")
    error = error_of(response)
    assert (response.status_code, error["field"]) == (400, "body")


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/mixed", ""])
def test_other_types_than_json(client: FlaskClient, method: str, path: str, kind: str) -> None:
    response = client.open(path, method=method, data=b'{"key": "a", "value": "b"}', content_type=kind)
    assert response.status_code == 415
    assert error_of(response)["field"] == "Content-Type"


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_oversize_json(client: FlaskClient, method: str, path: str) -> None:
    body = b'{"key": "%s"}' % (b"a" * MAX_JSON_BYTES)
    response = client.open(path, method=method, data=body, content_type="application/json")
    assert response.status_code == 413
    assert error_of(response)["field"] == "body"


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/data/",
        "/users/",
        "/../etc/passwd",
        "/docs/../app",
        "/docs/js/none.js",
        "/users/1/2",
        "/users/..%2f..%2fetc",
        "/%00",
        "/.env",
        "/tasks/1/attachments/1/2",
    ],
)
def test_unknown_paths(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert error_of(response)["field"] == "path"


def test_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    response = client.delete("/data")
    assert response.status_code == 405
    assert error_of(response)["field"] == "method"
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "' OR '1'='1",
            "1; DROP TABLE users; --",
            "../../../etc/passwd",
            "..\\..\\x",
            "%s%s%n",
            "${jndi:ldap://x}",
            "{{7*7}}",
            "\x00",
            "\ud7ff",
            "1e309",
            "-0",
            str(2**63),
            "9" * 5000,
            "NaN",
            "null",
            "true",
        ]
    ),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "key",
    "value",
    "name",
    "brewery",
    "style",
    "alcohol_percent",
    "email",
    "title",
    "user_id",
    "due_date",
]


@FUZZ
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5) | JSON, st.sampled_from(WRITES))
@example({"name": "n", "email": "e@e.e" + "\ud7ff"}, ("POST", "/users"))
def test_no_body_breaks_it(client: FlaskClient, body: object, where: tuple[str, str]) -> None:
    method, path = where
    response = client.open(path, method=method, data=json.dumps(body), content_type="application/json")
    if response.status_code not in (200, 201):
        error_of(response)


@FUZZ
@given(st.binary(max_size=200), st.sampled_from(WRITES))
def test_no_bytes_break_it(client: FlaskClient, body: bytes, where: tuple[str, str]) -> None:
    method, path = where
    error_of(client.open(path, method=method, data=body, content_type="application/json"))


@FUZZ
@given(
    st.sampled_from(
        [
            "/{}",
            "/api/{}",
            "/users/{}",
            "/users/{}/profile-image",
            "/users?{}=1",
            "/users?name={}",
            "/tasks/{}",
            "/tasks/{}/attachments",
            "/tasks/1/attachments/{}",
            "/tasks?title={}",
            "/tasks?after={}",
        ]
    ),
    HOSTILE | st.text(string.printable, max_size=20),
    st.booleans(),
)
def test_no_parameter_breaks_it(client: FlaskClient, pattern: str, value: str, quoted: bool) -> None:
    text = quote(value, safe="") if quoted else quote(value, safe="/?&=%")
    response = client.get(pattern.format(text))
    assert response.status_code < 500
    if response.status_code >= 400 and response.mimetype != "text/plain":
        error_of(response)
