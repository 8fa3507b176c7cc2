"""Feature tasks: users and tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

ADA = {"name": "Ada", "email": "Ada@example.com"}


@pytest.fixture
def ada(client: FlaskClient) -> dict[str, Any]:
    user: dict[str, Any] = client.post("/users", json=ADA).json
    return user


def test_life_of_a_user(client: FlaskClient) -> None:
    created = client.post("/users", json=ADA)
    assert created.status_code == 201
    user = created.json
    assert user["id"] == 1
    assert {key: user[key] for key in ADA} == ADA
    assert user["profile_image"] is None
    assert client.get("/users/1").json == user

    updated = client.put("/users/1", json={"name": "Ada L.", "email": "ada@example.com"})
    assert updated.status_code == 200
    assert updated.json["name"] == "Ada L."
    assert updated.json["created_at"] == user["created_at"]
    assert updated.json["updated_at"] > user["updated_at"]

    assert client.delete("/users/1").status_code == 204
    for gone in (client.get("/users/1"), client.delete("/users/1"), client.put("/users/1", json=ADA)):
        assert gone.status_code == 404
        assert gone.json["error"]["field"] == "user_id"


def test_life_of_a_task(client: FlaskClient, ada: dict[str, Any]) -> None:
    created = client.post("/tasks", json={"title": "Write"})
    assert created.status_code == 201
    task = created.json
    assert {key: task[key] for key in ("title", "description", "status", "due_date", "user_id")} == {
        "title": "Write",
        "description": "",
        "status": "todo",
        "due_date": None,
        "user_id": None,
    }
    whole = {
        "title": "Read",
        "description": "all",
        "status": "done",
        "due_date": "2030-02-28",
        "user_id": ada["id"],
    }
    updated = client.put(f"/tasks/{task['id']}", json=whole)
    assert updated.status_code == 200
    assert {key: updated.json[key] for key in whole} == whole
    assert client.get(f"/tasks/{task['id']}").json == updated.json

    assert client.delete(f"/tasks/{task['id']}").status_code == 204
    for gone in (
        client.get("/tasks/1"),
        client.delete("/tasks/1"),
        client.put("/tasks/1", json=whole),
    ):
        assert gone.status_code == 404
        assert gone.json["error"]["field"] == "task_id"


def test_tasks_outlive_their_user(client: FlaskClient, ada: dict[str, Any]) -> None:
    client.post("/tasks", json={"title": "Write", "user_id": ada["id"]})
    assert client.delete(f"/users/{ada['id']}").status_code == 204
    assert client.get("/tasks/1").json["user_id"] is None


def test_an_address_has_one_user_in_any_case(client: FlaskClient, ada: dict[str, Any]) -> None:
    again = client.post("/users", json={"name": "Other", "email": "ADA@EXAMPLE.COM"})
    assert (again.status_code, again.json["error"]["field"]) == (409, "email")
    bob = client.post("/users", json={"name": "Bob", "email": "bob@example.com"}).json
    taken = client.put(f"/users/{bob['id']}", json={"name": "Bob", "email": ada["email"]})
    assert (taken.status_code, taken.json["error"]["field"]) == (409, "email")


def test_a_task_is_of_a_user_that_exists(client: FlaskClient) -> None:
    response = client.post("/tasks", json={"title": "Write", "user_id": 99})
    assert (response.status_code, response.json["error"]["field"]) == (422, "user_id")


def test_pages_hold_every_task_once(client: FlaskClient) -> None:
    for number in range(7):
        client.post("/tasks", json={"title": f"t{number}"})
    seen: list[int] = []
    after: int | None = 0
    pages = 0
    while after is not None:
        query = f"&after={after}" if after else ""
        page = client.get(f"/tasks?limit=3{query}").json
        seen += [task["id"] for task in page["items"]]
        after = page["next_after"]
        pages += 1
    assert seen == list(range(1, 8))
    assert pages == 3
    assert client.get("/tasks?limit=7").json["next_after"] is None


def test_task_filters(client: FlaskClient, ada: dict[str, Any]) -> None:
    for task in (
        {"title": "Write 100%", "status": "done", "due_date": "2030-01-01"},
        {"title": "write_it", "user_id": ada["id"], "due_date": "2031-01-01"},
        {"title": "Read", "user_id": ada["id"], "status": "in_progress"},
    ):
        assert client.post("/tasks", json=task).status_code == 201

    def ids(query: str) -> list[int]:
        return [task["id"] for task in client.get(f"/tasks?{query}").json["items"]]

    assert ids("") == [1, 2, 3]
    assert ids("status=done") == [1]
    assert ids(f"user_id={ada['id']}") == [2, 3]
    assert ids("title=WRITE") == [1, 2]
    assert ids("title=%25") == [1]
    assert ids("title=_") == [2]
    assert ids("due_before=2030-06-01") == [1]
    assert ids(f"user_id={ada['id']}&title=write&status=todo") == [2]
    assert ids("title='%20OR%201=1--") == []


def test_user_filters(client: FlaskClient, ada: dict[str, Any]) -> None:
    client.post("/users", json={"name": "Bob", "email": "bob@example.com"})
    assert [user["name"] for user in client.get("/users?email=ada@EXAMPLE.com").json["items"]] == ["Ada"]
    assert [user["name"] for user in client.get("/users?name=b").json["items"]] == ["Bob"]
    assert client.get("/users?email=no@example.com").json == {"items": [], "next_after": None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("after=0", "after"),
        (f"after={2**63}", "after"),
        ("status=finished", "status"),
        ("user_id=1;", "user_id"),
        ("user_id=", "user_id"),
        ("title=%00", "title"),
        ("due_before=2030-02-30", "due_before"),
        ("due_before=20300201", "due_before"),
        ("sort=title", "sort"),
        ("1'=1", "1'"),
        ("title=%ff", "query"),
    ],
)
def test_bad_filters_name_the_parameter(client: FlaskClient, query: str, field: str) -> None:
    response = client.get(f"/tasks?{query}")
    assert 400 <= response.status_code < 500
    assert response.json["error"]["field"] == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": None}, "title"),
        ({"status": "finished"}, "status"),
        ({"due_date": "tomorrow"}, "due_date"),
        ({"due_date": 20300101}, "due_date"),
        ({"due_date": "2030-13-01"}, "due_date"),
        ({"user_id": 2**63}, "user_id"),
        ({"user_id": 10**30}, "user_id"),
        ({"user_id": "1"}, "user_id"),
        ({"user_id": True}, "user_id"),
        ({"description": "\x00"}, "description"),
        ({"id": 1}, "id"),
    ],
)
def test_bad_tasks_name_the_field(client: FlaskClient, change: dict[str, object], field: str) -> None:
    body = json.dumps({"title": "Write", **change})
    response = client.post("/tasks", data=body, content_type="application/json")
    assert response.status_code == 422
    assert response.json["error"]["field"] == field


@pytest.mark.parametrize("email", ["", "ada", "a@b", "a b@c.de", "@example.com", "a@b.c\x00", "a" * 255])
def test_bad_addresses_name_the_field(client: FlaskClient, email: str) -> None:
    response = client.post("/users", json={"name": "Ada", "email": email})
    assert response.status_code == 422
    assert response.json["error"]["field"] == "email"


def test_every_bad_field_is_told(client: FlaskClient) -> None:
    error = client.post("/users", json={"name": "", "email": "x"}).json["error"]
    assert [detail["field"] for detail in error["details"]] == ["name", "email"]


@pytest.mark.parametrize(
    "user_id", ["0", "-1", str(2**63), "9" * 99, "x", "1.0", "1'--", "%00", "%2e%2e", "１"]
)
def test_bad_ids_name_the_parameter(client: FlaskClient, user_id: str) -> None:
    response = client.get(f"/users/{user_id}")
    assert response.status_code == 422
    assert response.json["error"]["field"] == "user_id"
