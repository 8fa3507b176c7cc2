"""The files of the feature ``tasks``: a user's profile image, a task's attachments.

A file is the body of its request or answer, as it is, and streamed both ways. Its object has a name of our
making; what the client calls it is a column.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from psycopg.rows import dict_row
from pydantic import BaseModel, Field, RootModel

from slipway_app.database import Database
from slipway_app.errors import ApiError, ErrorBody, conflict, not_found
from slipway_app.http import DELETE_RESPONSES, FIND_ERRORS, WRITE_ERRORS, Body
from slipway_app.storage import Storage
from slipway_app.types import PlainText, RequestModel, TaskPath, UrlId, UserPath

MAX_IMAGE_BYTES = 2 * 1024 * 1024
MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024
MAX_ATTACHMENTS = 20
"""Most attachments of one task, so that deleting it stays a matter of seconds."""

IMAGE_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "image/jpeg": lambda start: start.startswith(b"\xff\xd8\xff"),
    "image/png": lambda start: start.startswith(b"\x89PNG\r\n\x1a\n"),
    "image/webp": lambda start: start.startswith(b"RIFF") and start[8:12] == b"WEBP",
}
ATTACHMENT_TYPES = (
    "application/json",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/zip",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/plain",
)


class AttachmentPath(TaskPath):
    """The path of an attachment."""

    attachment_id: UrlId


class FileQuery(RequestModel):
    """What the file is called."""

    file_name: Annotated[
        PlainText,
        Field(
            min_length=1,
            max_length=255,
            pattern=r"^[^/\\\x00-\x1f\x7f]*[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*$",
            description="A name without slashes and control characters, and not of dots alone.",
        ),
    ]


class Attachment(BaseModel):
    """A file of a task."""

    id: int
    task_id: int
    file_name: str
    content_type: str
    size_bytes: int
    created_at: datetime


class AttachmentList(RootModel[list[Attachment]]):
    """A task's files, in the order of arrival."""


ATTACHMENT_COLUMNS = "id, task_id, file_name, content_type, size_bytes, created_at"
BINARY = {"schema": {"type": "string", "format": "binary"}}
REPLACE_IMAGE = """
    WITH old AS (SELECT id, profile_image_key FROM users WHERE id = %s FOR UPDATE)
    UPDATE users SET profile_image_key = %s, profile_image_type = %s, updated_at = now()
    FROM old WHERE users.id = old.id
    RETURNING old.profile_image_key
"""


def archive(storage: Storage, known: Sequence[str], remove: Callable[[], list[str]]) -> None:
    """Remove files, leaving copies under ``archived/``.

    The copies come first and may be made twice, so a failure at any point leaves everything as it was or, at
    worst, an original beside its copy; never a row without its file, nor a file lost.

    Args:
        storage: where the files are.
        known: keys of the objects about to go.
        remove: deletes the rows, and returns the keys they had.

    Raises:
        botocore.exceptions.BotoCoreError: S3 cannot be reached.
        botocore.exceptions.ClientError: S3 refuses.
    """
    for key in known:
        storage.copy_to_archive(key)
    for key in remove():
        if key not in known:
            storage.copy_to_archive(key)
        storage.delete(key)


def create_blueprint(
    database: Database, storage: Storage, security: list[dict[str, list[str]]]
) -> APIBlueprint:
    """Return the endpoints of the files."""
    api = APIBlueprint("files", __name__)
    api.register_api(_images(database, storage, security))
    api.register_api(_attachments(database, storage, security))
    return api


def _images(database: Database, storage: Storage, security: list[dict[str, list[str]]]) -> APIBlueprint:
    api = APIBlueprint("profile_images", __name__, abp_tags=[{"name": "profile images"}])

    def key_and_type(user_id: int) -> tuple[str | None, str | None]:
        row = database.fetch_one(
            "SELECT profile_image_key, profile_image_type FROM users WHERE id = %s", [user_id]
        )
        if row is None:
            raise not_found("user", "user_id")
        return row[0], row[1]

    def replace(user_id: int, key: str | None, content_type: str | None) -> list[str]:
        row = database.fetch_one(REPLACE_IMAGE, [user_id, key, content_type])
        if row is None:
            raise not_found("user", "user_id")
        return [row[0]] if row[0] else []

    @api.get(
        "/users/<user_id>/profile-image",
        responses={
            200: {"content": dict.fromkeys(IMAGE_SIGNATURES, BINARY)},
            **FIND_ERRORS,
        },
    )
    def get_profile_image(path: UserPath) -> Response:
        """Return the profile image of a user."""
        key, content_type = key_and_type(path.user_id)
        if key is None or content_type is None:
            raise not_found("profile image", "user_id")
        return _stream(storage, key, content_type, "inline", "user_id")

    @api.put(
        "/users/<user_id>/profile-image",
        request_body=_file_body(tuple(IMAGE_SIGNATURES)),
        responses={204: None, 404: ErrorBody, **WRITE_ERRORS},
        security=security,
    )
    def put_profile_image(path: UserPath) -> tuple[str, int]:
        """Store the image of a user (JPEG, PNG or WebP, at most 2 MiB); the one before is archived."""
        content_type = _content_type(tuple(IMAGE_SIGNATURES))
        old_key, _ = key_and_type(path.user_id)
        body = Body(request, MAX_IMAGE_BYTES)
        if not IMAGE_SIGNATURES[content_type](body.peek(12)):
            raise ApiError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "invalid",
                f"The body is not of the type {content_type}.",
                "body",
            )
        key = f"profile-images/{path.user_id}/{uuid.uuid4()}"

        def put() -> list[str]:
            storage.put(key, body, content_type)
            try:
                return replace(path.user_id, key, content_type)
            except ApiError:
                storage.delete(key)
                raise

        archive(storage, [old_key] if old_key else [], put)
        return "", HTTPStatus.NO_CONTENT

    @api.delete("/users/<user_id>/profile-image", responses=DELETE_RESPONSES, security=security)
    def delete_profile_image(path: UserPath) -> tuple[str, int]:
        """Remove the profile image of a user; it moves under `archived/`."""
        key, _ = key_and_type(path.user_id)
        if key is None:
            raise not_found("profile image", "user_id")
        archive(storage, [key], lambda: replace(path.user_id, None, None))
        return "", HTTPStatus.NO_CONTENT

    return api


def _attachments(database: Database, storage: Storage, security: list[dict[str, list[str]]]) -> APIBlueprint:
    api = APIBlueprint("attachments", __name__, abp_tags=[{"name": "attachments"}])

    def check_room(task_id: int) -> None:
        row = database.fetch_one(
            "SELECT (SELECT count(*) FROM attachments WHERE task_id = tasks.id) FROM tasks WHERE id = %s",
            [task_id],
        )
        _require_room(row[0] if row else None)

    def insert(task_id: int, file_name: str, content_type: str, size_bytes: int, key: str) -> dict[str, Any]:
        with database.connection() as connection, connection.transaction():
            # The lock makes uploads to one task wait for each other here, so that the count holds.
            task = connection.execute("SELECT FROM tasks WHERE id = %s FOR UPDATE", [task_id]).fetchone()
            count = connection.execute(
                "SELECT count(*) FROM attachments WHERE task_id = %s", [task_id]
            ).fetchone()
            _require_room(count[0] if task is not None and count else None)
            with connection.cursor(row_factory=dict_row) as cursor:
                attachment = cursor.execute(
                    "INSERT INTO attachments (task_id, file_name, content_type, size_bytes, object_key)"
                    f" VALUES (%s, %s, %s, %s, %s) RETURNING {ATTACHMENT_COLUMNS}",
                    [task_id, file_name, content_type, size_bytes, key],
                ).fetchone()
        return attachment or {}

    def find(path: AttachmentPath) -> tuple[str, str, str]:
        row = database.fetch_one(
            "SELECT object_key, content_type, file_name FROM attachments WHERE task_id = %s AND id = %s",
            [path.task_id, path.attachment_id],
        )
        if row is None:
            raise not_found("attachment", "attachment_id")
        return row[0], row[1], row[2]

    @api.get(
        "/tasks/<task_id>/attachments",
        responses={200: AttachmentList, **FIND_ERRORS},
    )
    def list_attachments(path: TaskPath) -> list[dict[str, Any]]:
        """List the attachments of a task, in the order of arrival."""
        with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            if not cursor.execute("SELECT FROM tasks WHERE id = %s", [path.task_id]).rowcount:
                raise not_found("task", "task_id")
            return cursor.execute(
                f"SELECT {ATTACHMENT_COLUMNS} FROM attachments WHERE task_id = %s ORDER BY id", [path.task_id]
            ).fetchall()

    @api.post(
        "/tasks/<task_id>/attachments",
        request_body=_file_body(ATTACHMENT_TYPES),
        responses={201: Attachment, 404: ErrorBody, 409: ErrorBody, **WRITE_ERRORS},
        security=security,
    )
    def add_attachment(path: TaskPath, query: FileQuery) -> tuple[dict[str, Any], int]:
        """Attach a file to a task: at most 20 MiB, and 20 files a task."""
        content_type = _content_type(ATTACHMENT_TYPES)
        check_room(path.task_id)
        body = Body(request, MAX_ATTACHMENT_BYTES)
        if not body.peek(1):
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "The file is empty.", "body")
        key = f"attachments/{path.task_id}/{uuid.uuid4()}"
        storage.put(key, body, content_type)
        try:
            return insert(path.task_id, query.file_name, content_type, body.size, key), HTTPStatus.CREATED
        except ApiError:
            storage.delete(key)
            raise

    @api.get(
        "/tasks/<task_id>/attachments/<attachment_id>",
        responses={
            200: {"content": dict.fromkeys(ATTACHMENT_TYPES, BINARY)},
            **FIND_ERRORS,
        },
    )
    def get_attachment(path: AttachmentPath) -> Response:
        """Return the file."""
        key, content_type, file_name = find(path)
        disposition = f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"
        return _stream(storage, key, content_type, disposition, "attachment_id")

    @api.delete("/tasks/<task_id>/attachments/<attachment_id>", responses=DELETE_RESPONSES, security=security)
    def delete_attachment(path: AttachmentPath) -> tuple[str, int]:
        """Remove the file from the task; it moves under `archived/`."""
        key, _, _ = find(path)

        def delete() -> list[str]:
            row = database.fetch_one(
                "DELETE FROM attachments WHERE object_key = %s RETURNING object_key", [key]
            )
            return [row[0]] if row else []

        archive(storage, [key], delete)
        return "", HTTPStatus.NO_CONTENT

    return api


def _file_body(types: Sequence[str]) -> dict[str, Any]:
    return {"content": dict.fromkeys(types, BINARY), "required": True}


def _content_type(allowed: Sequence[str]) -> str:
    content_type = request.mimetype
    if content_type not in allowed:
        raise ApiError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            f"The type {content_type!r} is not taken; allowed: {', '.join(allowed)}.",
            "Content-Type",
        )
    return content_type


def _require_room(attachments: int | None) -> None:
    if attachments is None:
        raise not_found("task", "task_id")
    if attachments >= MAX_ATTACHMENTS:
        raise conflict(f"A task has at most {MAX_ATTACHMENTS} attachments.", "task_id")


def _stream(storage: Storage, key: str, content_type: str, disposition: str, field: str) -> Response:
    stored = storage.get(key)
    if stored is None:
        raise not_found("file", field)
    response = Response(stored.chunks, mimetype=content_type)
    response.call_on_close(stored.close)
    response.content_length = stored.size_bytes
    response.headers["Content-Disposition"] = disposition
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-cache"
    return response
