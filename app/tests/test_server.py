"""The application behind its server: framing, logs, slow clients, and stopping."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from conftest import Served, serving, wait_for

from slipway_app.files import MAX_ATTACHMENT_BYTES
from slipway_app.http import MAX_JSON_BYTES

JSON = {"Content-Type": "application/json"}


def chunks(*parts: bytes) -> Iterator[bytes]:
    yield from parts


def raw(served: Served, data: bytes) -> bytes:
    """Send bytes as they are; return all that comes back."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def test_chunked_body_is_whole(served: Served) -> None:
    body = chunks(b'{"key": "chunked",', b' "value": "', b"v" * 5000, b'"}')
    status, answer, _ = served.request("POST", "/data", body, JSON, encode_chunked=True)
    assert status in (200, 201)
    assert json.loads(answer)["value"] == "v" * 5000


def test_oversize_chunked_body_is_refused_not_cut(served: Served) -> None:
    valid = b'{"key": "cut", "value": "v"}'
    body = chunks(valid, b" " * (MAX_JSON_BYTES - len(valid)), b" ")
    status, answer, _ = served.request("POST", "/data", body, JSON, encode_chunked=True)
    assert status == 413
    assert json.loads(answer)["error"]["field"] == "body"
    assert b'"cut"' not in served.request("GET", "/data")[1]


def test_body_of_exactly_the_limit_is_taken(served: Served) -> None:
    valid = b'{"key": "limit", "value": "v"}'
    body = chunks(valid, b" " * (MAX_JSON_BYTES - len(valid)))
    assert served.request("POST", "/data", body, JSON, encode_chunked=True)[0] in (200, 201)


@pytest.fixture
def task(served: Served) -> str:
    body = json.dumps({"title": "Write"})
    return f"/tasks/{json.loads(served.request('POST', '/tasks', body, JSON)[1])['id']}"


def test_attachment_in_chunks(served: Served, task: str) -> None:
    parts = [os.urandom(100_000) for _ in range(70)]
    kind = {"Content-Type": "application/zip"}
    status, answer, _ = served.request(
        "POST", f"{task}/attachments?file_name=a.zip", chunks(*parts), kind, encode_chunked=True
    )
    assert status == 201, answer
    attachment = json.loads(answer)
    assert attachment["size_bytes"] == 7_000_000
    stored = served.request("GET", f"{task}/attachments/{attachment['id']}")[1]
    assert stored == b"".join(parts)


def test_oversize_attachment_in_chunks_leaves_nothing(served: Served, task: str) -> None:
    parts = (bytes(1024 * 1024) for _ in range(MAX_ATTACHMENT_BYTES // (1024 * 1024) + 1))
    kind = {"Content-Type": "application/zip"}
    status, answer, _ = served.request(
        "POST", f"{task}/attachments?file_name=a.zip", parts, kind, encode_chunked=True
    )
    assert (status, json.loads(answer)["error"]["field"]) == (413, "body")
    assert json.loads(served.request("GET", f"{task}/attachments")[1]) == []


def test_body_that_ends_early_is_not_stored(served: Served, task: str) -> None:
    path = f"{task}/attachments?file_name=a.txt"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n".encode()
    raw(served, head + b"Content-Length: 100\r\n\r\nonly this")
    raw(served, head + b"Transfer-Encoding: chunked\r\n\r\n4\r\ndata\r\nzz\r\n")
    assert json.loads(served.request("GET", f"{task}/attachments")[1]) == []
    assert served.request("GET", "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (b"//evil.example/%2f..", b"path"),
        (b"/data%ff", b"path"),
        (b"/users/%c3%28", b"path"),
        (b"/users?name=%ff", b"query"),
        (b"/docs/js/..%2f..%2f..%2fplugins.py", b"path"),
        (b"/docs/js/../../plugins.py", b"path"),
    ],
)
def test_strange_targets(served: Served, target: bytes, field: bytes) -> None:
    answer = raw(served, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ", 2)[1] in (b"400", b"404")
    assert b'"field":"%s"' % field in answer
    assert b"location" not in answer.lower()


@pytest.mark.parametrize("target", [b"/data\xff", b"/data?\xff", b"http://evil.example/data", b"/a b", b"*"])
def test_targets_that_are_none(served: Served, target: bytes) -> None:
    answer = raw(served, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.split(b" ", 2)[1] < b"500"
    assert b"location" not in answer.lower()


def log_lines(served: Served) -> list[dict[str, Any]]:
    return [json.loads(line) for line in served.log.read_text().splitlines()]


def test_one_line_a_request(served: Served) -> None:
    headers = {"X-Request-Id": "abc-123", "X-Amzn-Trace-Id": "Root=1-2-3", "X-API-Key": "secret-key"}
    _, _, answer = served.request("GET", "/data?token=secret-query", headers=headers)
    assert answer["X-Request-Id"] == "abc-123"
    wait_for(lambda: any(line.get("request_id") == "abc-123" for line in log_lines(served)))
    (line,) = [line for line in log_lines(served) if line.get("request_id") == "abc-123"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/data", 200)
    assert line["trace_id"] == "Root=1-2-3"
    assert 0 < line["duration_ms"] < 60_000
    assert "secret" not in served.log.read_text()


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, '"}{"', "\u00e9"])
def test_insane_request_ids_are_replaced(served: Served, given: str) -> None:
    answer = served.request("GET", "/healthz", headers={"X-Request-Id": given})[2]
    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-Id"])


def test_starting_and_errors_are_logged_as_json(served: Served) -> None:
    lines = log_lines(served)
    assert any("Listening at" in line["message"] for line in lines)
    assert all({"time", "severity", "logger", "message"} <= set(line) for line in lines)


def test_sigterm_finishes_running_requests(database_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, APP_FEATURES="records", DATABASE_URL=database_url) as server:
        results: list[int] = []

        def write() -> None:
            body = json.dumps({"key": "held", "value": "x"})
            results.append(server.request("POST", "/data", body, JSON)[0])

        with psycopg.connect(database_url) as blocker:
            blocker.execute("LOCK TABLE records IN EXCLUSIVE MODE")
            thread = threading.Thread(target=write)
            thread.start()
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert server.process.poll() is None, "stopped with a request running"
        thread.join(timeout=10)
        assert results in ([200], [201])
        assert server.process.wait(timeout=10) == 0
        with pytest.raises(OSError, match="refused"):
            server.request("GET", "/healthz")


def test_slow_clients_do_not_stall_it(served: Served) -> None:
    """Clients that say nothing, stop in a head, and stop in a body."""
    head = b"POST /data HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    connections = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(384)]
    for connection, data in zip(
        connections, [b""] * 64 + [head] * 256 + [head + b"Content-Length: 9\r\n\r\n{"] * 64, strict=True
    ):
        connection.sendall(data)
    try:
        started = time.monotonic()
        assert served.request("GET", "/healthz")[0] == 200
        assert time.monotonic() - started < 1
    finally:
        for connection in connections:
            connection.close()


def test_clients_that_stop_midway_are_cut_off(database_url: str, tmp_path: Path) -> None:
    settings = {"SERVER_READ_TIMEOUT_SECONDS": "1", "WEB_CONCURRENCY": "1", "SERVER_THREADS": "2"}
    with serving(tmp_path, APP_FEATURES="records", DATABASE_URL=database_url, **settings) as server:
        stopped = [
            b"GET /data HT",
            b"POST /data HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        ]
        connections = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(4)]
        for connection, data in zip(connections, stopped * 2, strict=True):
            connection.sendall(data)
        started = time.monotonic()
        assert server.request("GET", "/healthz")[0] == 200
        assert time.monotonic() - started < 5
        answers = [connection.recv(4096) for connection in connections]
        assert answers == [b""] * 4, "a request that never was whole has been answered"
        for connection in connections:
            connection.close()
