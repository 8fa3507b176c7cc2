"""What the action database_privileges_info tries. That it works is shown by molecule/database_access_*."""

from __future__ import annotations

from unittest.mock import MagicMock, patch

import psycopg
import pytest

from plugins.action import database_privileges_info as subject
from plugins.action.database_privileges_info import Attempt, Contents, User

MIGRATOR = User("db_migrator", "m", "db_owner", [], [])
APP = User("db_app", "a", None, ["SELECT", "INSERT", "UPDATE", "DELETE"], ["USAGE"])
READONLY = User("db_readonly", "r", None, ["SELECT"], [])
USERS = [MIGRATOR, APP, READONLY]
EXTENSIONS = ["citext"]
CONTENTS = Contents(tables=[('odd "name"', "a column")], sequences=["numbers"])


def attempts(user: User) -> dict[str, Attempt]:
    return {item.privilege: item for item in subject.attempts_of(user, USERS, "app", CONTENTS, EXTENSIONS)}


def allowed(user: User) -> set[str]:
    return {name for name, item in attempts(user).items() if item.allowed}


def test_migrator_may_create_as_the_owner_and_nothing_else() -> None:
    assert allowed(MIGRATOR) == {
        "act as db_owner",
        "find the tables of schema app without naming it",
        "find the extension citext without naming its schema",
        "create a table in schema app",
        "create a temporary table",
        "become db_owner",
        "leave what it creates to db_owner",
        "give db_app SELECT on the tables it creates",
        "give db_app INSERT on the tables it creates",
        "give db_app UPDATE on the tables it creates",
        "give db_app DELETE on the tables it creates",
        "give db_app USAGE on the sequences it creates",
        "give db_readonly SELECT on the tables it creates",
    }


def test_app_may_use_tables_and_sequences() -> None:
    assert allowed(APP) == {
        "act as db_app",
        "find the tables of schema app without naming it",
        "find the extension citext without naming its schema",
        'SELECT on app.odd "name"',
        'INSERT on app.odd "name"',
        'UPDATE on app.odd "name"',
        'DELETE on app.odd "name"',
        "USAGE on app.numbers",
    }


def test_readonly_may_read() -> None:
    assert allowed(READONLY) == {
        "act as db_readonly",
        "find the tables of schema app without naming it",
        "find the extension citext without naming its schema",
        'SELECT on app.odd "name"',
    }


@pytest.mark.parametrize("user", [APP, READONLY])
def test_what_serves_is_refused_to_create_or_to_become_another(user: User) -> None:
    refused = {name for name, item in attempts(user).items() if not item.allowed}
    others = {other.name for other in USERS if other != user} | {"db_owner"}
    assert refused >= {
        "create a table in schema app",
        "create a temporary table",
        "create a table in schema public",
        "create a schema",
        *(f"become {other}" for other in others),
    }


def test_names_are_quoted() -> None:
    statement = attempts(APP)['UPDATE on app.odd "name"'].statement
    assert not isinstance(statement, str)
    assert statement.as_string() == 'EXPLAIN UPDATE "app"."odd ""name""" SET "a column" = DEFAULT'


def test_public_is_refused_everything() -> None:
    assert [item.allowed for item in subject.attempts_of_public()] == [False] * 4


def run(*logins: list[str] | Exception) -> tuple[list[dict[str, str]], list[str]]:
    """Try, where each user's attempts begin to end as said and the others are refused, or its login fails."""
    connections = [MagicMock(outcomes=login) if isinstance(login, list) else login for login in logins]

    def run_attempts(connection: MagicMock, tried: list[Attempt]) -> list[str]:
        return [*connection.outcomes, *["refused"] * (len(tried) - len(connection.outcomes))]

    with (
        patch.object(psycopg, "connect", side_effect=connections),
        patch.object(subject, "read_contents", return_value=CONTENTS),
        patch.object(subject, "run_attempts", side_effect=run_attempts),
    ):
        return subject.try_privileges({}, "app", USERS, EXTENSIONS)


def test_user_who_cannot_log_in_is_named_and_the_others_are_still_tried() -> None:
    matrix, failed_logins = run(psycopg.OperationalError("no\n such user"), ["allowed"], [])
    assert failed_logins == ["db_migrator"]
    assert matrix[0] == {
        "user": "db_migrator",
        "privilege": "log in",
        "expected": "allowed",
        "found": "refused (no such user)",
    }
    assert {
        "user": "db_app",
        "privilege": "act as db_app",
        "expected": "allowed",
        "found": "allowed",
    } in matrix
    assert {row["user"] for row in matrix} == {"db_migrator", "db_app", "db_readonly", "PUBLIC"}


def test_public_is_asked_once() -> None:
    matrix, _ = run([], [], [])
    assert [row["user"] for row in matrix].count("PUBLIC") == 4
