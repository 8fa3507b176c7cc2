"""Requests per second of the application, as ratios against two other servers of the same work.

``python benchmarks/application.py`` starts PostgreSQL 15 with its default settings in a temporary directory,
and three servers on 127.0.0.1:

* application: ours, behind its own server;
* plain: Flask and SQLAlchemy under gunicorn's defaults;
* bare: a WSGI function with a psycopg pool that runs the application's SQL, behind the same server, so that the
  server is in both.

In turns, round by round, each answers ``GET /data`` (100 rows) and ``POST /data`` (an upsert) for a second
over 16 connections. A ratio is the median of the rounds' ratios, so that what else the machine does meets
both sides.
The targets are 2.0 times plain and 0.85 of bare.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pwd
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psycopg
from flask import Flask, Response, jsonify, request
from psycopg_pool import ConnectionPool
from sqlalchemy import create_engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

REPOSITORY = Path(__file__).resolve().parent.parent
APP = REPOSITORY / "app"
ROWS = 100
CONNECTIONS = 16
TARGETS = {"plain": 2.0, "bare": 0.85}
MAX_REQUESTS = 100_000
"""Most requests of one measurement, whatever the time."""


def create_bare() -> Callable[..., list[bytes]]:
    """Return a WSGI function that does what the feature ``records`` does, and nothing else."""
    records = importlib.import_module("slipway_app.records")
    pools: list[ConnectionPool[psycopg.Connection[tuple[Any, ...]]]] = []

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if not pools:
            pools.append(
                ConnectionPool(
                    os.environ["DATABASE_URL"], kwargs={"autocommit": True}, min_size=1, max_size=8, open=True
                )
            )
        with pools[0].connection() as connection:
            if environ["REQUEST_METHOD"] == "POST":
                record = orjson.loads(environ["wsgi.input"].read())
                connection.execute(records.UPSERT, (record["key"], record["value"])).fetchone()
                body = orjson.dumps(record)
            else:
                rows = connection.execute(records.SELECT_ALL).fetchall()
                body = orjson.dumps([{"key": key, "value": value} for key, value in rows])
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    return serve


class Base(DeclarativeBase):
    """What SQLAlchemy's tables descend from."""


class Record(Base):
    """The plain application's row."""

    __tablename__ = "records"
    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


def create_plain() -> Flask:
    """Return the Flask and SQLAlchemy application that one writes first."""
    app = Flask("plain")
    engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))

    @app.get("/data")
    def list_records() -> Response:
        with Session(engine) as session:
            records = session.scalars(select(Record).order_by(Record.key))
            return jsonify([{"key": record.key, "value": record.value} for record in records])

    @app.post("/data")
    def put_record() -> Response:
        given = request.get_json()
        statement = insert(Record).values(key=given["key"], value=given["value"])
        with Session(engine) as session:
            session.execute(
                statement.on_conflict_do_update(index_elements=["key"], set_={"value": statement.excluded.value})
            )
            session.commit()
        return jsonify(given)

    return app


@dataclass
class Client:
    """One connection of the load: sends, awaits the whole answer, sends again."""

    port: int
    requests: list[bytes]
    sent: int = 0
    buffer: bytearray = field(default_factory=bytearray)
    connection: socket.socket | None = None

    def send(self, selector: selectors.BaseSelector) -> None:
        """Send the next request, over a new connection where the server has closed the old one."""
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(self.connection, selectors.EVENT_READ, self)
        self.connection.sendall(self.requests[self.sent % len(self.requests)])
        self.sent += 1

    def receive(self, selector: selectors.BaseSelector) -> bool:
        """Take what has arrived; return whether the answer is whole.

        Raises:
            RuntimeError: the answer is not a success.
        """
        part = self.connection.recv(65536) if self.connection else b""
        self.buffer += part
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            if not part:
                raise RuntimeError("the server closed the connection without an answer")
            return False
        lines = bytes(head).lower().split(b"\r\n")
        if lines[0][9:10] != b"2":
            raise RuntimeError(f"the server answered {bytes(self.buffer[:300])!r}")
        headers = dict(line.split(b": ", 1) for line in lines[1:])
        if len(body) < int(headers[b"content-length"]):
            return False
        self.buffer.clear()
        if self.connection and headers.get(b"connection") == b"close":
            selector.unregister(self.connection)
            self.connection.close()
            self.connection = None
        return True


def measure(port: int, requests: list[bytes], seconds: float) -> float:
    """Return the requests that the server answers per second, after a fifth of the time to warm up."""
    clients = [Client(port, requests[number:] + requests[:number]) for number in range(CONNECTIONS)]
    with selectors.DefaultSelector() as selector:
        for client in clients:
            client.send(selector)
        counted_from = time.perf_counter() + seconds / 5
        answered = 0
        while ((now := time.perf_counter()) < counted_from + seconds or not answered) and answered < MAX_REQUESTS:
            for key, _ in selector.select(timeout=10):
                if key.data.receive(selector):
                    answered += now >= counted_from
                    key.data.send(selector)
        for client in clients:
            if client.connection:
                client.connection.close()
    return answered / (now - counted_from)


def http_request(method: str, body: bytes = b"") -> bytes:
    """Return the bytes of a request for ``/data``."""
    head = f"{method} /data HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


REQUESTS = {
    "GET /data": [http_request("GET")],
    "POST /data": [
        http_request("POST", json.dumps({"key": f"key-{number:03}", "value": "v" * 64}).encode())
        for number in range(ROWS)
    ],
}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def postgres_binary(name: str) -> str:
    """Return the path of a program of PostgreSQL 15.

    Raises:
        SystemExit: it is not installed.
    """
    path = shutil.which(name, path=f"/usr/lib/postgresql/15/bin:{os.environ['PATH']}")
    if path is None:
        raise SystemExit(f"{name} not found: install the Debian package postgresql-15")
    return path


@contextmanager
def postgresql() -> Iterator[str]:
    """Run PostgreSQL in a temporary directory; give its URL. It refuses root, so ``postgres`` runs it."""
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    with tempfile.TemporaryDirectory(prefix="benchmark-postgresql-") as directory:
        os.chown(directory, account.pw_uid, account.pw_gid)
        port = free_port()

        def run(*command: str) -> subprocess.Popen[bytes]:
            as_account: dict[str, Any] = {}
            if os.geteuid() == 0:
                as_account = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            return subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory, **as_account
            )

        data = f"{directory}/data"
        if run(postgres_binary("initdb"), "-D", data, "-A", "trust", "-U", "benchmark", "-N").wait():
            raise SystemExit("initdb failed")
        options = ("-c", "listen_addresses=127.0.0.1", "-k", directory, "-p", str(port))
        server = run(postgres_binary("postgres"), "-D", data, *options)
        try:
            url = f"postgresql://benchmark@127.0.0.1:{port}/postgres"
            wait_for(lambda: psycopg.connect(url).close(), psycopg.OperationalError)
            yield url
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)


def wait_for(attempt: Callable[[], object], error: type[Exception]) -> None:
    """Call ``attempt`` until it raises no ``error``, for at most 20 seconds."""
    deadline = time.monotonic() + 20
    while True:
        try:
            attempt()
        except error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def serving(name: str, database_url: str, directory: str) -> Iterator[int]:
    """Run one of the servers; give its port."""
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "APP_FEATURES": "records",
        "PORT": str(port),
        "HOME": directory,
        "PYTHONPATH": str(APP),
    }
    environment.pop("XDG_RUNTIME_DIR", None)
    serve = [sys.executable, str(APP / "serve.py"), "--preload"]
    gunicorn = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}"]
    commands = {
        "application": [*serve, "slipway_app:create_app()"],
        "bare": [*serve, "application:create_bare()"],
        "plain": [*gunicorn, "application:create_plain()"],
    }
    log = Path(directory, f"{name}.log")
    with log.open("w") as output:
        server = subprocess.Popen(
            commands[name], env=environment, cwd=Path(__file__).parent, stdout=output, stderr=output
        )
    try:
        wait_for(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close(), OSError)
        yield port
    except Exception:
        print(log.read_text()[-2000:], file=sys.stderr)
        raise
    finally:
        server.terminate()
        server.wait(timeout=40)


def main() -> int:
    """Measure, print the table, write the JSON; return 1 where a ratio misses its target."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--output", type=Path, default=REPOSITORY / ".build" / "benchmarks" / "application.json")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds: at least 2")

    names = ("application", *TARGETS)
    rates: dict[str, dict[str, list[float]]] = {what: {name: [] for name in names} for what in REQUESTS}
    with ExitStack() as stack:
        url = stack.enter_context(postgresql())
        subprocess.run(
            [sys.executable, "-m", "slipway_app.migrate"],
            cwd=APP,
            env={**os.environ, "DATABASE_URL": url},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO records SELECT 'key-' || to_char(n, 'FM000'), repeat('v', 64)"
                " FROM generate_series(0, %s) AS n",
                (ROWS - 1,),
            )
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-servers-"))
        ports = {name: stack.enter_context(serving(name, url, directory)) for name in names}
        for number in range(arguments.rounds):
            for what, requests in REQUESTS.items():
                for name in names if number % 2 else reversed(names):
                    rates[what][name].append(measure(ports[name], requests, arguments.seconds))
            print(f"round {number + 1} of {arguments.rounds}", flush=True)

    results: list[dict[str, Any]] = []
    for what, by_name in rates.items():
        for other, target in TARGETS.items():
            pairs = zip(by_name["application"], by_name[other], strict=True)
            ratios = [ours / theirs for ours, theirs in pairs]
            ratio = statistics.median(ratios)
            results.append(
                {
                    "request": what,
                    "against": other,
                    "application_per_second": round(statistics.median(by_name["application"])),
                    "other_per_second": round(statistics.median(by_name[other])),
                    "ratio": round(ratio, 2),
                    "ratio_quartiles": [round(cut, 2) for cut in statistics.quantiles(ratios)[::2]],
                    "target": target,
                    "met": ratio >= target,
                }
            )
    print("request     against      ours/s  theirs/s   ratio    quartiles  target")
    for row in results:
        low, high = row["ratio_quartiles"]
        print(
            f"{row['request']:<12}{row['against']:<9}{row['application_per_second']:>10}"
            f"{row['other_per_second']:>10}{row['ratio']:>8}{low:>7} -{high:>5}{row['target']:>7}"
            f"  {'met' if row['met'] else 'MISSED'}"
        )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps({"results": results, "rates_per_second": rates}, indent=2) + "\n")
    print(f"written to {arguments.output}")
    return 0 if all(row["met"] for row in results) else 1


if __name__ == "__main__":
    sys.exit(main())
