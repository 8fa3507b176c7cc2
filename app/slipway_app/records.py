"""Feature ``records``: values by key."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, Field, RootModel

from slipway_app.database import Database
from slipway_app.http import READ_ERRORS, WRITE_ERRORS
from slipway_app.types import PlainText, RequestModel


class RecordInput(RequestModel):
    """A key and what it shall stand for."""

    key: Annotated[PlainText, Field(min_length=1, max_length=255)]
    value: Annotated[PlainText, Field(max_length=10000)]


class Record(BaseModel):
    """A key and what it stands for."""

    key: str
    value: str


class RecordList(RootModel[list[Record]]):
    """Every record, by key."""


# xmax is 0 in a row version that no transaction has updated or locked: the row is new.
UPSERT = """
    INSERT INTO records (key, value) VALUES (%s, %s)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
    RETURNING xmax = 0
"""


def create_blueprint(database: Database, security: list[dict[str, list[str]]]) -> APIBlueprint:
    """Return the endpoints of the feature."""
    api = APIBlueprint("records", __name__, abp_tags=[{"name": "records"}])

    @api.get("/data", responses={200: RecordList, **READ_ERRORS})
    def list_records() -> list[dict[str, str]]:
        """List every record, by key."""
        return [{"key": key, "value": value} for key, value in database.fetch(SELECT_ALL)]

    @api.post("/data", responses={200: Record, 201: Record, **WRITE_ERRORS}, security=security)
    def put_record(body: RecordInput) -> tuple[dict[str, str], int]:
        """Insert the record (201), or update the one that has this key (200)."""
        row = database.fetch_one(UPSERT, (body.key, body.value))
        created = row is not None and row[0]
        return {"key": body.key, "value": body.value}, HTTPStatus.CREATED if created else HTTPStatus.OK

    return api


SELECT_ALL = "SELECT key, value FROM records ORDER BY key"
