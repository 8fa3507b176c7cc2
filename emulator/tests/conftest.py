"""An emulator of its own for these tests: this checkout's code, other ports, another network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest
from botocore.config import Config

from emulator.tests.clouds import cloud_beside, settings_beside
from emulator.tests.google_apis import Google, forget_images
from emulator.tests.google_cloud_run import CloudRun, short
from emulator.tests.stack import Client, Services, Terraform, ecr_credentials, push
from slipway_emulator.settings import Settings


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    """A client of the engine that runs the containers."""
    return docker.from_env()


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Ports and a subnet that another emulator of this machine does not use."""
    return settings_beside("temu", 10)


@pytest.fixture(scope="session")
def cloud(settings: Settings) -> Iterator[Settings]:
    """A running emulator."""
    with cloud_beside(settings):
        yield settings


@pytest.fixture(scope="session")
def aws(cloud: Settings) -> Client:
    """Makes a boto3 client of a service of the emulator."""

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=cloud.gateway_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return client


@pytest.fixture(scope="session")
def image(aws: Client, engine: docker.DockerClient) -> Iterator[str]:
    """The test image, pushed to the rehearsal's registry."""
    repository = aws("ecr").create_repository(repositoryName="temu-app")["repository"]["repositoryUri"]
    built, _ = engine.images.build(path=str(Path(__file__).parent / "image"), rm=True)
    built.tag(repository, tag="1")
    assert push(engine, repository, "1", ecr_credentials(aws)) == ""
    yield f"{repository}:1"
    engine.images.remove(f"{repository}:1", force=True)


@pytest.fixture(scope="session")
def services(aws: Client, image: str) -> Services:
    """A cluster for services and tasks of the test image."""
    return Services(aws, image)


@pytest.fixture(scope="session")
def run(cloud: Settings, image: str, engine: docker.DockerClient) -> Iterator[CloudRun]:
    """Cloud Run, with the test image in Artifact Registry."""
    google = Google(cloud, "temu-run", "run", "artifactregistry", "iam", "iamcredentials")
    name = f"{google.make_repository('temu-run')}/app"
    engine.images.get(image).tag(name, tag="1")
    assert google.push(engine, name, "1") == ""
    package = f"/artifactregistry/v1/{google.parent}/repositories/temu-run/packages/app/tags/1"
    yield CloudRun(google, f"{name}@{short(google.call('GET', package)['version'])}")
    forget_images(engine, google.cloud.google_registry_address)


@pytest.fixture
def named(run: CloudRun) -> Iterator[Callable[[str], str]]:
    """Names of services that go when the test ends."""
    names: list[str] = []

    def named(name: str) -> str:
        names.append(name)
        return name

    yield named
    for name in names:
        if run.google.ask("GET", run.path(name)).ok:
            run.delete(name)


@pytest.fixture(scope="session")
def applying(
    cloud: Settings, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Terraform, Future[None]]]:
    """Terraform, and its first apply under way."""
    terraform = Terraform(tmp_path_factory.mktemp("terraform"), cloud, image)
    with ThreadPoolExecutor(1) as executor:
        yield terraform, executor.submit(terraform.apply)


@pytest.fixture(scope="session")
def terraform(applying: tuple[Terraform, Future[None]]) -> Terraform:
    """Terraform after its first apply. What it made goes with the emulator."""
    terraform, applied = applying
    applied.result()
    return terraform


@pytest.fixture(scope="session", autouse=True)
def _apply_early(request: pytest.FixtureRequest) -> None:
    """Begin the apply before all other tests, if any test needs it: it takes a minute, mostly of waiting."""
    if any("terraform" in item.fixturenames for item in request.session.items if isinstance(item, pytest.Function)):
        request.getfixturevalue("applying")
