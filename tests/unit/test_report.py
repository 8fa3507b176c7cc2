"""The report of a deployment: what it shows, and that it shows no secret, loads nothing and escapes what it inserts."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from plugins.filter.report import report_page
from plugins.filter.smoke_check import answered_requests
from plugins.plugin_utils.drawing import DRAWN_TYPES, draw
from plugins.plugin_utils.platforms import read_platforms
from plugins.plugin_utils.run_times import Run
from plugins.plugin_utils.state_resources import Resource, resources_of
from tests.unit import report_example as example

Json = dict[str, Any]

HOSTILE = "</td></script><script>alert(1)</script><img src=https://evil.example/x.png onerror='x'>\"'&{{ 7 * 7 }}\\N"
_VOID = {"br", "link", "meta", "img", "hr", "input"}
_LOADS = {"src", "srcset", "data", "poster", "background", "action", "xlink:href"}


class Page(HTMLParser):
    """A page, read as a browser would; what is wrong with it is in `problems`."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.problems += [f"{tag} is not closed" for tag in self._open]
        self.problems += [f"{name} is there twice" for name in {name for name in self.ids if self.ids.count(name) > 1}]
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        if tag not in _VOID:
            self._open.append(tag)
        for name, value in attrs:
            self.ids += [str(value)] if name == "id" else []
            self.links += [str(value)] if name == "href" else []
            if name in _LOADS or name.startswith("on") or (name == "href" and tag != "a"):
                self.problems.append(f"{tag} has {name}")
            if "url(" in str(value):
                self.problems.append(f"{tag} loads {value}")
        if tag in {"script", "iframe", "object", "embed", "link", "img", "base", "form"}:
            self.problems.append(f"there is a {tag}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens and closes at once, which elements of SVG may."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """A tag closes."""
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"{tag} is closed and not open")

    def handle_data(self, data: str) -> None:
        """Text."""
        if self._open and self._open[-1] == "style":
            self.problems += [f"the style has {word}" for word in ("url(", "@import") if word in data]
        else:
            self.words.append(data)


def _page(parts: list[Json], run: Json | None = None) -> tuple[str, Page]:
    text = report_page(parts, run or example.run(), example.TEMPLATE)
    return text, Page(text)


# -- what a state is read for ----------------------------------------------------------------------------


def test_types_names_and_dependencies_are_read_and_nothing_else() -> None:
    state = example.state_of(example.DEPENDENCIES["service_ecs"])
    resources = {resource.address: resource for resource in resources_of(state)}
    assert example.SECRET not in str(resources)
    assert resources["aws_ecs_service.this"] == Resource(
        "aws_ecs_service.this",
        "aws_ecs_service",
        "this",
        1,
        [
            "aws_ecs_cluster.this",
            "module.load_balancer.aws_lb.this",
            "module.load_balancer.aws_security_group.load_balancer",
            "module.target.aws_lb_target_group.this",
        ],
    )
    assert not [address for address in resources if "data." in address or "caller" in address]


def test_instances_count_for_one_resource() -> None:
    state = example.state_of(example.DEPENDENCIES["data"])
    assert {resource.address: resource.instances for resource in resources_of(state)}[
        "aws_secretsmanager_secret.database"
    ] == 4
    assert resources_of({"version": 4, "resources": []}) == []


def test_layer_names_what_it_takes_outputs_of() -> None:
    roots = read_platforms(example.LAYERS)["ecs"].layers
    layers = {layer["name"]: layer for layer in example.layers_of(roots)}
    assert layers["service"]["upstream"] == ["data", "network", "registry"]
    assert layers["data"]["upstream"] == ["network", "registry"]
    assert layers["registry"]["upstream"] == []


@pytest.mark.parametrize(
    "root", sorted(file.parent for file in example.LAYERS.glob("*/*/variables.tf")), ids=lambda it: it.name
)
def test_every_layer_has_a_resource_that_is_drawn(root: Path) -> None:
    if root.name == "bootstrap":
        return
    text = "".join(file.read_text() for file in root.glob("*.tf"))
    assert set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE)) & DRAWN_TYPES.keys(), (
        "add its main type to DRAWN_TYPES"
    )


# -- what a smoke check is read for ----------------------------------------------------------------------


def test_requests_are_told_without_headers_and_bodies() -> None:
    sent = {"ansible_loop_var": "it", "invocation": {"headers": {"Authorization": example.SECRET}}}
    answers = [
        sent | {"it": {"path": "/health"}, "status": 200, "content": example.SECRET},
        sent | {"it": {"path": "/data", "method": "POST", "status": 401}, "status": 500, "attempts": 60, "content": ""},
        sent | {"it": {"path": "/healthz", "body": "ok"}, "status": 200, "content": example.SECRET},
        sent | {"it": {"path": "/version", "json": {"a": 1}}, "status": 500, "content": example.SECRET},
        sent | {"it": {"path": "/version"}, "status": -1, "msg": "refused"},
    ]
    assert answered_requests(answers) == [
        {"request": "GET /health", "status": 200, "attempts": 1, "problems": []},
        {"request": "POST /data", "status": 500, "attempts": 60, "problems": ["status is 500, expected 401"]},
        {"request": "GET /healthz", "status": 200, "attempts": 1, "problems": ["the body is not as expected"]},
        {
            "request": "GET /version",
            "status": 500,
            "attempts": 1,
            "problems": ["status is 500, expected 200", "the body is not as expected"],
        },
        {"request": "GET /version", "status": -1, "attempts": 1, "problems": ["no answer (refused)"]},
    ]


# -- the drawing -----------------------------------------------------------------------------------------


def test_drawing_has_boxes_resources_and_arrows() -> None:
    layers = example.part("tasks", "ecs")["layers"]
    svg = draw("d", layers, {"network": "network main"})
    page = Page(svg)
    assert page.problems == []
    for word in (
        "service",
        "load balancer",
        "database",
        "bucket",
        "secret \N{MULTIPLICATION SIGN} 4",
        "images",
        "network main",
    ):
        assert word in page.text
    # service to load balancer and database to secret; service to data, data to network and to registry.
    assert svg.count('class="edge"') == 5
    assert "aws_" not in svg


def test_layer_without_main_resources_is_a_box() -> None:
    resource = {"address": "a_b.c", "type": "a_b", "name": "c", "instances": 3, "needs": []}
    svg = draw("d", [{"name": "queue", "resources": [resource], "upstream": ["data"]}], {})
    assert "3 resources" in svg
    assert 'class="edge"' not in svg


# -- the page --------------------------------------------------------------------------------------------


def test_page_of_seven_apps() -> None:
    text, page = _page(example.seven_apps())
    assert page.problems == []
    assert "7 apps" in page.text
    assert "2 failed" in page.text
    assert "3 changes" in page.text
    for app in ("tasks", "beers", "records", "web", "hello", "hello-gcp"):
        assert f"https://{app}.example.org" in page.links
    assert "0.1.0-3f6c2d1a9b" in page.text
    assert "sha256:7dc73547c1b3f6d2a4e5968778695a4b3c2d1e0f7dc73547c1b3f6d2a4e59687" in page.text
    assert "stopped at the task smoke_check : Fail when an answer is wrong" in page.text
    assert "GET /health status is 503, expected 200 503" in page.text
    assert "service: 1 change replace aws_ecs_task_definition.this" in page.text
    assert "Provision the data layer 6 min 42 s" in page.text
    assert "hello-gcp: instance: there is no price e2_hour" in page.text
    assert "There is no state yet." in page.text
    assert text.count("<svg") == 7
    assert example.SECRET not in html.unescape(text)


def test_page_loads_nothing_and_may_not() -> None:
    text, page = _page(example.seven_apps())
    assert "default-src 'none'" in text
    assert [link for link in page.links if not link.startswith(("#", "https://"))] == []
    assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)


def test_page_is_for_light_dark_and_phones() -> None:
    text, _ = _page([example.network()])
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text
    assert "@media (max-width: 45rem)" in text


def test_page_without_times_or_hosts() -> None:
    _, page = _page([], example.run(times={}))
    assert page.problems == []
    assert "0 apps" in page.text
    assert "is not in callbacks_enabled" in page.text


def test_page_has_the_processes_of_an_app() -> None:
    with_processes, without = example.part("shop", "ecs"), example.part("blog", "ecs")
    with_processes["deployed"]["processes"] = ["beat", "worker"]
    # Kept by a run of before there were processes.
    del without["deployed"]["processes"]
    _, page = _page([with_processes, without])
    assert page.problems == []
    assert page.text.count("processes beat, worker") == page.text.count("processes ") == 1


def test_what_is_inserted_is_escaped() -> None:
    def hostile(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: hostile(member, name) for name, member in value.items()}
        if isinstance(value, list):
            return [hostile(member, key) for member in value]
        return (
            value + HOSTILE if isinstance(value, str) and value and key not in ("kind", "type", "upstream") else value
        )

    parts = [hostile(part) for part in example.seven_apps()]
    parts[1]["deployed"]["url"] = "javascript:alert(1)"
    text, page = _page(parts, hostile(example.run()))
    assert page.problems == []
    assert "javascript:alert(1)" not in page.links
    assert "<script" not in text
    assert "{{ 7 * 7 }}" in page.text


# -- times -----------------------------------------------------------------------------------------------


def test_steps_take_until_the_next_begins() -> None:
    run = Run()
    assert run.report(5.0) == {}
    for step, now in (("Validate", 10.0), ("Deploy", 12.0), ("Deploy", 13.0), ("Image", 15.0), ("Deploy", 20.0)):
        run.begin(step, now)
    run.change("tasks", "push an image")
    run.change("tasks", "apply a plan")
    run.fail("tasks", "the first")
    run.fail("tasks", "the clean-up after it")
    assert run.report(21.0) == {
        "began": 10.0,
        "seconds": 11.0,
        "steps": [
            {"name": "Validate", "seconds": 2.0},
            {"name": "Deploy", "seconds": 4.0},
            {"name": "Image", "seconds": 5.0},
        ],
        "changed": {"tasks": ["push an image", "apply a plan"]},
        "failed": {"tasks": "the first"},
    }


# -- in a playbook ---------------------------------------------------------------------------------------


@pytest.fixture
def endpoint() -> Iterator[str]:
    """What answers like S3, with the states of a network and three apps."""
    platforms = read_platforms(example.LAYERS)
    roots = {
        app: platforms[platform].layers for app, platform in {"tasks": "ecs", "beers": "ecs", "web": "ec2"}.items()
    }
    states = {
        f"/slipway-dev-state/dev/{name}/{layer}": json.dumps(example.state_of(example.DEPENDENCIES[root.name])).encode()
        for name, layers in (roots | {"main": {"network": example.LAYERS / "aws/network"}}).items()
        for layer, root in layers.items()
    } | {"/slipway-dev-state/dev/records/service": b"{"}

    class States(BaseHTTPRequestHandler):
        """Answers `GetObject`."""

        def do_GET(self) -> None:
            """Send a state, or say that there is none."""
            found = states.get(self.path.partition("?")[0])
            content = found or b"<Error><Code>NoSuchKey</Code></Error>"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", '"1"')
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), States) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Deployment:
    """A project with an environment `dev` whose runs deploy nothing and report."""

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder
        self._endpoint = endpoint
        (folder / "playbooks").mkdir()
        for name in ("files", "tasks", "vars"):
            (folder / "playbooks" / name).symlink_to(example.PROJECT / "playbooks" / name)
        for name in ("roles", "terraform"):
            (folder / name).symlink_to(example.PROJECT / name)
        shutil.copy(example.PROJECT / "tests/playbooks/report.yml", folder / "playbooks")
        shutil.copytree(example.PROJECT / "inventories", folder / "inventories")
        self.environment = folder / ".build/dev"

    def run(self, limit: str, *arguments: str, failing: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run the playbook."""
        variables = {
            "report_endpoint": self._endpoint,
            "report_failing": list(failing),
            "report_secret": example.SECRET,
        }
        command = ["ansible-playbook", "playbooks/report.yml", "-i", "inventories/dev", "--limit", limit]
        return subprocess.run(
            [*command, "-e", json.dumps(variables), *arguments],
            cwd=self._folder,
            env=os.environ
            | {
                "ANSIBLE_CONFIG": str(example.PROJECT / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": str(example.PROJECT / ".build/collections"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def page(self) -> Page:
        """The report."""
        text = (self.environment / "report/index.html").read_text()
        assert example.SECRET not in html.unescape(text)
        return Page(text)


def test_runs_report_what_they_did(tmp_path: Path, endpoint: str) -> None:
    deployment = Deployment(tmp_path, endpoint)

    checked = deployment.run("main,tasks", "--check")
    assert checked.returncode == 0, checked.stdout
    assert not deployment.environment.exists()

    first = deployment.run("main,tasks,web")
    assert first.returncode == 0, first.stdout
    assert "was not written" not in first.stdout
    assert set(re.findall(r"changed=(\d+)", first.stdout)) == {"0"}
    page = deployment.page()
    assert page.problems == []
    assert "2 apps" in page.text
    assert "0 failed" in page.text
    assert "data: 1 change create aws_s3_bucket.this" in page.text
    assert "registry: nothing" in page.text
    assert "GET /health 200" in page.text
    assert "Read what the layers consist of" in page.text
    for word in ("load balancer", "NAT gateway", "database \N{MULTIPLICATION SIGN} 2 26.28", "network main"):
        assert word in page.text
    for file in files_of(deployment.environment):
        assert example.SECRET not in file.read_text()
        assert file.stat().st_mode & 0o777 == 0o600

    # Whatever fails, the others' parts stay, and the run still ends as failed.
    second = deployment.run("beers", failing=("beers",))
    assert second.returncode == 2, second.stdout
    page = deployment.page()
    assert "3 apps" in page.text
    assert "1 failed" in page.text
    assert "by a run of beers." in page.text
    assert "stopped at the task Fail when an answer is wrong." in page.text
    assert "https://tasks.example.org" in page.links
    assert "https://beers.example.org" not in page.links


def test_report_that_cannot_be_written_is_told_and_fails_nothing(tmp_path: Path, endpoint: str) -> None:
    deployment = Deployment(tmp_path, endpoint)
    run = deployment.run("records")
    assert run.returncode == 0, run.stdout
    said = " ".join(run.stdout.split())
    assert "The report was not written: " in said
    assert "s3://slipway-dev-state/dev/records/service is no JSON" in said
    assert not (deployment.environment / "report").exists()


def test_missing_library_is_named_and_fails_nothing(
    tmp_path: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = Deployment(tmp_path, endpoint)
    (tmp_path / "first").mkdir()
    (tmp_path / "first/pygraphviz.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'first'}:{os.environ.get('PYTHONPATH', '')}")
    run = deployment.run("tasks,web")
    assert run.returncode == 0, run.stdout
    assert re.search(r"The report was not written: .*\(pygraphviz\)", " ".join(run.stdout.split())), run.stdout
    assert not (deployment.environment / "report").exists()


def files_of(folder: Path) -> list[Path]:
    """All files of the reports of an environment."""
    files = [*folder.glob("*/report.json"), folder / "report/index.html"]
    assert len(files) > 1
    return files
