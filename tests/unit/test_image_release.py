"""The role image where an image that was built before is deployed: nothing is computed or built, no engine is asked."""

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

from tests.unit.test_role_inputs import role_input

PROJECT = Path(__file__).resolve().parents[2]
TAG, DIGEST = "5e884898da28047151d0e56f8dc62927", f"sha256:{'a' * 64}"
REPOSITORY = "111122223333.dkr.ecr.us-east-1.amazonaws.com/prod-tasks"


class Registry(BaseHTTPRequestHandler):
    """Amazon ECR with one image (API DescribeImages)."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_there = asked["imageIds"] == [{"imageTag": TAG}] and asked["repositoryName"] == "prod-tasks"
        answer = {"imageDetails": [{"imageDigest": DIGEST}]} if is_there else {"__type": "ImageNotFoundException"}
        body = json.dumps(answer).encode()
        self.send_response(200 if is_there else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run_role(registry: str, folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the role as Ansible does, on a machine without an engine and without the source."""
    role = {
        "role": "slipway.provision.image",
        "image_source": str(folder / "gone"),
        "image_repository_url": REPOSITORY,
        **inputs,
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "roles": [role],
        "tasks": [{"debug": {"msg": "{{ image_outputs | to_json }}"}}],
    }
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "/dev/stdin"],
        input=json.dumps([play]),
        cwd=PROJECT,
        env=os.environ
        | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": registry,
            "AWS_MAX_ATTEMPTS": "1",
            "DOCKER_HOST": f"unix://{folder}/no-engine",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_image_of_the_tag_is_deployed(registry: str, tmp_path: Path) -> None:
    run = run_role(registry, tmp_path, image_tag=TAG, image_digest=DIGEST)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f'"reference": "{REPOSITORY}@{DIGEST}"' in run.stdout
    assert "changed=0" in run.stdout


def test_another_digest_is_refused(registry: str, tmp_path: Path) -> None:
    run = run_role(registry, tmp_path, image_tag=TAG, image_digest=f"sha256:{'b' * 64}")
    assert run.returncode == 2
    assert f"as {DIGEST}, and image_digest is sha256:bbb" in " ".join(run.stdout.split())


def test_image_that_is_nowhere_is_not_built(registry: str, tmp_path: Path) -> None:
    run = run_role(registry, tmp_path, image_tag="0" * 32)
    assert run.returncode == 2
    assert "could not push" in run.stdout


def test_release_names_the_image_of_each_app() -> None:
    release = {"tasks": {"tag": TAG, "digest": DIGEST}, "beers": {"tag": "1" * 32}}
    found = {
        app: [
            role_input(f"image_{name}", "ecs", inventory_hostname=app, slipway_release=release)
            for name in ("tag", "digest")
        ]
        for app in ("tasks", "beers", "web")
    }
    assert found == {"tasks": [TAG, DIGEST], "beers": ["1" * 32, ""], "web": ["", ""]}
    assert role_input("image_tag", "ecs", inventory_hostname="tasks") == ""
