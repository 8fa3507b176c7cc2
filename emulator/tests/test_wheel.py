"""The package by itself: a wheel, installed without this checkout, started in an empty folder and driven with boto3."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import boto3
import docker
import pytest

from emulator.tests.stack import free_subnet

PACKAGE = Path(__file__).resolve().parents[1]
NETWORK = "temu-wheel"


class Installed:
    """The installed command line, in an empty folder and with nothing of this checkout in its environment."""

    def __init__(self, directory: Path, subnet: str) -> None:
        self.folder = directory / "empty"
        self.folder.mkdir()
        self._programs = directory / "venv" / "bin"
        # Where the machine's trusted authority is, and the engine.
        passed = {
            name: os.environ[name] for name in ("HOME", "PATH", "DOCKER_HOST", "XDG_DATA_HOME") if name in os.environ
        }
        self._environment = passed | {"XDG_STATE_HOME": str(directory / "state")}
        self._options = [
            "--gateway-port=26566",
            "--google-port=26567",
            "--http-port=26080",
            "--https-port=26443",
            f"--network-name={NETWORK}",
            f"--subnet={subnet}",
        ]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the virtual environment."""
        return subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self) -> subprocess.CompletedProcess[str]:
        """Start it at ports of its own."""
        return self.run("slipway-emulator", "start", *self._options)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The wheel in a virtual environment of its own; only what it depends on is borrowed."""
    directory = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    # What builds the wheel is installed already, so this needs no network.
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(directory), str(PACKAGE)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = directory.glob("*.whl")
    venv = directory / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = str(venv / "bin" / "python")
    subprocess.run([*pip, "--python", python, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    libraries = next(venv.glob("lib/python*/site-packages"))
    (libraries / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    installed = Installed(directory, free_subnet(docker.from_env(), NETWORK))
    yield installed
    installed.run("slipway-emulator", "stop")


def test_nothing_comes_from_the_checkout(installed: Installed) -> None:
    found = installed.run("python", "-c", "import slipway_emulator; print(slipway_emulator.__file__)").stdout
    assert "/venv/lib/" in found
    assert str(PACKAGE) not in found


def test_starts_in_an_empty_folder_and_answers(installed: Installed) -> None:
    started = installed.start()
    assert (started.returncode, started.stderr) == (0, "")
    assert "started at http://127.0.0.1:26566, log in " in started.stdout
    assert installed.run("slipway-emulator", "status").stdout.startswith("running at http://127.0.0.1:26566")

    def client(service: str) -> boto3.client:
        credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(service, endpoint_url="http://127.0.0.1:26566", region_name="us-east-1", **credentials)

    s3 = client("s3")
    s3.create_bucket(Bucket="wheel")
    s3.put_object(Bucket="wheel", Key="key", Body=b"value")
    assert s3.get_object(Bucket="wheel", Key="key")["Body"].read() == b"value"
    # Of the package's own, beside MiniStack and over it.
    assert client("apprunner").list_services()["ServiceSummaryList"] == []
    repository = client("ecr").create_repository(repositoryName="wheel")["repository"]
    assert repository["repositoryUri"] == "127.0.0.1:26566/wheel"
    assert list(installed.folder.iterdir()) == []


def test_stops_by_its_state_directory(installed: Installed) -> None:
    installed.start()
    assert installed.run("slipway-emulator", "stop").stdout == "stopped\n"
    assert installed.run("slipway-emulator", "status").returncode == 3
    assert docker.from_env().networks.list(names=[NETWORK]) == []


def test_brings_its_images_and_its_provider(installed: Installed) -> None:
    looked = installed.run("slipway-emulator", "images", "--check")
    assert looked.stderr == ""
    subjects = [line.split()[1] for line in looked.stdout.splitlines()]
    assert subjects == ["python:3.11-slim-bookworm", "postgres:15-alpine", "slipway-instance:1", "slipway-network:1"]
    checked = installed.run("slipway-google-provider", "check", "nowhere")
    assert (checked.returncode, checked.stderr) == (1, "")
