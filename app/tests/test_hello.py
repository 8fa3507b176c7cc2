"""Feature hello, and what every deployment answers."""

from __future__ import annotations

import pytest
from conftest import settings
from flask.testing import FlaskClient

from slipway_app import Settings, create_app


@pytest.fixture
def hello() -> FlaskClient:
    """A deployment without a database."""
    return create_app(
        Settings(version="1.2.3", revision="abc", image_digest="sha256:12", log_level="WARNING")
    ).test_client()


def test_greeting(hello: FlaskClient) -> None:
    assert hello.get("/").data == b"Hello, World!"


@pytest.mark.parametrize(("value", "answer"), [("5", 6), ("0", 1), ("-1", 0), ("9", 10), ("11", 12)])
def test_one_is_added(hello: FlaskClient, value: str, answer: int) -> None:
    response = hello.get(f"/api/{value}")
    assert response.status_code == 200
    assert response.json == {"success": True, "answer": answer}


def test_ten_is_refused_in_so_many_words(hello: FlaskClient) -> None:
    response = hello.get("/api/10")
    assert response.data == b"Caught exception when calculating results: Invalid value!"
    assert response.status_code == 422
    assert response.mimetype == "text/plain"


@pytest.mark.parametrize("value", ["x", "1.5", "+5", "1_0", " 5", "５", "9" * 400, str(2**63 - 1), "5;--"])
def test_other_bad_values_name_the_field(hello: FlaskClient, value: str) -> None:
    response = hello.get(f"/api/{value}")
    assert response.status_code == 422
    assert response.json["error"]["field"] == "value"


def test_liveness(hello: FlaskClient) -> None:
    response = hello.get("/healthz")
    assert (response.status_code, response.data) == (200, b"ok")


def test_readiness_without_dependencies(hello: FlaskClient) -> None:
    assert hello.get("/health").json == {"status": "ok", "unavailable": [], "checks": {}}


def test_version(hello: FlaskClient) -> None:
    assert hello.get("/version").json == {
        "version": "1.2.3",
        "revision": "abc",
        "image_digest": "sha256:12",
    }


@pytest.mark.parametrize(
    ("features", "body"), [(("records", "hello"), b"Hello, World!"), (("records",), b'"status":"ok"')]
)
def test_root_is_hellos_else_a_health_answer(
    database_url: str, features: tuple[str, ...], body: bytes
) -> None:
    response = create_app(settings(database_url, features=features, bucket_name=None)).test_client().get("/")
    assert response.status_code == 200
    assert body in response.data
