"""The server in the images, as they are deployed: what slow clients do to it, and how it stops."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).resolve().parents[2]
PORT = 8123
# What a task of ECS is (terraform/modules/ecs_task/main.tf), with a quarter of a processor.
TASK = ["--init", "--read-only", "--tmpfs=/tmp:size=128m,nodev,nosuid", "--user=10001", "--memory=512m", "--cpus=0.25"]
HALF_OPEN = 256
SLOW_BODIES = 64
APPLICATION = """
import time
from flask import Flask, Response, redirect, request, url_for

app = Flask(__name__)


@app.get("/healthz")
def liveness():
    return "ok"


@app.route("/slow")
def slow():
    time.sleep(2)
    return "done"


@app.route("/events")
def events():
    def stream():
        while True:
            yield "data: still here\\n\\n"
            time.sleep(10)

    return Response(stream(), mimetype="text/event-stream")


@app.route("/old")
def old():
    return redirect(url_for("slow", _external=True))


@app.post("/data")
def data():
    return {"size": len(request.get_data()), "from": request.remote_addr, "said": request.headers["X-Forwarded-For"]}
"""


def docker(*arguments: str) -> str:
    """What a command of Docker prints; it has to succeed."""
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


@pytest.fixture(scope="module", params=["application", "python"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The application's image, and the one of an application without a Dockerfile."""
    tag = f"slipway-server:{request.param}"
    if request.param == "application":
        docker("build", "--quiet", f"--tag={tag}", f"--file={PROJECT / 'Dockerfile'}", str(PROJECT / "app"))
    else:
        source = tmp_path_factory.mktemp("python")
        # They have hashes, and the server is none of them: it is added all the same.
        shutil.copytree(PROJECT / "tests/contract/applications/hashed", source, dirs_exist_ok=True)
        (source / "app.py").write_text(APPLICATION)
        docker("build", "--quiet", f"--tag={tag}", f"--file={PROJECT / 'images/python/Dockerfile'}", str(source))
    return tag


@contextmanager
def running(image: str, *options: str) -> Iterator[tuple[str, int]]:
    """Run the image as a task does; give the container's name and the port where it answers."""
    name = docker("run", "--detach", *TASK, *options, f"--env=PORT={PORT}", "--publish", f"127.0.0.1::{PORT}", image)
    try:
        port = int(docker("port", name, f"{PORT}/tcp").rpartition(":")[2])
        deadline = time.monotonic() + 60
        while True:
            try:
                assert get(port, "/healthz")[0] == 200
                break
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline, docker("logs", name)
                time.sleep(0.1)
        yield name, port
    finally:
        docker("rm", "--force", name)


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of one request."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def connect(port: int, data: bytes) -> socket.socket:
    """A connection on which a client has said something."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(data)
    return connection


def slow_clients(port: int) -> list[socket.socket]:
    """Clients in the middle of a head, and in the middle of a body."""
    body = b"POST /data HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{"
    heads = [connect(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ") for _ in range(HALF_OPEN)]
    return heads + [connect(port, body) for _ in range(SLOW_BODIES)]


def assert_alive(port: int) -> None:
    """Liveness is answered in under a second, each of three times."""
    for _ in range(3):
        started = time.monotonic()
        assert get(port, "/healthz")[0] == 200
        assert time.monotonic() - started < 1


def test_clients_that_send_slowly_hold_nobody_up(image: str) -> None:
    with running(image) as (_, port), ExitStack() as clients:
        for connection in slow_clients(port):
            clients.callback(connection.close)
        assert_alive(port)


def test_a_stop_finishes_what_is_running(image: str) -> None:
    """A request under way, and those that come on a kept connection just after the stop."""
    slow = image.endswith("python")
    with running(image) as (name, port), ExitStack() as clients:
        kept = clients.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)))
        kept.request("GET", "/healthz")
        assert kept.getresponse().read() == b"ok"
        running_request = clients.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)))
        running_request.request("GET", "/slow" if slow else "/healthz")
        docker("kill", "--signal=TERM", name)
        # The signal travels to the process that answers.
        deadline, connection = time.monotonic() + 20, None
        while connection != "close":
            assert time.monotonic() < deadline
            kept.request("GET", "/healthz")
            answer = kept.getresponse()
            assert answer.read() == b"ok"
            connection = answer.headers["Connection"]
        assert running_request.getresponse().read() == (b"done" if slow else b"ok")
        assert docker("wait", name) == "0"


def test_an_application_meets_what_clients_send(image: str) -> None:
    """Chunks are put together, headers of proxies arrive, the address is the peer's, and standard output tells."""
    if not image.endswith("python"):
        pytest.skip("app/tests asks the application itself")
    chunked = (
        b"POST /data HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n4\r\ndata\r\n3\r\nend\r\n0\r\n\r\n"
    )
    with running(image) as (name, port), closing(connect(port, chunked)) as connection:
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
        assert b'"size":7' in answer
        assert b'"said":"192.0.2.7"' in answer
        assert b'"from":"127.' not in answer
        assert '"POST /data HTTP/1.1" 200' in docker("logs", name)


STREAMS = 100


@pytest.mark.parametrize("image", ["python"], indirect=True)
def test_clients_of_streams_hold_nobody_up(image: str) -> None:
    with running(image) as (_, port), ExitStack() as clients:
        streams = [
            clients.enter_context(closing(connect(port, b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")))
            for _ in range(STREAMS)
        ]
        # Each is served, and not by taking turns.
        for stream in streams:
            stream.settimeout(60)
            answer = b""
            while b"still here" not in answer:
                answer += stream.recv(4096)
        assert_alive(port)


@pytest.mark.parametrize("image", ["python"], indirect=True)
@pytest.mark.parametrize(
    ("option", "location"),
    [("--env=FORWARDED_ALLOW_IPS=*", "https://example.org/slow"), ("--env=NONE=", "http://example.org/slow")],
)
def test_redirects_go_where_the_client_came_from(image: str, option: str, location: str) -> None:
    """The header that says so is a load balancer's where there is one, and anybody's where there is none."""
    with running(image, option) as (_, port):
        headers = {"Host": "example.org", "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request("GET", "/old", headers=headers)
            assert connection.getresponse().headers["Location"] == location
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request("POST", "/data", "{}", headers)
            client = json.loads(connection.getresponse().read())["from"]
            # The load balancer adds the last one, which is who asked it.
            assert (client == "198.51.100.7") == location.startswith("https:")


@pytest.mark.parametrize("image", ["python"], indirect=True)
def test_programs_of_packages_are_on_the_path(image: str) -> None:
    # Flask's finds the application by itself.
    assert "/healthz" in docker("run", "--rm", *TASK, image, "flask", "routes")


@pytest.mark.parametrize(
    ("source", "file"), [("app/serve.py", "/opt/server/serve.py"), ("images/python/install.py", "/build/install.py")]
)
def test_dockerfile_has_the_lines_of_its_programs(source: str, file: str) -> None:
    quote = "'\\''"
    lines = [f"    '{line.replace(chr(39), quote)}' \\" for line in (PROJECT / source).read_text().splitlines()]
    dockerfile = (PROJECT / "images/python/Dockerfile").read_text()
    assert "\n".join([*lines, f"    > {file}"]) in dockerfile, (
        f"put the lines of {source} between 'printf' and '> {file}' of images/python/Dockerfile: "
        rf"""sed "s/'/'\\\\''/g; s/.*/    '&' \\\\/" {source}"""
    )


def test_server_is_the_one_that_serve_py_is_written_for() -> None:
    """It extends classes of waitress that no promise covers."""
    (version,) = re.findall(r"^waitress==.*$", (PROJECT / "app/requirements.txt").read_text(), re.MULTILINE)
    assert f'"{version}"' in (PROJECT / "images/python/install.py").read_text()
