"""Images of applications without a Dockerfile: what is installed from which file, and how it is served.

test_server.py has one whose requirements.txt includes another and has hashes.
"""

from __future__ import annotations

import http.client
import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.test_server import PROJECT, TASK, docker, running

pytestmark = pytest.mark.engine

APPLICATIONS = Path(__file__).parent / "applications"
ASGI = "--build-arg=ASGI_APP=guests.main:app"
# What is in each file of an image, and when it was made.
LISTING = "find /opt -mindepth 2 -printf '%p %y %m %T@ %l\n' | sort; find /opt -type f -exec sha256sum {} + | sort -k 2"


def build(name: str, source: Path, *arguments: str) -> tuple[str, str]:
    """Build an application's folder; return the image's name and the log."""
    tag = f"slipway-python:{name}"
    dockerfile = f"--file={PROJECT / 'images/python/Dockerfile'}"
    return tag, docker("build", f"--tag={tag}", dockerfile, *arguments, str(source))


def python(image: str, code: str) -> str:
    """What a line of Python prints in a task."""
    return docker("run", "--rm", *TASK, image, "python", "-c", code)


@pytest.fixture(scope="module")
def asgi() -> str:
    """The image of the FastAPI application, which uv has locked."""
    return build("uv", APPLICATIONS / "uv", ASGI)[0]


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a request that a proxy has passed on."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path, headers={"X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize(
    ("name", "application", "signed"),
    [
        pytest.param("poetry", "guests:app", "1.2.3", marks=pytest.mark.long),
        pytest.param("pipenv", "app:app", "guests", marks=pytest.mark.long),
        pytest.param("pdm", "app:app", "guests", marks=pytest.mark.long),
    ],
)
def test_lock_file_says_what_is_installed(name: str, application: str, signed: str) -> None:
    """Poetry's makes the application itself a package; groups for development are left out."""
    image, _ = build(name, APPLICATIONS / name, f"--build-arg=WSGI_APP={application}")
    module = application.partition(":")[0]
    assert f"b'{signed}." in python(image, f"import {module}; print({module}.app({{}}, lambda *_: None))")
    found = python(
        image, "import importlib.metadata as m; print(*[f'{d.name}=={d.version}' for d in m.distributions()])"
    )
    assert {"itsdangerous==2.2.0", "waitress==3.0.2"} <= set(found.split())
    assert "iniconfig" not in found


def test_asgi_application_in_a_folder_src(asgi: str) -> None:
    with running(asgi) as (name, port):
        # Nobody is trusted with headers of proxies unless the environment says so.
        assert get(port, "/healthz") == (200, b'{"version":"1.2.3","scheme":"http"}')
        assert '"GET /healthz HTTP/1.1" 200' in docker("logs", name)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request("GET", "/slow")
            docker("kill", "--signal=TERM", name)
            assert connection.getresponse().read() == b'"done"'
        assert docker("wait", name) == "0"
    with running(asgi, "--env=FORWARDED_ALLOW_IPS=*", "--env=WEB_CONCURRENCY=2") as (name, port):
        assert get(port, "/healthz") == (200, b'{"version":"1.2.3","scheme":"https"}')
        docker("kill", "--signal=TERM", name)
        assert docker("wait", name) == "0"
    # The program that the package names; what is for development only is not there.
    assert docker("run", "--rm", *TASK, asgi, "guests") == "guests 1.2.3"
    assert python(asgi, "import importlib.util; print(importlib.util.find_spec('iniconfig'))") == "None"


def test_equal_sources_make_equal_files(asgi: str, tmp_path: Path) -> None:
    source = shutil.copytree(APPLICATIONS / "uv", tmp_path / "elsewhere", copy_function=shutil.copyfile)
    # With an argument of its own, Docker has no layer of it.
    other, _ = build("again", source, f"{ASGI}()")
    first, second = (docker("run", "--rm", *TASK, image, "sh", "-c", LISTING) for image in (asgi, other))
    assert "/opt/venv/lib" in first
    assert first == second
    # Docker keeps the layer with the dependencies while only code changes.
    with (source / "src/guests/main.py").open("a") as code:
        code.write("app.title = 'Guests'\n")
    image, log = build("again", source, f"{ASGI}()")
    assert re.search(r"install\.py dependencies\n( ---> Using cache|#\d+ CACHED)", log), log
    assert python(image, "from guests.main import app; print(app.title)") == "Guests"
