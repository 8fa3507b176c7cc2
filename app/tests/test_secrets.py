"""Secrets, and the key that writes need."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from conftest import settings
from flask import Flask
from flask.testing import FlaskClient

from slipway_app import create_app
from slipway_app.secrets import CachedSecret

KEY = "k3y $ %s 'é"


class Clock:
    """A clock that stands until it is told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Counts the reads; each finds the next value."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.reads = 0

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        assert SecretId == "id"
        self.reads += 1
        return {"SecretString": self.values[min(self.reads, len(self.values)) - 1]}


def test_value_is_read_once() -> None:
    client = Client("one", "two")
    secret = CachedSecret("id", client=lambda: client)
    assert [secret.value(), secret.value()] == ["one", "one"]
    assert client.reads == 1


def test_refreshing_is_bounded() -> None:
    client, clock = Client("one", "two", "three"), Clock()
    secret = CachedSecret("id", client=lambda: client, min_refresh_seconds=5, clock=clock)
    assert secret.value() == "one"
    assert secret.refreshed() == "one", "just read"
    clock.now += 5
    assert [secret.refreshed(), secret.refreshed()] == ["two", "two"]
    assert client.reads == 2


@pytest.fixture
def locked(database_url: str, aws: str) -> Iterator[tuple[FlaskClient, Any]]:
    """A deployment whose writes need a key, and the means to change the key."""
    assert aws
    secrets = boto3.client("secretsmanager")
    secret_id = f"key-{time.monotonic_ns()}"
    secrets.create_secret(Name=secret_id, SecretString=KEY)
    app: Flask = create_app(settings(database_url, api_key_secret_id=secret_id))
    yield (
        app.test_client(),
        lambda value: secrets.put_secret_value(SecretId=secret_id, SecretString=value),
    )
    app.extensions["slipway_database"].close()
    secrets.close()


def post(client: FlaskClient, key: str | None) -> Any:
    headers = {} if key is None else {"X-API-Key": key.encode().decode("latin-1")}
    return client.post("/data", json={"key": "a", "value": "b"}, headers=headers)


def test_writes_need_the_key(locked: tuple[FlaskClient, Any]) -> None:
    client, _ = locked
    for wrong in (None, "", "k3y", KEY + "x", KEY[:-1]):
        response = post(client, wrong)
        assert response.status_code == 401
        assert response.json["error"]["field"] == "X-API-Key"
        assert KEY not in response.text
    assert post(client, KEY).status_code in (200, 201)


def test_reads_need_none(locked: tuple[FlaskClient, Any]) -> None:
    client, _ = locked
    for path in ("/data", "/beers", "/users", "/health", "/openapi.json", "/docs"):
        assert client.get(path).status_code == 200


def test_every_write_is_locked_and_says_so(locked: tuple[FlaskClient, Any]) -> None:
    client, _ = locked
    document = client.get("/openapi.json").json
    assert document["components"]["securitySchemes"]["api_key"]["name"] == "X-API-Key"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert ("security" in operation) == (method != "get"), (method, path)
            if method != "get":
                concrete = re.sub(r"\{\w+\}", "1", path)
                assert client.open(concrete, method=method).status_code == 401


def test_rotated_key(locked: tuple[FlaskClient, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    client, set_key = locked
    assert post(client, KEY).status_code in (200, 201)
    set_key("new")
    monkeypatch.setattr(CachedSecret, "refreshed", CachedSecret._read)
    assert post(client, "new").status_code in (200, 201)
    assert post(client, KEY).status_code == 401


def test_key_out_of_reach(database_url: str, aws: str) -> None:
    assert aws
    app = create_app(settings(database_url, api_key_secret_id="no-such-secret"))
    response = post(app.test_client(), "x")
    assert (response.status_code, response.json["error"]["field"]) == (503, "api_key")
