"""Feature beers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient


def test_insert_and_list(client: FlaskClient) -> None:
    assert client.get("/beers").json == []
    given = {"name": "Orval", "brewery": "Orval", "style": "Trappist", "alcohol_percent": 6.2}
    created = client.post("/beers", json=given)
    assert (created.status_code, created.json) == (201, {"id": 1, **given})
    assert client.post("/beers", json={"name": "Water", "brewery": "None"}).json == {
        "id": 2,
        "name": "Water",
        "brewery": "None",
        "style": "",
        "alcohol_percent": 0.0,
    }
    assert [beer["name"] for beer in client.get("/beers").json] == ["Orval", "Water"]


def test_seeding_twice_changes_nothing(client: FlaskClient) -> None:
    client.post("/beers", json={"name": "Own", "brewery": "Own"})
    assert client.post("/beers/seed").json == {"inserted": 5, "total": 6}
    before = client.get("/beers").data
    assert client.post("/beers/seed").json == {"inserted": 0, "total": 6}
    assert client.get("/beers").data == before
    assert client.post("/beers", json={"name": "Next", "brewery": "Own"}).json["id"] == 7, "ids were used up"


def test_seeding_at_once_inserts_once(app: Flask, client: FlaskClient) -> None:
    with ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(lambda _: app.test_client().post("/beers/seed").status_code, range(8)))
    assert set(statuses) == {200}
    assert len(client.get("/beers").json) == 5


def test_a_brewery_has_one_beer_of_a_name(client: FlaskClient) -> None:
    beer = {"name": "Orval", "brewery": "Orval"}
    client.post("/beers", json=beer)
    response = client.post("/beers", json=beer)
    assert response.status_code == 409
    assert response.json["error"]["field"] == "name"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"brewery": 7}, "brewery"),
        ({"style": "s" * 101}, "style"),
        ({"alcohol_percent": "6"}, "alcohol_percent"),
        ({"alcohol_percent": 101}, "alcohol_percent"),
        ({"alcohol_percent": True}, "alcohol_percent"),
        ({"id": 5}, "id"),
    ],
)
def test_bad_beers_name_the_field(client: FlaskClient, change: dict[str, object], field: str) -> None:
    response = client.post("/beers", json={"name": "Orval", "brewery": "Orval", **change})
    assert response.status_code == 422
    assert response.json["error"]["field"] == field
