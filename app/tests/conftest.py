"""What the tests run against: PostgreSQL 15, S3 and Secrets Manager, each a server on 127.0.0.1."""

from __future__ import annotations

import http.client
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql

from slipway_app import Settings, create_app
from slipway_app.config import DatabaseSettings

APP = Path(__file__).resolve().parent.parent
BUCKET = "files"
# What a generated password may hold, and what must go through every layer unharmed.
PASSWORD = """a'b"c $HOME %s%% \\ {x} ;é"""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(attempt: Callable[[], Any], seconds: float = 20) -> None:
    """Call ``attempt`` until it neither raises nor returns False."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if attempt() is not False:
                return
        except Exception:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


class PostgresServer:
    """A PostgreSQL of the tests' own. It refuses to run as root, so root hands it to an unprivileged user."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            self._as_user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(directory, account.pw_uid, account.pw_gid)
        password_file = Path(directory, "password")
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        subprocess.run(
            [
                self.binary("initdb"),
                *("-D", f"{directory}/data", "-A", "scram-sha-256", "-U", "postgres", "-N"),
                *(f"--pwfile={password_file}", "-E", "UTF8", "--locale=C.UTF-8"),
            ],
            check=True,
            capture_output=True,
            cwd=directory,
            **self._as_user,
        )

    @staticmethod
    def binary(name: str) -> str:
        """Return the path of a program of PostgreSQL 15."""
        path = shutil.which(name, path=f"/usr/lib/postgresql/15/bin:{os.environ['PATH']}")
        if path is None:
            pytest.exit(f"{name} not found: install the Debian package postgresql-15", returncode=3)
        return path

    def start(self) -> None:
        """Start, and wait until connections are taken."""
        options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-k", self.directory]
        self.process = subprocess.Popen(
            [self.binary("postgres"), "-D", f"{self.directory}/data", "-p", str(self.port), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.directory,
            **self._as_user,
        )
        wait_for(lambda: self.connect().close())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop; SIGINT closes every connection."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(timeout=20)
            self.process = None

    def use_certificate(self, certificate: str, key: str) -> None:
        """Offer TLS with a certificate, PEM."""
        for name, content in (("server.crt", certificate), ("server.key", key)):
            file = Path(self.directory, "data", name)
            file.write_text(content)
            file.chmod(0o600)
            if self._as_user:
                os.chown(file, self._as_user["user"], self._as_user["group"])
        with self.connect() as connection:
            connection.execute("ALTER SYSTEM SET ssl = on")
        # TLS is turned on by a reload, too, but who reloads does not know when it is done.
        self.stop()
        self.start()

    def url(self, database: str, user: str = "postgres", password: str = PASSWORD) -> str:
        """Return the URL of a database."""
        return f"postgresql://{quote(user)}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """Connect as superuser."""
        return psycopg.connect(self.url(database), autocommit=True)

    def create_database(self, name: str) -> str:
        """Make a database and return its URL."""
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Run a PostgreSQL in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="app-tests-postgresql-") as directory:
        server = PostgresServer(directory)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def migrate(url: str) -> subprocess.CompletedProcess[str]:
    """Run the migrations as a deployment does."""
    return subprocess.run(
        [sys.executable, "-m", "slipway_app.migrate"],
        cwd=APP,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def second_postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_postgres(second_postgres: PostgresServer) -> PostgresServer:
    """A server that the test may stop."""
    if second_postgres.process is None:
        second_postgres.start()
    return second_postgres


@pytest.fixture(scope="session")
def database_url(postgres: PostgresServer) -> str:
    """A migrated database."""
    url = postgres.create_database("app")
    migration = migrate(url)
    assert migration.returncode == 0, migration.stdout
    return url


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """S3 and Secrets Manager (MiniStack), without a Docker engine; the environment names them to boto3."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="app-tests-aws-") as directory:
        server = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": directory,
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(port),
                "SERVICES": "s3,secretsmanager,sts",
                "DOCKER_HOST": f"unix://{directory}/none",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=directory,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            patch.setenv("AWS_ACCESS_KEY_ID", "test")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            try:
                wait_for(lambda: boto3.client("s3").create_bucket(Bucket=BUCKET))
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()
                server.wait(timeout=20)


@pytest.fixture
def bucket(aws: str) -> Iterator[Any]:
    """The S3 client, with the bucket empty."""
    client = boto3.client("s3", endpoint_url=aws)
    for key in object_keys(client):
        client.delete_object(Bucket=BUCKET, Key=key)
    yield client
    client.close()


def object_keys(client: Any) -> list[str]:
    """Return the keys of all objects."""
    return [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def settings(url: str, **changes: Any) -> Settings:
    """Return settings with every feature."""
    given: dict[str, Any] = {
        "features": ("hello", "records", "beers", "tasks"),
        "database": DatabaseSettings(url=url),
        "bucket_name": BUCKET,
        "log_level": "WARNING",
    }
    return Settings(**{**given, **changes})


@pytest.fixture(scope="session")
def app(database_url: str, aws: str) -> Iterator[Flask]:
    """The application with every feature."""
    application = create_app(settings(database_url))
    yield application
    application.extensions["slipway_database"].close()


@pytest.fixture(scope="session")
def admin(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def client(app: Flask, admin: psycopg.Connection[Any], bucket: Any) -> FlaskClient:
    """A client of the application, whose tables and bucket are empty."""
    admin.execute("TRUNCATE records, beers, attachments, tasks, users RESTART IDENTITY")
    return app.test_client()


@dataclass
class Served:
    """The application behind its server, as in a deployment."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers or {}, **options)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()


@contextmanager
def serving(directory: Path, **environment: str) -> Iterator[Served]:
    """Run the application's server as the image does; ``environment`` is all that it is told."""
    port = free_port()
    log = directory / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "serve.py", "--preload", "slipway_app:create_app()"],
            cwd=APP,
            env={
                "PATH": os.environ["PATH"],
                "PORT": str(port),
                **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
                **environment,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    served = Served(port, process, log)
    try:
        wait_for(lambda: served.request("GET", "/healthz")[0] == 200)
        yield served
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="session")
def served(database_url: str, aws: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The application with every feature behind its server."""
    with serving(
        tmp_path_factory.mktemp("served"),
        APP_FEATURES="hello,records,beers,tasks",
        DATABASE_URL=database_url,
        BUCKET_NAME=BUCKET,
    ) as server:
        yield server
