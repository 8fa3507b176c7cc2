"""The role smoke_check: which answers are right, what is asked with a token, and what is said to be unproven."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from google.auth import jwt

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import Google, credentials
from emulator.tests.stack import google_environment
from plugins.filter.smoke_check import answer_problems
from slipway_emulator.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
# An answer of a platform to who is let in, by path.
ANSWERS = {"/health": b"{}", "/version": b'{"image_digest": "sha256:abc"}', "/greeting": b"hello"}
# Of Cloud Run, and of the shared load balancer of terraform/modules/load_balancer.
REFUSAL = "Your client does not have permission to get URL <code>/</code> from this server."
NO_APPLICATION = "No application has this host name."
DIGEST = {"json": {"image_digest": "sha256:abc"}}


def answer(status: int, content: str = "", **more: Any) -> dict[str, Any]:
    """What `ansible.builtin.uri` returns."""
    return {"status": status, "content": content} | more


@pytest.mark.parametrize(
    ("given", "expected", "problems"),
    [
        (answer(200), {}, []),
        (answer(404), {"status": 404}, []),
        (answer(404, "not found"), {}, ["status is 404, expected 200"]),
        (
            answer(301, location="https://a.example/health/?token=x"),
            {},
            ["status is 301, to https://a.example/health/, expected 200"],
        ),
        (answer(200, '{"image_digest": ""}'), DIGEST, ["image_digest is '', expected 'sha256:abc'"]),
        (answer(200, "{}"), DIGEST, ["image_digest is None, expected 'sha256:abc'"]),
        (answer(200, "hello"), DIGEST, ["body is not JSON: 'hello'"]),
        ({"status": -1, "msg": "refused"}, {"optional": True}, ["no answer (refused)"]),
        # An application without the path: nothing there, a login, a Host that it does not know.
        *((answer(status, "whatever"), {"optional": True} | DIGEST, []) for status in (204, 301, 400, 403, 404, 499)),
        (answer(500), {"optional": True}, ["status is 500, expected one below 500"]),
        (answer(503, location="/wait"), {"optional": True}, ["status is 503, to /wait, expected one below 500"]),
        # The path is there, and means something else to the application, or says what runs.
        (answer(200, "<!DOCTYPE html>"), {"optional": True} | DIGEST, []),
        (answer(200, '["1.0"]'), {"optional": True} | DIGEST, []),
        (answer(200, '{"version": "1.0"}'), {"optional": True} | DIGEST, []),
        (answer(200, '{"image_digest": "sha256:abc"}'), {"optional": True} | DIGEST, []),
        (
            answer(200, '{"image_digest": "sha256:old"}'),
            {"optional": True} | DIGEST,
            ["image_digest is 'sha256:old', expected 'sha256:abc'"],
        ),
        # Nobody of the application has said this.
        (answer(403, REFUSAL), {"optional": True}, ["status is 403, from the platform and not from the application"]),
        (
            answer(404, NO_APPLICATION),
            {"optional": True},
            ["status is 404, from the platform and not from the application"],
        ),
    ],
)
def test_answer_problems(given: dict[str, Any], expected: dict[str, Any], problems: list[str]) -> None:
    assert answer_problems(given, expected) == problems


def test_shared_load_balancer_says_what_is_known_of_it() -> None:
    assert f'"{NO_APPLICATION}"' in (PROJECT / "terraform/modules/load_balancer/main.tf").read_text()


class Site(ThreadingHTTPServer):
    """An application on a platform that lets in who its tests say.

    Attributes:
        lets_in: the address whose ID token opens it; "everybody", or "nobody".
        refusal: the status for others.
        answers: what it answers, by path; anything else is not found.
        requests: what was asked: status, path, and the token.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Visit)
        self.lets_in, self.refusal = "nobody", 403
        self.answers = ANSWERS
        self.requests: list[tuple[int, str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Visit(BaseHTTPRequestHandler):
    """One request to a site."""

    server: Site

    def do_GET(self) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        claims = jwt.decode(token, verify=False) if token else {}
        caller = claims.get("email") if claims.get("aud") == self.server.url else None
        is_let_in = self.server.lets_in in ("everybody", caller)
        answers = self.server.answers
        known = 200 if self.path in answers else 308 if self.path == "/moved" else 404
        status = known if is_let_in else self.server.refusal
        self.server.requests.append((status, self.path, token))
        self.send_response(status)
        if status == 308:
            self.send_header("Location", f"{self.path}/?token=x")
        self.end_headers()
        self.wfile.write(answers.get(self.path, b"nothing") if is_let_in else REFUSAL.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with google_alone(tmp_path_factory.mktemp("google")) as settings:
        yield settings


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    yield site
    site.shutdown()
    site.server_close()
    thread.join()


def check(site: Site, folder: Path, environment: dict[str, str], **variables: Any) -> tuple[bool, str]:
    """Whether the role is content with a site, and its whole output."""
    tasks = [{"ansible.builtin.import_role": {"name": "slipway.provision.smoke_check"}}]
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    (folder / "play.json").write_text(json.dumps([play]))
    given = {
        "smoke_check_url": site.url,
        "smoke_check_image": "app@sha256:abc",
        "smoke_check_reserved_paths": ["/healthz"],
        "smoke_check_requests": [{"path": "/greeting", "body": "hello"}],
        "smoke_check_timeout_seconds": 1,
        "ansible_python_interpreter": sys.executable,
    }
    done = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            "-vvv",
            str(folder / "play.json"),
            "-e",
            json.dumps(given | variables),
        ],
        cwd=PROJECT,
        env=os.environ | {"ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "200"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, " ".join((done.stdout + done.stderr).split())


def test_private_service_is_asked_with_a_token(cloud: Settings, site: Site, tmp_path: Path) -> None:
    site.lets_in = credentials(cloud).service_account_email
    is_content, output = check(site, tmp_path, google_environment(cloud), smoke_check_private=True)
    assert is_content, output
    asked = [(status, path, bool(token)) for status, path, token in site.requests]
    assert asked == [
        (403, "/", False),
        (404, "/", True),
        (200, "/health", True),
        (200, "/version", True),
        (200, "/greeting", True),
    ]
    assert not [token for _, _, token in site.requests if token and token in output]


def test_answer_of_a_private_service_counts(cloud: Settings, site: Site, tmp_path: Path) -> None:
    site.lets_in = credentials(cloud).service_account_email
    image = "app@sha256:other"
    is_content, output = check(
        site, tmp_path, google_environment(cloud), smoke_check_private=True, smoke_check_image=image
    )
    assert not is_content
    assert "/version does not answer as it has to: image_digest is 'sha256:abc', expected 'sha256:other'" in output
    assert not [token for _, _, token in site.requests if token and token in output]


def test_account_that_is_not_let_in_is_told(cloud: Settings, site: Site, tmp_path: Path) -> None:
    is_content, output = check(site, tmp_path, google_environment(cloud), smoke_check_private=True)
    assert not is_content
    assert "/ does not answer as it has to: status is 403, from the platform and not from the application" in output
    assert "The request had an ID token of the credentials: their account needs the role Cloud Run Invoker" in output


def test_what_is_unproven_without_a_token_is_said(cloud: Settings, site: Site, tmp_path: Path) -> None:
    google = Google(cloud, "tunit-smoke")
    environment = google_environment(cloud) | {"GOOGLE_OAUTH_ACCESS_TOKEN": google.token()}
    is_content, output = check(site, tmp_path, environment, smoke_check_private=True)
    assert is_content, output
    assert [path for _, path, _ in site.requests] == ["/"]
    assert (
        "/, /health, /version, /greeting of localhost not asked, because the credentials of this run make no" in output
    )


def test_private_service_that_lets_everybody_in(cloud: Settings, site: Site, tmp_path: Path) -> None:
    site.lets_in = "everybody"
    is_content, output = check(site, tmp_path, google_environment(cloud), smoke_check_private=True)
    assert not is_content
    assert "/ does not answer as it has to: status is 404, expected 403" in output


def test_application_that_has_a_port_alone(site: Site, tmp_path: Path) -> None:
    site.lets_in, site.answers = "everybody", {}
    is_content, output = check(site, tmp_path, {}, smoke_check_reserved_paths=[], smoke_check_requests=[])
    assert is_content, output
    assert [request[:2] for request in site.requests] == [
        (404, path) for path in ("/", "/healthz", "/health", "/version")
    ]


def test_wrong_answer_names_the_variable_that_says_what_is_right(site: Site, tmp_path: Path) -> None:
    site.lets_in = "everybody"
    is_content, output = check(site, tmp_path, {}, smoke_check_requests=[{"path": "/moved"}])
    assert not is_content
    assert (
        f"/moved does not answer as it has to: status is 308, to {site.url}/moved/, expected 200. "
        "What is right is said in smoke_check_requests" in output
    )


@pytest.mark.parametrize("is_private", [False, True])
def test_internal_service_is_not_found_from_outside(site: Site, tmp_path: Path, is_private: bool) -> None:
    site.refusal = 404
    is_content, output = check(site, tmp_path, {}, smoke_check_private=is_private, smoke_check_internal=True)
    assert is_content, output
    assert site.requests == [(404, "/", "")]
    assert "is not reached from outside: /, /health, /version, /greeting of localhost not asked" in output


def test_internal_service_that_is_reached(site: Site, tmp_path: Path) -> None:
    is_content, output = check(site, tmp_path, {}, smoke_check_internal=True)
    assert not is_content
    assert "/ does not answer as it has to: status is 403, expected 404" in output


@pytest.mark.parametrize(
    ("host", "variables", "wanted"),
    [
        ("hello-gcp", {}, {"private": False, "internal": False}),
        ("hello-gcp", {"service_allow_unauthenticated": False}, {"private": True, "internal": False}),
        ("hello-gcp", {"service_ingress": "INGRESS_TRAFFIC_ALL"}, {"private": False, "internal": False}),
        ("hello-gcp", {"service_ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}, {"private": False, "internal": True}),
        ("tasks", {}, {"private": False, "internal": False}),
    ],
)
def test_inventory_says_who_is_let_in(tmp_path: Path, host: str, variables: Any, wanted: dict[str, bool]) -> None:
    content = "{{ {'private': smoke_check_private, 'internal': smoke_check_internal, 'paths': paths} | to_json }}"
    paths = "{{ smoke_check_platform_requests | rejectattr('optional', 'defined') | map(attribute='path') }}"
    tasks = [
        {"ansible.builtin.include_vars": {"dir": str(PROJECT / "playbooks/vars")}},
        {"ansible.builtin.copy": {"content": content, "dest": str(tmp_path / "found.json"), "mode": "0600"}},
    ]
    play = {"hosts": host, "gather_facts": False, "vars": {"paths": paths}, "tasks": tasks}
    (tmp_path / "play.json").write_text(json.dumps([play]))
    playbook = Path(sys.executable).parent / "ansible-playbook"
    subprocess.run(
        [playbook, str(tmp_path / "play.json"), "-i", "inventories/dev", "-e", json.dumps(variables)],
        cwd=PROJECT,
        check=True,
    )
    # Nothing of what the application of this repository answers is optional.
    wanted_of_all = {"paths": ["/healthz", "/health", "/version"]}
    assert json.loads((tmp_path / "found.json").read_text()) == wanted | wanted_of_all
