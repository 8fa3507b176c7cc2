"""What the action cloud_run_deployment makes of deployments on Cloud Run."""

from __future__ import annotations

import io
from collections.abc import Iterator

import docker
import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.aws_action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

from emulator.settings import Settings
from plugins.action.cloud_run_deployment import Deployment
from tests.emulator.google_cloud_run import CloudRun, short
from tests.emulator.stack import Json, google_environment

NAME = "temu-deployed"
BY_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


@pytest.fixture
def deployment(cloud: Settings, run: CloudRun, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    for name, value in google_environment(cloud).items():
        monkeypatch.setenv(name, value)
    return Deployment(GoogleCloud(), f"{run.google.parent}/services/{NAME}")


@pytest.fixture(scope="module")
def images(run: CloudRun, engine: docker.DockerClient) -> tuple[str, str]:
    """The test image, and another one of the same program."""
    repository = run.image.partition("@")[0]
    dockerfile = io.BytesIO(f"FROM {repository}:1\nLABEL version=2\n".encode())
    built, _ = engine.images.build(fileobj=dockerfile, rm=True)
    built.tag(repository, tag="2")
    assert run.google.push(engine, repository, "2") == ""
    package = f"/artifactregistry/v1/{run.google.parent}/repositories/temu-run/packages/app/tags/2"
    return run.image, f"{repository}@{short(run.google.call('GET', package)['version'])}"


def digest(image: str) -> str:
    return image.partition("@")[2]


def service(run: CloudRun, image: str, *traffic: Json) -> Json:
    """A service of an image, with its traffic."""
    body = run.service()
    body["template"]["containers"][0]["image"] = image
    return body | ({"traffic": list(traffic)} if traffic else {})


@pytest.fixture(scope="module")
def revisions(run: CloudRun, images: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Two revisions of a service: one of each image, the last one of which serves."""
    found = []
    assert "error" not in run.create(NAME, service(run, images[0]))
    found.append(short(run.get(NAME)["latestReadyRevision"]))
    assert "error" not in run.update(NAME, service(run, images[1]))
    found.append(short(run.get(NAME)["latestReadyRevision"]))
    yield found[0], found[1]
    run.delete(NAME)


def test_image_that_was_asked_for_serves(
    deployment: Deployment, images: tuple[str, str], revisions: tuple[str, str]
) -> None:
    found = deployment.wait(60)
    assert short(found["latestReadyRevision"]) == revisions[1]
    assert deployment.image_digest(found, digest(images[1])) == digest(images[1])
    with pytest.raises(ActionError, match=f"runs {digest(images[1])} in {revisions[1]}, asked for was sha256:0"):
        deployment.image_digest(found, f"sha256:{'0' * 64}")


@pytest.mark.parametrize("percent", [100, 50])
def test_traffic_that_was_pinned_by_hand(
    run: CloudRun, deployment: Deployment, images: tuple[str, str], revisions: tuple[str, str], percent: int
) -> None:
    """Cloud Run calls the deployment a success; the image that was asked for does not serve everybody."""
    old = {"type": BY_REVISION, "revision": revisions[0], "percent": percent}
    new = {"type": BY_REVISION, "revision": revisions[1], "percent": 100 - percent}
    traffic = [target for target in (old, new) if target["percent"]]
    assert "error" not in run.update(NAME, {"traffic": traffic}, updateMask="traffic")
    found = deployment.wait(60)
    assert short(found["latestReadyRevision"]) == revisions[1]
    with pytest.raises(ActionError) as refused:
        deployment.image_digest(found, digest(images[1]))
    serving = sorted(str(target["revision"]) for target in traffic)
    assert f"in {', '.join(serving)}, asked for was {digest(images[1])}" in str(refused.value)
    assert digest(images[0]) in str(refused.value).partition(" in ")[0]
    run.update(NAME, service(run, images[1]))
    assert deployment.image_digest(deployment.wait(60), digest(images[1])) == digest(images[1])


def test_service_that_is_not_there(deployment: Deployment, run: CloudRun) -> None:
    missing = Deployment(deployment._cloud, f"{run.google.parent}/services/temu-none")
    with pytest.raises(ActionError, match=r"knows no .*/services/temu-none"):
        missing.wait(1)
