"""Feature ``beers``: a list of beers, and test data for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from flask_openapi.blueprint import APIBlueprint
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row
from pydantic import BaseModel, Field, RootModel

from slipway_app.database import Database
from slipway_app.errors import ErrorBody, conflict
from slipway_app.http import READ_ERRORS, WRITE_ERRORS
from slipway_app.types import PlainText, RequestModel

Name = Annotated[PlainText, Field(min_length=1, max_length=200)]


class BeerInput(RequestModel):
    """A beer to insert."""

    name: Name
    brewery: Name
    style: Annotated[PlainText, Field(max_length=100)] = ""
    alcohol_percent: Annotated[float, Field(ge=0, le=100)] = 0.0


class Beer(BaseModel):
    """A beer."""

    id: int
    name: str
    brewery: str
    style: str
    alcohol_percent: float


class BeerList(RootModel[list[Beer]]):
    """Every beer, in the order of insertion."""


class SeedResult(BaseModel):
    """What seeding did."""

    inserted: int
    total: int


TEST_DATA = [
    ("Pilsner Urquell", "Plzeňský Prazdroj", "Pilsner", 4.4),
    ("Orval", "Brasserie d'Orval", "Trappist", 6.2),
    ("Schlenkerla Märzen", "Heller-Trum", "Rauchbier", 5.1),
    ("Punk IPA", "BrewDog", "IPA", 5.4),
    ("Guinness Draught", "St. James's Gate", "Stout", 4.2),
]

INSERT = """
    INSERT INTO beers (name, brewery, style, alcohol_percent)
    VALUES (%(name)s, %(brewery)s, %(style)s, %(alcohol_percent)s)
    RETURNING id, name, brewery, style, alcohol_percent
"""
# What is there already is left out before the insert, so that a repeated seeding does not even use up ids.
SEED = """
    WITH given AS (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::float8[])
            AS given (name, brewery, style, alcohol_percent)
    ), inserted AS (
        INSERT INTO beers (name, brewery, style, alcohol_percent)
        SELECT * FROM given
        WHERE NOT EXISTS (SELECT FROM beers WHERE (beers.name, beers.brewery) = (given.name, given.brewery))
        ON CONFLICT (name, brewery) DO NOTHING
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM inserted), (SELECT count(*) FROM beers) + (SELECT count(*) FROM inserted)
"""


def create_blueprint(database: Database, security: list[dict[str, list[str]]]) -> APIBlueprint:
    """Return the endpoints of the feature."""
    api = APIBlueprint("beers", __name__, abp_tags=[{"name": "beers"}])

    @api.get("/beers", responses={200: BeerList, **READ_ERRORS})
    def list_beers() -> list[dict[str, object]]:
        """List every beer, in the order of insertion."""
        with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(
                "SELECT id, name, brewery, style, alcohol_percent FROM beers ORDER BY id"
            ).fetchall()

    @api.post("/beers", responses={201: Beer, 409: ErrorBody, **WRITE_ERRORS}, security=security)
    def create_beer(body: BeerInput) -> tuple[dict[str, object], int]:
        """Insert a beer; a brewery has only one of a name."""
        try:
            with database.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
                beer = cursor.execute(INSERT, body.model_dump()).fetchone()
        except UniqueViolation:
            raise conflict("This brewery already has a beer of this name.", "name") from None
        return beer or {}, HTTPStatus.CREATED

    @api.post("/beers/seed", responses={200: SeedResult, 401: ErrorBody, **READ_ERRORS}, security=security)
    def seed_beers() -> dict[str, int]:
        """Insert the test data; what is there already stays as it is."""
        inserted, total = database.fetch(SEED, [list(column) for column in zip(*TEST_DATA, strict=True)])[0]
        return {"inserted": inserted, "total": total}

    return api
