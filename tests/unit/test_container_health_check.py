"""What the container's health check of terraform/modules/ecs_task takes for alive, by the command itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / "terraform/modules/ecs_task"
GIVEN = {
    "cpu_units": 256,
    "execution_role_arn": "arn",
    "image": "app@sha256:abc",
    "log_group_name": "log",
    "memory_mib": 512,
    "name": "app",
    "region": "us-east-1",
    "task_role_arn": "arn",
}
Check = Callable[[str | None], int]


class Server:
    """Answers each connection with the same bytes, and keeps what it was asked for.

    Attributes:
        port: where it listens.
        answer: what it sends.
        asked: first lines of requests.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.answer = b""
        self.asked: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer."""
        # A closed socket does not wake who waits for it.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(1024).splitlines()[0])
                connection.sendall(self.answer)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def check(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Runs the module's command for a path against the server; its exit code."""
    folder = tmp_path_factory.mktemp("module")
    (folder / "variables.tf").write_text((MODULE / "variables.tf").read_text())
    # Without the resource, Terraform needs no provider.
    (folder / "main.tf").write_text((MODULE / "main.tf").read_text().partition("\nresource ")[0])
    commands: dict[str | None, list[str]] = {}
    for path in (None, "/ready"):
        given = GIVEN | {"container_port": server.port, "health_check_path": path}
        (folder / "terraform.tfvars.json").write_text(json.dumps(given))
        said = subprocess.run(
            ["terraform", "console"],
            cwd=folder,
            input="jsonencode(local.default_health_check_command)",
            env=os.environ | {"TF_CLI_ARGS": "-no-color"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        kind, program, *arguments = json.loads(json.loads(said))
        assert (kind, program) == ("CMD", "python")
        commands[path] = [sys.executable, *arguments]
    return lambda path: subprocess.run(commands[path], capture_output=True, check=False).returncode


def test_any_answer_that_is_no_error_of_the_application_is_alive(server: Server, check: Check) -> None:
    found = {}
    for status in (200, 204, 301, 400, 401, 404, 405, 500, 503):
        server.answer = f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n".encode()
        found[status] = check(None)
    assert found == dict.fromkeys((200, 204, 301, 400, 401, 404, 405), 0) | {500: 1, 503: 1}
    assert set(server.asked) == {b"GET /healthz HTTP/1.0"}


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1", b"220 mail.example.org ESMTP\r\n"])
def test_what_is_no_answer_is_not_alive(server: Server, check: Check, answer: bytes) -> None:
    server.answer = answer
    assert check(None) == 1


def test_path_that_is_named_answers_200(server: Server, check: Check) -> None:
    server.asked.clear()
    found = {}
    for status in (200, 204, 404, 503):
        server.answer = f"HTTP/1.0 {status} Whatever\r\n\r\n".encode()
        found[status] = check("/ready")
    assert found == {200: 0, 204: 1, 404: 1, 503: 1}
    assert set(server.asked) == {b"GET /ready HTTP/1.0"}
