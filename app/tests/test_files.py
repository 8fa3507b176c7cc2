"""Feature tasks: profile images and attachments, in a real bucket."""

from __future__ import annotations

import io
import os
from typing import Any

import psycopg
import pytest
from conftest import BUCKET, object_keys, settings
from flask import Flask
from flask.testing import FlaskClient

from slipway_app import create_app, files

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
WEBP = b"RIFF\x00\x00\x00\x00WEBP" + bytes(100)
IMAGE = "/users/1/profile-image"
ATTACHMENTS = "/tasks/1/attachments"


@pytest.fixture
def owner(client: FlaskClient) -> FlaskClient:
    """A client, where user 1 and task 1 exist."""
    client.post("/users", json={"name": "Ada", "email": "ada@example.com"})
    client.post("/tasks", json={"title": "Write"})
    return client


def attach(client: FlaskClient, data: bytes = b"data", name: str = "a.txt", kind: str = "text/plain") -> Any:
    return client.post(ATTACHMENTS, data=data, content_type=kind, query_string={"file_name": name})


def test_profile_image(owner: FlaskClient, bucket: Any) -> None:
    assert owner.get(IMAGE).status_code == 404
    assert owner.put(IMAGE, data=PNG, content_type="image/png").status_code == 204
    answer = owner.get(IMAGE)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, PNG, "image/png")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert owner.get("/users/1").json["profile_image"] == IMAGE
    (first,) = object_keys(bucket)

    assert owner.put(IMAGE, data=WEBP, content_type="image/webp").status_code == 204
    assert owner.get(IMAGE).data == WEBP
    keys = object_keys(bucket)
    assert f"archived/{first}" in keys
    assert first not in keys

    assert owner.delete(IMAGE).status_code == 204
    assert owner.get(IMAGE).status_code == 404
    assert owner.delete(IMAGE).status_code == 404
    assert owner.get("/users/1").json["profile_image"] is None
    assert len(object_keys(bucket)) == 2
    assert all(key.startswith("archived/profile-images/1/") for key in object_keys(bucket))


def test_attachment(owner: FlaskClient, bucket: Any) -> None:
    data = os.urandom(300_000)
    created = attach(owner, data, name="Bericht №1; final.pdf", kind="application/pdf; charset=x")
    assert created.status_code == 201
    attachment = created.json
    assert attachment["size_bytes"] == len(data)
    assert attachment["content_type"] == "application/pdf"
    assert owner.get(ATTACHMENTS).json == [attachment]

    path = f"{ATTACHMENTS}/{attachment['id']}"
    answer = owner.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data == data
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename*=UTF-8''Bericht%20%E2%84%961%3B%20final.pdf"
    )
    (key,) = object_keys(bucket)
    assert bucket.head_object(Bucket=BUCKET, Key=key)["ContentType"] == "application/pdf"

    assert owner.delete(path).status_code == 204
    assert object_keys(bucket) == [f"archived/{key}"]
    assert bucket.get_object(Bucket=BUCKET, Key=f"archived/{key}")["Body"].read() == data
    for gone in (owner.get(path), owner.delete(path)):
        assert gone.status_code == 404
        assert gone.json["error"]["field"] == "attachment_id"
    assert owner.get(ATTACHMENTS).json == []


def test_large_attachment_goes_in_parts(owner: FlaskClient) -> None:
    data = os.urandom(12 * 1024 * 1024 + 1)
    created = attach(owner, data, kind="application/zip")
    assert created.status_code == 201
    assert created.json["size_bytes"] == len(data)
    assert owner.get(f"{ATTACHMENTS}/{created.json['id']}").data == data


def test_deleting_a_task_archives_its_attachments(owner: FlaskClient, bucket: Any) -> None:
    for number in range(3):
        attach(owner, name=f"{number}.txt")
    keys = object_keys(bucket)
    assert owner.delete("/tasks/1").status_code == 204
    assert object_keys(bucket) == sorted(f"archived/{key}" for key in keys)


def test_deleting_a_user_archives_the_image(owner: FlaskClient, bucket: Any) -> None:
    owner.put(IMAGE, data=PNG, content_type="image/png")
    (key,) = object_keys(bucket)
    assert owner.delete("/users/1").status_code == 204
    assert object_keys(bucket) == [f"archived/{key}"]


def test_a_deletion_that_was_cut_short_is_finished_by_the_next(
    owner: FlaskClient, bucket: Any, admin: psycopg.Connection[Any]
) -> None:
    attach(owner)
    (key,) = object_keys(bucket)
    bucket.copy_object(Bucket=BUCKET, Key=f"archived/{key}", CopySource={"Bucket": BUCKET, "Key": key})
    bucket.delete_object(Bucket=BUCKET, Key=key)
    missing = owner.get(f"{ATTACHMENTS}/1")
    assert (missing.status_code, missing.json["error"]["field"]) == (404, "attachment_id")
    assert owner.delete(f"{ATTACHMENTS}/1").status_code == 204
    assert object_keys(bucket) == [f"archived/{key}"]
    assert admin.execute("SELECT count(*) FROM attachments").fetchone() == (0,)


def test_attachment_belongs_to_its_task(owner: FlaskClient) -> None:
    owner.post("/tasks", json={"title": "Other"})
    attach(owner)
    assert owner.get("/tasks/2/attachments/1").status_code == 404
    assert owner.delete("/tasks/2/attachments/1").status_code == 404
    assert owner.get("/tasks/1/attachments/1").status_code == 200


def test_limits(owner: FlaskClient, bucket: Any) -> None:
    too_big = attach(owner, bytes(files.MAX_ATTACHMENT_BYTES + 1))
    assert (too_big.status_code, too_big.json["error"]["field"]) == (413, "body")
    too_big = owner.put(IMAGE, data=PNG + bytes(files.MAX_IMAGE_BYTES), content_type="image/png")
    assert (too_big.status_code, too_big.json["error"]["field"]) == (413, "body")
    assert object_keys(bucket) == []
    largest = attach(owner, bytes(files.MAX_ATTACHMENT_BYTES))
    assert (largest.status_code, largest.json["size_bytes"]) == (201, files.MAX_ATTACHMENT_BYTES)


def test_a_task_has_room_for_so_many(owner: FlaskClient, bucket: Any) -> None:
    for _ in range(files.MAX_ATTACHMENTS):
        assert attach(owner).status_code == 201
    full = attach(owner)
    assert (full.status_code, full.json["error"]["field"]) == (409, "task_id")
    assert len(object_keys(bucket)) == files.MAX_ATTACHMENTS


@pytest.mark.parametrize(
    ("data", "kind", "status", "field"),
    [
        (b"<svg/>", "image/svg+xml", 415, "Content-Type"),
        (b"x", "text/html", 415, "Content-Type"),
        (b"x", None, 415, "Content-Type"),
        (b"not a png", "image/png", 422, "body"),
        (PNG, "image/jpeg", 422, "body"),
        (b"", "image/png", 422, "body"),
    ],
)
def test_bad_images(
    owner: FlaskClient, bucket: Any, data: bytes, kind: str | None, status: int, field: str
) -> None:
    response = owner.put(IMAGE, data=data, content_type=kind)
    assert (response.status_code, response.json["error"]["field"]) == (status, field)
    assert object_keys(bucket) == []


@pytest.mark.parametrize("name", ["", "a/b", "..", ".", "\\", "a\x00", "a\n", "n" * 256, "../../etc/passwd"])
def test_bad_file_names(owner: FlaskClient, bucket: Any, name: str) -> None:
    response = attach(owner, name=name)
    assert (response.status_code, response.json["error"]["field"]) == (422, "file_name")
    assert object_keys(bucket) == []


def test_other_bad_attachments(owner: FlaskClient) -> None:
    assert owner.post(ATTACHMENTS, data=b"x", content_type="text/plain").json["error"]["field"] == "file_name"
    assert attach(owner, b"").json["error"]["field"] == "body"
    assert attach(owner, kind="text/html").json["error"]["field"] == "Content-Type"


def test_unknown_owners(client: FlaskClient, bucket: Any) -> None:
    assert attach(client).json["error"] == {
        "code": "not_found",
        "message": "There is no such task.",
        "field": "task_id",
        "details": [],
    }
    assert client.get(ATTACHMENTS).status_code == 404
    assert client.put(IMAGE, data=PNG, content_type="image/png").status_code == 404
    assert object_keys(bucket) == []


def test_bucket_out_of_reach(database_url: str, aws: str, client: FlaskClient) -> None:
    app: Flask = create_app(settings(database_url, bucket_name="no-such-bucket"))
    other = app.test_client()
    other.post("/tasks", json={"title": "Write"})
    health = other.get("/health")
    assert health.status_code == 503
    assert health.json["unavailable"] == ["bucket"]
    response = other.post(
        ATTACHMENTS, data=io.BytesIO(b"x"), content_type="text/plain", query_string={"file_name": "a"}
    )
    assert (response.status_code, response.json["error"]["field"]) == (503, "bucket")
    app.extensions["slipway_database"].close()
