"""The migration command: what a deployment runs before its new image."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import psycopg
from conftest import APP, PASSWORD, PostgresServer, migrate, wait_for
from psycopg import sql

from slipway_app.migrate import LOCK_KEY

TABLES = {"alembic_version", "attachments", "beers", "records", "tasks", "users"}


def tables(url: str, schema: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {
            name
            for (name,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]
            )
        }


def test_a_second_run_changes_nothing(postgres: PostgresServer) -> None:
    url = postgres.create_database("twice")
    first, second = migrate(url), migrate(url)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout.count("Running upgrade") == 3
    assert "Running upgrade" not in second.stdout
    assert "schema is at 0003_tasks" in second.stdout
    assert tables(url, "public") == TABLES
    assert all(json.loads(line)["message"] for line in first.stdout.splitlines())


def test_the_sql_that_is_shown_is_what_a_run_does(postgres: PostgresServer) -> None:
    command = [sys.executable, "-m", "slipway_app.migrate", "--sql"]
    shown = subprocess.run(
        command, cwd=APP, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    url = postgres.create_database("by_hand")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(shown.stdout.encode())
    assert tables(url, "public") == TABLES
    run = migrate(url)
    assert run.returncode == 0
    assert "Running upgrade" not in run.stdout


def test_two_runs_at_once(postgres: PostgresServer) -> None:
    url = postgres.create_database("at_once")
    with ThreadPoolExecutor(3) as threads:
        runs = list(threads.map(lambda _: migrate(url), range(3)))
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert sum(run.stdout.count("Running upgrade") for run in runs) == 3


def test_a_run_waits_for_the_one_before(postgres: PostgresServer) -> None:
    url = postgres.create_database("waiting")
    with psycopg.connect(url, autocommit=True) as other, ThreadPoolExecutor(1) as threads:
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        run = threads.submit(migrate, url)
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        wait_for(lambda: other.execute(waiting).fetchone() == (1,))
        assert tables(url, "public") == set()
        other.execute("SELECT pg_advisory_unlock_all()")
        assert run.result().returncode == 0


def test_a_failing_migration_says_so_and_leaves_what_it_found(postgres: PostgresServer) -> None:
    url = postgres.create_database("failing")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE beers ()")
    run = migrate(url)
    assert run.returncode == 1
    assert 'relation \\"beers\\" already exists' in run.stdout
    assert tables(url, "public") == {"alembic_version", "beers", "records"}
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE beers")
    assert migrate(url).returncode == 0


def test_unreachable_or_unnamed_database() -> None:
    run = migrate("postgresql://x@127.0.0.1:1/x")
    assert run.returncode == 1
    assert "refused" in run.stdout
    run = migrate("")
    assert run.returncode == 2
    assert "DATABASE_HOST" in run.stdout


def test_as_deployed(postgres: PostgresServer, aws: str) -> None:
    """The migrator's role decides owner and schema; its password comes from Secrets Manager."""
    url = postgres.create_database("deployed")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE ROLE deployed_owner NOLOGIN")
        admin.execute(
            sql.SQL("CREATE ROLE deployed_migrator LOGIN PASSWORD {} IN ROLE deployed_owner").format(PASSWORD)
        )
        admin.execute("CREATE SCHEMA app AUTHORIZATION deployed_owner")
        admin.execute("ALTER ROLE deployed_migrator SET role = deployed_owner")
        admin.execute("ALTER ROLE deployed_migrator SET search_path = app")
    client = boto3.client("secretsmanager", endpoint_url=aws)
    secret_id = f"migrator-{time.monotonic_ns()}"
    client.create_secret(
        Name=secret_id, SecretString=json.dumps({"username": "deployed_migrator", "password": PASSWORD})
    )
    client.close()
    run = subprocess.run(
        [sys.executable, "-m", "slipway_app.migrate"],
        cwd=APP,
        env={
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": str(postgres.port),
            "DATABASE_NAME": "deployed",
            "DATABASE_SSLMODE": "prefer",
            "DATABASE_SECRET_ID": secret_id,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert PASSWORD not in run.stdout + run.stderr
    assert tables(url, "app") == TABLES
    with psycopg.connect(url) as connection:
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'app'")
        assert owners.fetchall() == [("deployed_owner",)]
