# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of database_privileges_info: logs in as each user and tries what it may do and what it may not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, LiteralString

from ansible_collections.slipway.provision.plugins.plugin_utils.action import (
    ActionError,
    BaseActionModule,
    MissingLibraryError,
)

try:
    import psycopg
    from psycopg import sql
except ImportError:
    HAS_PSYCOPG = False
else:
    HAS_PSYCOPG = True

Json = dict[str, Any]

SEQUENCE_PRIVILEGES = ("USAGE",)
CONNECT_TIMEOUT_SECONDS = 10
LOCK_TIMEOUT_SECONDS = 5

# EXPLAIN checks the privileges of a statement without running it or firing a trigger (PostgreSQL, "EXPLAIN").
TABLE_ATTEMPTS: dict[str, LiteralString] = {
    "SELECT": "EXPLAIN SELECT {column} FROM {table}",
    "INSERT": "EXPLAIN INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "EXPLAIN UPDATE {table} SET {column} = DEFAULT",
    "DELETE": "EXPLAIN DELETE FROM {table}",
}

# One whose control file names a schema is used by that name.
FINDS_EXTENSION: LiteralString = """EXISTS (
  SELECT FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
  LEFT JOIN pg_available_extension_versions AS available ON available.name = extname AND version = extversion
  WHERE extname = {} AND (available.schema IS NOT NULL OR nspname = ANY (current_schemas(true)))
)"""

# Each attempt is a subtransaction, which the error SLIP1 rolls back. What PL/pgSQL catches is not logged.
RUN_ATTEMPTS = """
DO $attempts$
DECLARE
  attempt json;
  holds boolean;
  outcome text;
  outcomes text[] := '{}';
BEGIN
  FOR attempt IN SELECT json_array_elements(current_setting('slipway.attempts')::json) LOOP
    BEGIN
      holds := true;
      IF attempt ->> 'statement' <> '' THEN
        EXECUTE attempt ->> 'statement';
      END IF;
      IF attempt ->> 'question' <> '' THEN
        EXECUTE 'SELECT ' || (attempt ->> 'question') INTO holds;
      END IF;
      RAISE EXCEPTION USING ERRCODE = 'SLIP1';
    EXCEPTION
      WHEN SQLSTATE 'SLIP1' THEN outcome := CASE WHEN holds THEN 'allowed' ELSE 'refused' END;
      WHEN insufficient_privilege OR invalid_schema_name THEN outcome := 'refused';
      WHEN OTHERS THEN outcome := SQLERRM;
    END;
    outcomes := outcomes || outcome;
  END LOOP;
  PERFORM set_config('slipway.outcomes', array_to_json(outcomes)::text, false);
END
$attempts$
"""


@dataclass(frozen=True)
class User:
    """A user and what it may do, as the option `users` has it."""

    name: str
    password: str
    acts_as: str | None
    table_privileges: Sequence[str]
    sequence_privileges: Sequence[str]


@dataclass(frozen=True)
class Attempt:
    """Something a user tries: a statement, a question that is true or false, or both, one after the other."""

    user: str
    privilege: str
    allowed: bool
    statement: sql.Composable | str = ""
    question: sql.Composable | str = ""


@dataclass(frozen=True)
class Contents:
    """What the schema holds today: its tables, with a column of each, and its sequences."""

    tables: Sequence[tuple[str, str]]
    sequences: Sequence[str]


def attempts_of(
    user: User, users: Sequence[User], schema: str, contents: Contents, extensions: Sequence[str]
) -> Iterator[Attempt]:
    """List what a user tries.

    Args:
        user: The user.
        users: All of them, `user` included.
        schema: The schema which holds the tables.
        contents: What that schema holds.
        extensions: The extensions that each user has to find.

    Yields:
        Each attempt and whether it has to succeed.
    """
    creates = user.acts_as is not None
    role = user.acts_as or user.name
    probe = sql.Identifier(schema, "slipway_probe")
    attempt = partial(Attempt, user.name)

    yield attempt(f"act as {role}", True, question=sql.SQL("current_user = {}").format(role))
    yield attempt(
        f"find the tables of schema {schema} without naming it",
        True,
        question=sql.SQL("coalesce(current_schema() = {}, false)").format(schema),
    )
    for extension in extensions:
        # current_schemas leaves out a schema that the user may not use.
        question = sql.SQL(FINDS_EXTENSION).format(extension)
        yield attempt(f"find the extension {extension} without naming its schema", True, question=question)
    create_probe = sql.SQL("CREATE TABLE {} (id integer GENERATED ALWAYS AS IDENTITY)").format(probe)
    yield attempt(f"create a table in schema {schema}", creates, create_probe)
    yield attempt("create a temporary table", creates, "CREATE TEMPORARY TABLE slipway_probe (id integer)")
    yield attempt("create a table in schema public", False, "CREATE TABLE public.slipway_probe (id integer)")
    yield attempt("create a schema", False, "CREATE SCHEMA slipway_probe")
    roles = [other.name for other in users] + [other.acts_as for other in users if other.acts_as]
    for other_role in roles:
        if other_role != user.name:
            statement = sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(other_role))
            yield attempt(f"become {other_role}", other_role == user.acts_as, statement)
    if creates:
        owns = sql.SQL("relowner = {}::regrole FROM pg_class WHERE oid = {}::regclass")
        yield attempt(
            f"leave what it creates to {role}",
            True,
            create_probe,
            owns.format(sql.Identifier(role).as_string(), probe.as_string()),
        )
        for other in users:
            if other != user:
                yield from _attempts_on_created(user, other, create_probe, probe)
    else:
        yield from _attempts_on_contents(user, schema, contents)


def _attempts_on_created(
    user: User, other: User, create_probe: sql.Composable, probe: sql.Identifier
) -> Iterator[Attempt]:
    for privilege in TABLE_ATTEMPTS:
        yield Attempt(
            user.name,
            f"give {other.name} {privilege} on the tables it creates",
            privilege in other.table_privileges,
            create_probe,
            sql.SQL("has_table_privilege({}, {}, {})").format(other.name, probe.as_string(), privilege),
        )
    for privilege in SEQUENCE_PRIVILEGES:
        yield Attempt(
            user.name,
            f"give {other.name} {privilege} on the sequences it creates",
            privilege in other.sequence_privileges,
            create_probe,
            sql.SQL("has_sequence_privilege({}, pg_get_serial_sequence({}, 'id'), {})").format(
                other.name, probe.as_string(), privilege
            ),
        )


def _attempts_on_contents(user: User, schema: str, contents: Contents) -> Iterator[Attempt]:
    for table, column in contents.tables:
        names = {"table": sql.Identifier(schema, table), "column": sql.Identifier(column)}
        for privilege, statement in TABLE_ATTEMPTS.items():
            allowed = privilege in user.table_privileges
            yield Attempt(user.name, f"{privilege} on {schema}.{table}", allowed, sql.SQL(statement).format(**names))
    for sequence in contents.sequences:
        name = sql.Identifier(schema, sequence).as_string()
        for privilege in SEQUENCE_PRIVILEGES:
            allowed = privilege in user.sequence_privileges
            # Asked, not tried: no rollback takes back a value drawn from a sequence.
            question = sql.SQL("has_sequence_privilege({}, {})").format(name, privilege)
            yield Attempt(user.name, f"{privilege} on {schema}.{sequence}", allowed, question=question)


def attempts_of_public() -> Iterator[Attempt]:
    """List what PUBLIC, that is any other user of the server, has to be refused.

    Yields:
        Each attempt; any user can make them, because they only ask.
    """
    for privilege in ("CONNECT", "TEMPORARY", "CREATE"):
        yield Attempt(
            "PUBLIC",
            f"{privilege} on the database",
            False,
            question=sql.SQL("has_database_privilege('public', current_database(), {})").format(privilege),
        )
    yield Attempt(
        "PUBLIC",
        "CREATE on schema public",
        False,
        question="has_schema_privilege('public', 'public', 'CREATE')",
    )


def read_contents(connection: psycopg.Connection[Any], schema: str) -> Contents:
    """Read what a schema holds.

    Args:
        connection: A connection of any user.
        schema: The schema.

    Returns:
        Its tables that have a column, and its sequences; what an extension brought along is left out.
    """
    rows = connection.execute(
        """
        SELECT relkind, relname, attname
        FROM pg_namespace
        JOIN pg_class AS relation ON relnamespace = pg_namespace.oid AND relkind IN ('r', 'p', 'S')
        JOIN LATERAL (
          SELECT attname FROM pg_attribute
          WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum LIMIT 1
        ) AS first_column ON true
        WHERE nspname = %s AND NOT EXISTS (
          SELECT FROM pg_depend
          WHERE classid = 'pg_class'::regclass AND objid = relation.oid AND deptype = 'e'
        )
        ORDER BY 2
        """,
        (schema,),
    ).fetchall()
    return Contents(
        tables=[(name, column) for kind, name, column in rows if kind != "S"],
        sequences=[name for kind, name, _ in rows if kind == "S"],
    )


def run_attempts(connection: psycopg.Connection[Any], attempts: Sequence[Attempt]) -> list[str]:
    """Make attempts and roll each back.

    Args:
        connection: A connection of the user who tries.
        attempts: What it tries.

    Returns:
        For each attempt `allowed`, `refused`, or the error that kept it from being decided.
    """

    def text(part: sql.Composable | str) -> str:
        return part if isinstance(part, str) else part.as_string(connection)

    task = [{"statement": text(item.statement), "question": text(item.question)} for item in attempts]
    connection.execute("SELECT set_config('slipway.attempts', %s, false)", (json.dumps(task),))
    connection.execute(RUN_ATTEMPTS)
    row = connection.execute("SELECT current_setting('slipway.outcomes')").fetchone()
    connection.rollback()
    outcomes: list[str] = json.loads(row[0]) if row else []
    return outcomes


def try_privileges(
    connect_arguments: dict[str, Any], schema: str, users: Sequence[User], extensions: Sequence[str]
) -> tuple[list[dict[str, str]], list[str]]:
    """Log in as each user, once, and let it try.

    Args:
        connect_arguments: What libpq needs to know of the server.
        schema: The schema which holds the tables.
        users: The users.
        extensions: The extensions that each of them has to find.

    Returns:
        The matrix, and the names of the users who could not log in.

    Raises:
        psycopg.Error: The server failed after it had let a user in.
    """
    matrix: list[dict[str, str]] = []
    failed_logins: list[str] = []
    public = list(attempts_of_public())

    def note(user: str, privilege: str, allowed: bool, found: str) -> None:
        expected = "allowed" if allowed else "refused"
        matrix.append({"user": user, "privilege": privilege, "expected": expected, "found": found})

    for user in users:
        try:
            connection = psycopg.connect(**connect_arguments, user=user.name, password=user.password)
        except psycopg.OperationalError as error:
            failed_logins.append(user.name)
            note(user.name, "log in", True, f"refused ({' '.join(str(error).split())})")
            continue
        with connection:
            note(user.name, "log in", True, "allowed")
            contents = read_contents(connection, schema)
            attempts = [*attempts_of(user, users, schema, contents, extensions), *public]
            for attempt, found in zip(attempts, run_attempts(connection, attempts), strict=True):
                note(attempt.user, attempt.privilege, attempt.allowed, found)
        public = []
    return matrix, failed_logins


class ActionModule(BaseActionModule):
    """Tries what the users may do."""

    def answer(self, arguments: Json) -> Json:
        """Return each attempt, and those that did not end as expected."""
        if not HAS_PSYCOPG:
            raise MissingLibraryError("psycopg")
        connect_arguments = {
            "host": arguments["login_host"],
            "port": arguments["login_port"],
            "dbname": arguments["login_db"],
            "sslmode": "verify-full",
            "sslrootcert": arguments["ca_cert"],
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "slipway",
            "options": f"-c lock_timeout={LOCK_TIMEOUT_SECONDS}s",
        }
        users = [User(**options) for options in arguments["users"]]
        try:
            matrix, failed_logins = try_privileges(
                connect_arguments, arguments["schema"], users, arguments["extensions"]
            )
        except psycopg.Error as error:
            raise ActionError(f"The database {arguments['login_db']} failed while it was tried: {error}") from error
        return {
            "changed": False,
            "matrix": matrix,
            "mismatches": [
                f"{row['user']}: {row['privilege']}: expected {row['expected']}, found {row['found']}"
                for row in matrix
                if row["found"] != row["expected"]
            ],
            "failed_logins": failed_logins,
        }
