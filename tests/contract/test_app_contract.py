"""The application of this repository keeps docs/app-contract.md, and the page tells all that is given."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).resolve().parents[2]
DIGEST = "sha256:" + "5" * 64
PORT = 8123
IMAGE = "slipway-app:contract"
# What a task of ECS is: terraform/modules/ecs_task/main.tf.
TASK = ["--init", "--read-only", "--tmpfs=/tmp:size=128m,nodev,nosuid", "--user=10001", "--memory=512m"]


def docker(*arguments: str) -> str:
    """What a command of Docker prints; it has to succeed."""
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


@dataclass(frozen=True)
class Container:
    """A container of the application that answers."""

    name: str
    port: int

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def image() -> str:
    """The application's image, built as `roles/image` builds it."""
    arguments = ["--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=0123abcd"]
    dockerfile = f"--file={PROJECT / 'Dockerfile'}"
    docker("build", "--quiet", "--tag", IMAGE, *arguments, dockerfile, str(PROJECT / "app"))
    return IMAGE


@contextmanager
def running(image: str) -> Iterator[Container]:
    """Run the application as a task of it does, without a database."""
    settings = {"PORT": str(PORT), "APP_NAME": "contract", "IMAGE_DIGEST": DIGEST, "AWS_REGION": "us-east-1"}
    environment = [f"--env={name}={value}" for name, value in settings.items()]
    name = docker("run", "--detach", *TASK, *environment, "--publish", f"127.0.0.1::{PORT}", image)
    try:
        answering = Container(name, int(docker("port", name, f"{PORT}/tcp").rpartition(":")[2]))
        deadline = time.monotonic() + 30
        while True:
            try:
                answering.get("/healthz")
                break
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < deadline, docker("logs", name)
                time.sleep(0.1)
        yield answering
    finally:
        docker("rm", "--force", name)


@pytest.fixture(scope="module")
def container(image: str) -> Iterator[Container]:
    """One for the tests that only ask."""
    with running(image) as answering:
        yield answering


def test_liveness(container: Container) -> None:
    status, body = container.get("/healthz")
    assert (status, body.strip()) == (200, b"ok")


def test_readiness(container: Container) -> None:
    assert container.get("/health")[0] == 200


def test_version_names_the_image_that_runs(container: Container) -> None:
    status, body = container.get("/version")
    assert status == 200
    assert json.loads(body) == {"version": "1.2.3", "revision": "0123abcd", "image_digest": DIGEST}


def test_labels_name_version_and_revision(image: str) -> None:
    labels = json.loads(docker("inspect", "--format", "{{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.revision"] == "0123abcd"


def test_image_itself_names_a_numeric_user(image: str) -> None:
    assert docker("inspect", "--format", "{{.Config.User}}", image) == "10001:10001"


def test_health_check_of_the_task_definition_works(container: Container) -> None:
    module = (PROJECT / "terraform/modules/ecs_task/main.tf").read_text()
    command = re.search(r"default_health_check_command = \[(.*?)\n  \]", module, re.DOTALL)
    assert command, "the module's default health check command is not where it was"
    words = [json.loads(word) for word in re.findall(r'"(?:[^"\\]|\\.)*"', command[1])]
    # The last word is joined of several, by the one before them.
    program, separator, statements = words[1:4], words[4], words[5:]
    code = separator.join(statements).replace("${local.port}", str(PORT))
    # As strict as for an app with a path of its own: tests/unit/test_container_health_check.py runs both.
    code = code.replace("${local.health_check_path}", "/healthz")
    code = code.replace("${local.health_check_failure}", "server.recv(64)[9:12] != b'200'")
    docker("exec", container.name, *program, code)
    with pytest.raises(AssertionError):
        docker("exec", container.name, *program, code.replace("/healthz", "/nothing-here"))


def test_nothing_is_written_outside_of_tmp(image: str) -> None:
    """With a root file system that could be written to, so that a write would show."""
    name = docker("run", "--detach", "--tmpfs=/tmp", "--user=10001", image)
    try:
        time.sleep(3)
        assert docker("inspect", "--format", "{{.State.Running}}", name) == "true", docker("logs", name)
        changes = docker("diff", name).splitlines()
        assert [line for line in changes if not line.endswith((" /tmp", " /dev", " /dev/shm"))] == []
    finally:
        docker("rm", "--force", name)


@pytest.mark.parametrize(
    ("environment", "said"),
    [([], "DATABASE_HOST"), (["--env=DATABASE_URL=postgresql://x@127.0.0.1:1/x"], "refused")],
    ids=["told of no database", "database out of reach"],
)
def test_migration_that_cannot_be_done_fails(image: str, environment: list[str], said: str) -> None:
    defaults = yaml.safe_load((PROJECT / "roles/migration/defaults/main.yml").read_text())
    run = ["docker", "run", "--rm", *TASK, *environment, image, *defaults["migration_command"]]
    result = subprocess.run(run, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode not in (0, 125, 126, 127)
    assert said in result.stdout


def test_stop_ends_with_exit_code_0(image: str) -> None:
    with running(image) as container:
        docker("stop", "--time", "30", container.name)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container.name) == "0"


def test_the_page_names_every_variable_that_is_given() -> None:
    page = (PROJECT / "docs/app-contract.md").read_text()
    table = page.partition("### Environment")[2].partition("\n### ")[0]
    first_cells = re.findall(r"^\| (`[A-Z].*?) \|", table, re.MULTILINE)
    described = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    variables = yaml.safe_load((PROJECT / "playbooks/vars/application_environment.yml").read_text())
    given = set(variables["platform_environment"])
    for root in ("modules/ecs_task", "layers/aws/service_app_runner"):
        text = (PROJECT / "terraform" / root / "main.tf").read_text()
        block = re.search(r"merge\(\s*var\.environment_variables,(.*?)\n(  )?\S*\)", text, re.DOTALL)
        assert block, f"the variables of {root} itself are not where they were"
        given |= set(re.findall(r"\b([A-Z_]{2,})\s+= ", block[1]))
    for variable in ("migration_environment", "service_environment_variables"):
        given |= set(re.findall(r"'([A-Z_]+)':", variables[variable]))
    assert described == given
