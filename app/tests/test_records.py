"""Feature records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient


def test_insert_then_update_then_list(client: FlaskClient) -> None:
    assert client.get("/data").json == []
    assert client.post("/data", json={"key": "b", "value": "1"}).status_code == 201
    assert client.post("/data", json={"key": "a", "value": ""}).status_code == 201
    updated = client.post("/data", json={"key": "b", "value": "2"})
    assert (updated.status_code, updated.json) == (200, {"key": "b", "value": "2"})
    assert client.get("/data").json == [{"key": "a", "value": ""}, {"key": "b", "value": "2"}]


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE records; --", "%s %(key)s %%", "\\", "🍺 \u202e", "\n\x01\x7f"]
)
def test_any_text_comes_back_as_it_went(client: FlaskClient, text: str) -> None:
    assert client.post("/data", json={"key": text, "value": text}).status_code == 201
    assert client.get("/data").json == [{"key": text, "value": text}]


def test_writers_of_one_key_do_not_collide(app: Flask, client: FlaskClient) -> None:
    def write(number: int) -> int:
        return app.test_client().post("/data", json={"key": "same", "value": str(number)}).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(write, range(60)))
    assert statuses.count(201) == 1
    assert statuses.count(200) == 59
    assert len(client.get("/data").json) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "key"),
        ({"key": "a"}, "value"),
        ({"key": 1, "value": "x"}, "key"),
        ({"key": None, "value": "x"}, "key"),
        ({"key": "", "value": "x"}, "key"),
        ({"key": "k" * 256, "value": "x"}, "key"),
        ({"key": "k", "value": "v" * 10001}, "value"),
        ({"key": "a\x00b", "value": "x"}, "key"),
        ({"key": "a", "value": "\x00"}, "value"),
        ({"key": "a", "value": ["x"]}, "value"),
        ({"key": "a", "value": "x", "extra": 1}, "extra"),
        ([], "body"),
        ("text", "body"),
        (5, "body"),
    ],
)
def test_bad_records_name_the_field(client: FlaskClient, body: object, field: str) -> None:
    response = client.post("/data", json=body)
    assert response.status_code == 422
    assert response.json["error"]["field"] == field
    assert client.get("/data").json == []
