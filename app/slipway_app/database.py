"""PostgreSQL: one pool of connections per process, opened by the first request that needs it.

Connections are in autocommit mode; a statement is its own transaction, and what needs several opens one
explicitly (``with connection.transaction()``).
"""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from slipway_app.config import DatabaseSettings
from slipway_app.secrets import CachedSecret

Row = tuple[Any, ...]
Query = str | sql.Composed

CONNECT_SECONDS = 3
ACQUIRE_SECONDS = 3.0
ACQUIRE_SLICE_SECONDS = 0.25
KEPT_ROWS = 1000
"""A cursor keeps the rows of its last statement; with more of them, it is let go."""
# A peer that vanished (a failed-over instance) is noticed within these bounds, not after TCP's two hours.
SOCKET_OPTIONS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
SESSION_OPTIONS = (
    "-c statement_timeout=10000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000"
)


class Connection(psycopg.Connection[Row]):
    """A connection that keeps a cursor.

    A cursor learns how to convert the values that it meets: a kept one saves a third of a small statement.
    """

    _kept: psycopg.Cursor[Row] | None = None

    def kept_cursor(self) -> psycopg.Cursor[Row]:
        """Return the cursor of this connection."""
        if self._kept is None or self._kept.closed:
            self._kept = self.cursor()
        return self._kept


class Credentials:
    """Who connects, and where: a URL, or the host from the environment with a secret read at connect time."""

    def __init__(self, settings: DatabaseSettings, secret: CachedSecret | None = None) -> None:
        self._settings = settings
        self._secret = secret
        if secret is None and settings.secret_id:
            self._secret = CachedSecret(settings.secret_id)
        self._ca_file: str | None = None
        if settings.ca_bundle:
            # libpq takes certificates from a file only. This one is in memory; forked processes inherit it.
            descriptor = os.memfd_create("database-ca")
            os.write(descriptor, settings.ca_bundle)
            self._ca_file = f"/proc/self/fd/{descriptor}"

    def connect(self, **options: Any) -> Connection:
        """Return a new connection, in autocommit mode unless ``options`` say otherwise.

        A refused password (SQLSTATE 28P01 or 28000) makes the secret be read again, and where it has changed,
        the attempt is repeated: a rotated secret needs no restart. libpq keeps the SQLSTATE of a failed
        connection to itself and its message is translated, so the refusal is told from other failures by
        PQconnectionUsedPassword.

        Raises:
            psycopg.OperationalError: PostgreSQL cannot be reached, or refuses.
            botocore.exceptions.BotoCoreError: Secrets Manager cannot be reached.
            botocore.exceptions.ClientError: Secrets Manager refuses.
        """
        options = {"autocommit": True, **SOCKET_OPTIONS, **options}
        if self._secret is None:
            return Connection.connect(self._settings.url or "", **options)
        current = self._secret.value()
        try:
            return self._connect_with(current, options)
        except psycopg.OperationalError as error:
            if not (error.pgconn and error.pgconn.used_password):
                raise
            latest = self._secret.refreshed()
            if latest == current:
                raise
        return self._connect_with(latest, options)

    def _connect_with(self, secret: str, options: dict[str, Any]) -> Connection:
        credentials = json.loads(secret)
        return Connection.connect(
            host=self._settings.host,
            port=self._settings.port,
            dbname=self._settings.name,
            sslmode=self._settings.sslmode,
            sslrootcert=self._ca_file,
            user=credentials["username"],
            password=credentials["password"],
            **options,
        )


class Database:
    """The application's pool."""

    def __init__(
        self, settings: DatabaseSettings, app_name: str, credentials: Credentials | None = None
    ) -> None:
        self._credentials = credentials or Credentials(settings)
        self._options = {"application_name": app_name, "options": SESSION_OPTIONS}
        self._size = settings.pool_size
        self._opening = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None
        self._failing = False

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection.

        While connecting fails, callers are told after a quarter of a second, so that waiting requests do not
        hold every thread of a process whose database is down.

        Raises:
            psycopg_pool.PoolTimeout: there is none to be had.
        """
        pool = self._pool or self._open()
        connection = self._acquire(pool)
        try:
            yield connection
        finally:
            pool.putconn(connection)

    def fetch(self, query: Query, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[Row]:
        """Run one statement and return its rows.

        Raises:
            psycopg.Error: PostgreSQL refuses the statement, or the connection is lost.
            psycopg_pool.PoolTimeout: there is no connection to be had.
        """
        pool = self._pool or self._open()
        connection = self._acquire(pool)
        try:
            cursor = connection.kept_cursor()
            rows = cursor.execute(query, parameters).fetchall()
            if len(rows) > KEPT_ROWS:
                cursor.close()
            return rows
        finally:
            pool.putconn(connection)

    def fetch_one(self, query: Query, parameters: Sequence[Any] | dict[str, Any] = ()) -> Row | None:
        """Run one statement and return its first row, if it has one.

        Raises:
            psycopg.Error: PostgreSQL refuses the statement, or the connection is lost.
            psycopg_pool.PoolTimeout: there is no connection to be had.
        """
        pool = self._pool or self._open()
        connection = self._acquire(pool)
        try:
            return connection.kept_cursor().execute(query, parameters).fetchone()
        finally:
            pool.putconn(connection)

    def check(self) -> None:
        """Ask PostgreSQL for a sign of life.

        Raises:
            psycopg.Error: it does not answer.
            psycopg_pool.PoolTimeout: there is no connection to be had.
        """
        self.fetch("SELECT 1")

    def close(self) -> None:
        """Close the pool, if it was opened."""
        if self._pool:
            self._pool.close()

    def _acquire(self, pool: ConnectionPool[Connection]) -> Connection:
        deadline = time.monotonic() + ACQUIRE_SECONDS
        while True:
            try:
                return pool.getconn(timeout=ACQUIRE_SLICE_SECONDS)
            except PoolTimeout:
                if self._failing or time.monotonic() > deadline:
                    raise

    def _open(self) -> ConnectionPool[Connection]:
        with self._opening:
            if self._pool is None:
                self._pool = ConnectionPool(
                    connection_class=self._connection_class(),
                    kwargs=self._options,
                    min_size=1,
                    max_size=self._size,
                    check=_check_idle,
                    reconnect_timeout=2,
                    open=True,
                )
            return self._pool

    def _connection_class(self) -> type[Connection]:
        """Return a class whose ``connect`` is ours: the pool's own way to be told how to connect."""
        database = self

        class PooledConnection(Connection):
            @classmethod
            def connect(cls, conninfo: str = "", **options: Any) -> Any:  # noqa: ARG003
                try:
                    connection = database._credentials.connect(**options)
                except Exception:
                    database._failing = True
                    raise
                database._failing = False
                return connection

        return PooledConnection


def _check_idle(connection: Connection) -> None:
    """Refuse a pooled connection that the server has closed meanwhile.

    A server says nothing on an idle connection but goodbye, so anything readable means that it is gone.
    Asking the socket takes less than a microsecond; a statement per checkout would halve the throughput.

    Raises:
        psycopg.OperationalError: the connection is not to be used.
    """
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    if poll.poll(0):
        connection.close()
        raise psycopg.OperationalError("the server closed this connection")
