"""Feature ``tasks``: users and their tasks; their files are in ``files``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from flask_openapi.blueprint import APIBlueprint
from psycopg.errors import ForeignKeyViolation, UniqueViolation
from psycopg.rows import dict_row
from pydantic import BaseModel, BeforeValidator, Field

from slipway_app import files
from slipway_app.database import Database
from slipway_app.errors import ApiError, ErrorBody, conflict, not_found
from slipway_app.http import DELETE_RESPONSES, FIND_ERRORS, READ_ERRORS, WRITE_ERRORS
from slipway_app.storage import Storage
from slipway_app.types import (
    BodyId,
    PlainDate,
    PlainText,
    RequestModel,
    TaskPath,
    UrlId,
    UserPath,
    whole_number,
)

Status = Literal["todo", "in_progress", "done"]
Name = Annotated[PlainText, Field(min_length=1, max_length=200)]
Email = Annotated[
    PlainText,
    Field(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$", examples=["ada@example.com"]),
]


class UserInput(RequestModel):
    """A user, as clients give it."""

    name: Name
    email: Email


class TaskInput(RequestModel):
    """A task, as clients give it."""

    title: Name
    description: Annotated[PlainText, Field(max_length=10000)] = ""
    status: Status = "todo"
    due_date: PlainDate | None = None
    user_id: BodyId | None = Field(None, description="Whose task it is.")


class PageQuery(RequestModel):
    """Which part of a list: at most ``limit`` items, after the id that the page before ended with."""

    limit: Annotated[int, Field(ge=1, le=100), BeforeValidator(whole_number)] = 20
    after: Annotated[UrlId | None, Field(description="`next_after` of the page before.")] = None


class UserQuery(PageQuery):
    """Which users."""

    email: Annotated[PlainText | None, Field(description="Exactly this address, in any case.")] = None
    name: Annotated[PlainText | None, Field(description="Names that contain this, in any case.")] = None


class TaskQuery(PageQuery):
    """Which tasks."""

    status: Status | None = None
    user_id: UrlId | None = None
    title: Annotated[PlainText | None, Field(description="Titles that contain this, in any case.")] = None
    due_before: PlainDate | None = None


class User(BaseModel):
    """A user."""

    id: int
    name: str
    email: str
    profile_image: Annotated[str | None, Field(description="The path of the image, where there is one.")]
    created_at: datetime
    updated_at: datetime


class Task(BaseModel):
    """A task."""

    id: int
    title: str
    description: str
    status: Status
    due_date: date | None
    user_id: int | None
    created_at: datetime
    updated_at: datetime


class UserPage(BaseModel):
    """Some users, by id."""

    items: list[User]
    next_after: Annotated[
        int | None, Field(description="Give this as `after` for the next page; null at the end.")
    ]


class TaskPage(BaseModel):
    """Some tasks, by id."""

    items: list[Task]
    next_after: Annotated[
        int | None, Field(description="Give this as `after` for the next page; null at the end.")
    ]


USER_COLUMNS = """
    id, name, email, created_at, updated_at,
    CASE WHEN profile_image_key IS NOT NULL THEN '/users/' || id || '/profile-image' END AS profile_image
"""
TASK_COLUMNS = "id, title, description, status, due_date, user_id, created_at, updated_at"

Result = dict[str, Any]


def create_blueprint(
    database: Database, storage: Storage, security: list[dict[str, list[str]]]
) -> APIBlueprint:
    """Return the endpoints of the feature, those of its files among them."""
    api = APIBlueprint("tasks", __name__)
    api.register_api(_users(database, storage, security))
    api.register_api(_tasks(database, storage, security))
    api.register_api(files.create_blueprint(database, storage, security))
    return api


def _users(database: Database, storage: Storage, security: list[dict[str, list[str]]]) -> APIBlueprint:
    api = APIBlueprint("users", __name__, abp_tags=[{"name": "users"}])

    @api.get("/users", responses={200: UserPage, 422: ErrorBody, **READ_ERRORS})
    def list_users(query: UserQuery) -> Result:
        """List users by id, filtered and page by page."""
        return _page(
            database,
            f"SELECT {USER_COLUMNS} FROM users",
            query,
            [
                ("id > %(after)s", query.after),
                ("lower(email) = lower(%(email)s)", query.email),
                ("position(lower(%(name)s) IN lower(name)) > 0", query.name),
            ],
        )

    @api.post("/users", responses={201: User, 409: ErrorBody, **WRITE_ERRORS}, security=security)
    def create_user(body: UserInput) -> tuple[Result, int]:
        """Create a user; an email address belongs to one user only, in whatever case."""
        created = _write_user(
            database,
            f"INSERT INTO users (name, email) VALUES (%(name)s, %(email)s) RETURNING {USER_COLUMNS}",
            body.model_dump(),
        )
        return created or {}, HTTPStatus.CREATED

    @api.get("/users/<user_id>", responses={200: User, **FIND_ERRORS})
    def get_user(path: UserPath) -> Result:
        """Return a user."""
        user = _one(database, f"SELECT {USER_COLUMNS} FROM users WHERE id = %s", [path.user_id])
        if user is None:
            raise not_found("user", "user_id")
        return user

    @api.put(
        "/users/<user_id>",
        responses={200: User, 404: ErrorBody, 409: ErrorBody, **WRITE_ERRORS},
        security=security,
    )
    def update_user(path: UserPath, body: UserInput) -> Result:
        """Replace what is known of a user; the profile image stays."""
        user = _write_user(
            database,
            "UPDATE users SET name = %(name)s, email = %(email)s, updated_at = now()"
            f" WHERE id = %(id)s RETURNING {USER_COLUMNS}",
            {**body.model_dump(), "id": path.user_id},
        )
        if user is None:
            raise not_found("user", "user_id")
        return user

    @api.delete("/users/<user_id>", responses=DELETE_RESPONSES, security=security)
    def delete_user(path: UserPath) -> tuple[str, int]:
        """Delete a user; the tasks stay, without a user, and the profile image moves under `archived/`."""
        parameters = [path.user_id]

        def delete() -> list[str]:
            row = database.fetch_one(
                "DELETE FROM users WHERE id = %s RETURNING profile_image_key", parameters
            )
            if row is None:
                raise not_found("user", "user_id")
            return [row[0]] if row[0] else []

        known = database.fetch("SELECT profile_image_key FROM users WHERE id = %s", parameters)
        files.archive(storage, [key for (key,) in known if key], delete)
        return "", HTTPStatus.NO_CONTENT

    return api


def _tasks(database: Database, storage: Storage, security: list[dict[str, list[str]]]) -> APIBlueprint:
    api = APIBlueprint("tasks", __name__, abp_tags=[{"name": "tasks"}])

    @api.get("/tasks", responses={200: TaskPage, 422: ErrorBody, **READ_ERRORS})
    def list_tasks(query: TaskQuery) -> Result:
        """List tasks by id, filtered and page by page."""
        return _page(
            database,
            f"SELECT {TASK_COLUMNS} FROM tasks",
            query,
            [
                ("id > %(after)s", query.after),
                ("status = %(status)s", query.status),
                ("user_id = %(user_id)s", query.user_id),
                ("position(lower(%(title)s) IN lower(title)) > 0", query.title),
                ("due_date < %(due_before)s", query.due_before),
            ],
        )

    @api.post("/tasks", responses={201: Task, **WRITE_ERRORS}, security=security)
    def create_task(body: TaskInput) -> tuple[Result, int]:
        """Create a task."""
        created = _write_task(
            database,
            "INSERT INTO tasks (title, description, status, due_date, user_id)"
            " VALUES (%(title)s, %(description)s, %(status)s, %(due_date)s, %(user_id)s)"
            f" RETURNING {TASK_COLUMNS}",
            body.model_dump(),
        )
        return created or {}, HTTPStatus.CREATED

    @api.get("/tasks/<task_id>", responses={200: Task, **FIND_ERRORS})
    def get_task(path: TaskPath) -> Result:
        """Return a task."""
        task = _one(database, f"SELECT {TASK_COLUMNS} FROM tasks WHERE id = %s", [path.task_id])
        if task is None:
            raise not_found("task", "task_id")
        return task

    @api.put("/tasks/<task_id>", responses={200: Task, 404: ErrorBody, **WRITE_ERRORS}, security=security)
    def update_task(path: TaskPath, body: TaskInput) -> Result:
        """Replace a task; what is left out gets its default. The attachments stay."""
        task = _write_task(
            database,
            "UPDATE tasks SET title = %(title)s, description = %(description)s, status = %(status)s,"
            " due_date = %(due_date)s, user_id = %(user_id)s, updated_at = now()"
            f" WHERE id = %(id)s RETURNING {TASK_COLUMNS}",
            {**body.model_dump(), "id": path.task_id},
        )
        if task is None:
            raise not_found("task", "task_id")
        return task

    @api.delete("/tasks/<task_id>", responses=DELETE_RESPONSES, security=security)
    def delete_task(path: TaskPath) -> tuple[str, int]:
        """Delete a task; its attachments move under `archived/`."""
        parameters = [path.task_id]

        def delete() -> list[str]:
            with database.connection() as connection, connection.transaction():
                # The lock keeps an attachment from arriving between the two deletions.
                connection.execute("SELECT FROM tasks WHERE id = %s FOR UPDATE", parameters)
                removed = connection.execute(
                    "DELETE FROM attachments WHERE task_id = %s RETURNING object_key", parameters
                ).fetchall()
                if connection.execute("DELETE FROM tasks WHERE id = %s", parameters).rowcount == 0:
                    raise not_found("task", "task_id")
            return [key for (key,) in removed]

        known = database.fetch("SELECT object_key FROM attachments WHERE task_id = %s", parameters)
        files.archive(storage, [key for (key,) in known], delete)
        return "", HTTPStatus.NO_CONTENT

    return api


def _one(database: Database, query: str, parameters: Sequence[Any] | dict[str, Any]) -> Result | None:
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchone()


def _page(database: Database, select: str, page: PageQuery, filters: Iterable[tuple[str, object]]) -> Result:
    """Return the rows that all given filters let through, and where the next page begins."""
    conditions = [condition for condition, value in filters if value is not None]
    where = " WHERE " + " AND ".join(conditions) if conditions else ""
    with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"{select}{where} ORDER BY id LIMIT %(limit)s + 1",
            page.model_dump(),
        ).fetchall()
    items = rows[: page.limit]
    return {"items": items, "next_after": items[-1]["id"] if len(rows) > page.limit else None}


def _write_user(database: Database, query: str, parameters: dict[str, Any]) -> Result | None:
    try:
        return _one(database, query, parameters)
    except UniqueViolation:
        raise conflict("Another user has this email address.", "email") from None


def _write_task(database: Database, query: str, parameters: dict[str, Any]) -> Result | None:
    try:
        return _one(database, query, parameters)
    except ForeignKeyViolation:
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "There is no such user.", "user_id"
        ) from None
