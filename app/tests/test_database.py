"""The database goes, comes back, and changes its password, while the application keeps running."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import boto3
import psycopg
import pytest
from conftest import PASSWORD, PostgresServer, migrate, settings, wait_for
from flask import Flask
from flask.testing import FlaskClient
from ministack.core.x509_utils import generate_ca, sign_leaf_certificate
from psycopg import sql

from slipway_app import create_app
from slipway_app.config import DatabaseSettings
from slipway_app.database import Credentials
from slipway_app.secrets import CachedSecret


@pytest.fixture
def records(own_postgres: PostgresServer) -> Iterator[FlaskClient]:
    """A deployment of the feature records with a database of its own."""
    assert migrate(own_postgres.url("postgres")).returncode == 0
    app = create_app(settings(own_postgres.url("postgres"), features=("records",), bucket_name=None))
    yield app.test_client()
    app.extensions["slipway_database"].close()


def test_down_and_back_again(records: FlaskClient, own_postgres: PostgresServer) -> None:
    assert records.post("/data", json={"key": "a", "value": "1"}).status_code == 201
    assert records.get("/health").json == {"status": "ok", "unavailable": [], "checks": {"database": "ok"}}
    own_postgres.stop()

    started = time.monotonic()
    health = records.get("/health")
    assert time.monotonic() - started < 5
    assert health.status_code == 503
    assert health.json == {
        "status": "unavailable",
        "unavailable": ["database"],
        "checks": {"database": "unavailable"},
    }
    for response in (records.get("/data"), records.post("/data", json={"key": "a", "value": "2"})):
        assert response.status_code == 503
        assert response.json["error"]["field"] == "database"
        assert response.headers["Retry-After"]
    assert records.get("/healthz").status_code == 200

    started = time.monotonic()
    for _ in range(8):
        assert records.get("/data").status_code == 503
    assert time.monotonic() - started < 6, "requests wait for a database that is known to be down"

    own_postgres.start()
    wait_for(lambda: records.get("/health").status_code == 200, seconds=5)
    assert records.get("/data").json == [{"key": "a", "value": "1"}]


def test_restart_between_two_requests_is_not_noticed(
    records: FlaskClient, own_postgres: PostgresServer
) -> None:
    assert records.get("/data").status_code == 200
    own_postgres.stop()
    own_postgres.start()
    assert records.get("/data").status_code == 200


def test_never_up_at_start(own_postgres: PostgresServer) -> None:
    own_postgres.stop()
    app = create_app(settings(own_postgres.url("postgres"), features=("records",), bucket_name=None))
    assert app.test_client().get("/health").status_code == 503
    own_postgres.start()
    assert migrate(own_postgres.url("postgres")).returncode == 0
    wait_for(lambda: app.test_client().get("/data").status_code == 200, seconds=5)
    app.extensions["slipway_database"].close()


def test_before_the_migration(postgres: PostgresServer) -> None:
    app = create_app(settings(postgres.create_database("empty"), features=("records",), bucket_name=None))
    response = app.test_client().get("/data")
    assert (response.status_code, response.json["error"]["field"]) == (503, "database")
    app.extensions["slipway_database"].close()


@pytest.fixture
def rotating(postgres: PostgresServer, aws: str, database_url: str) -> Iterator[tuple[Flask, Any, Any]]:
    """An application that logs in by a secret; the means to change the secret, and the role."""
    assert aws
    assert database_url
    name = f"rotating_{time.monotonic_ns()}"
    admin = psycopg.connect(postgres.url("app"), autocommit=True)
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    admin.execute(sql.SQL("GRANT SELECT ON records TO {}").format(sql.Identifier(name)))
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name=name, SecretString="{}")

    def set_secret(password: str) -> None:
        secrets.put_secret_value(
            SecretId=name, SecretString=json.dumps({"username": name, "password": password})
        )

    def set_role(password: str) -> None:
        admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), password))
        sessions = "FROM pg_stat_activity WHERE usename = %s"
        admin.execute(f"SELECT pg_terminate_backend(pid) {sessions}", [name])
        wait_for(lambda: admin.execute(f"SELECT count(*) {sessions}", [name]).fetchone() == (0,))

    set_secret(PASSWORD)
    set_role(PASSWORD)
    database = DatabaseSettings(
        host="127.0.0.1", port=postgres.port, name="app", sslmode="prefer", secret_id=name
    )
    app = create_app(settings("", features=("records",), bucket_name=None, database=database))
    yield app, set_secret, set_role
    app.extensions["slipway_database"].close()
    admin.close()
    secrets.close()


def test_rotated_password_needs_no_restart(
    rotating: tuple[Flask, Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, set_secret, set_role = rotating
    monkeypatch.setattr(app.extensions["slipway_database"]._credentials._secret, "_min_refresh_seconds", 0.0)
    client = app.test_client()
    assert client.get("/data").status_code == 200
    set_secret("new password")
    set_role("new password")
    assert client.get("/data").status_code == 200, "the new password was not read at once"


def test_wrong_password_is_unavailable_and_never_told(
    rotating: tuple[Flask, Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    app, _, set_role = rotating
    set_role("something else")
    with caplog.at_level(logging.DEBUG):
        response = app.test_client().get("/data")
    assert response.status_code == 503
    assert PASSWORD not in caplog.text + response.text
    assert "something else" not in caplog.text + response.text


class FixedSecret(CachedSecret):
    """The superuser's."""

    def value(self) -> str:
        return json.dumps({"username": "postgres", "password": PASSWORD})


@pytest.mark.parametrize(
    ("authority", "host", "refusal"),
    [
        ("its", "127.0.0.1", ""),
        ("its", "localhost", 'certificate for "127.0.0.1" .* does not match host name "localhost"'),
        ("another", "127.0.0.1", "certificate verify failed"),
        ("no", "127.0.0.1", "root certificate file .* does not exist"),
    ],
)
def test_only_a_verified_server_is_talked_to(
    own_postgres: PostgresServer, authority: str, host: str, refusal: str
) -> None:
    its, key = generate_ca()
    own_postgres.use_certificate(*sign_leaf_certificate(its, key, "127.0.0.1", san_ips=["127.0.0.1"])[:2])
    bundle = {"its": its, "another": generate_ca()[0], "no": ""}[authority].encode()
    database = DatabaseSettings(
        host=host, port=own_postgres.port, name="postgres", secret_id="id", ca_bundle=bundle
    )
    credentials = Credentials(database, FixedSecret("id"))
    if refusal:
        with pytest.raises(psycopg.OperationalError, match=refusal):
            credentials.connect()
        return
    with credentials.connect() as connection:
        session = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert session.fetchone() == (True,)


def test_only_a_refused_password_makes_the_secret_be_read_again() -> None:
    reads = []

    class Client:
        def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
            reads.append(SecretId)
            return {"SecretString": json.dumps({"username": "u", "password": "p"})}

    secret = CachedSecret("id", client=Client, min_refresh_seconds=0)
    closed = DatabaseSettings(host="127.0.0.1", port=1, name="x", secret_id="id")
    credentials = Credentials(closed, secret)
    for _ in range(3):
        with pytest.raises(psycopg.OperationalError):
            credentials.connect()
    assert reads == ["id"]
