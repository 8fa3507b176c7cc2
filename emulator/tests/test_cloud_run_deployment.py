"""What the action service_deployment makes of deployments on Cloud Run."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import docker
import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Request
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments.cloud_run import Deployment

from emulator.tests.google_cloud_run import CloudRun, short
from emulator.tests.stack import Json, google_environment
from slipway_emulator.settings import Settings

NAME = "temu-deployed"
BY_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


Deploy = Callable[..., Json]


@pytest.fixture
def deploy(cloud: Settings, run: CloudRun, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """Follows the deployment of an image, and returns what it found."""
    for name, value in google_environment(cloud).items():
        monkeypatch.setenv(name, value)

    def deploy(image: str, name: str = NAME) -> Json:
        outputs = {"service_id": f"{run.google.parent}/services/{name}", "app_url": run.get(NAME)["uri"]}
        found: Json = Deployment(Request(outputs, digest(image), 60, "us-central1")).run()
        return found

    return deploy


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
    run: CloudRun, deploy: Deploy, images: tuple[str, str], revisions: tuple[str, str]
) -> None:
    found = deploy(images[1])
    assert short(found["deployment_id"]) == revisions[1]
    assert found["image_digests"] == [digest(images[1])]
    assert found["url"] == run.get(NAME)["uri"]
    assert not found["changed"]
    with pytest.raises(ActionError, match=f"runs {digest(images[1])} in {revisions[1]}, asked for was sha256:0"):
        deploy(f"app@sha256:{'0' * 64}")


@pytest.mark.parametrize("percent", [100, 50])
def test_traffic_that_was_pinned_by_hand(
    run: CloudRun, deploy: Deploy, images: tuple[str, str], revisions: tuple[str, str], percent: int
) -> None:
    """Cloud Run calls the deployment a success; the image that was asked for does not serve everybody."""
    old = {"type": BY_REVISION, "revision": revisions[0], "percent": percent}
    new = {"type": BY_REVISION, "revision": revisions[1], "percent": 100 - percent}
    traffic = [target for target in (old, new) if target["percent"]]
    assert "error" not in run.update(NAME, {"traffic": traffic}, updateMask="traffic")
    assert short(run.get(NAME)["latestReadyRevision"]) == revisions[1]
    with pytest.raises(ActionError) as refused:
        deploy(images[1])
    places = zip(images, revisions, (old, new), strict=True)
    serving = sorted(f"{digest(image)} in {revision}" for image, revision, target in places if target["percent"])
    assert f"runs {', '.join(serving)}, asked for was {digest(images[1])}" in str(refused.value)
    run.update(NAME, service(run, images[1]))
    assert deploy(images[1])["image_digests"] == [digest(images[1])]


@pytest.mark.usefixtures("revisions")
def test_failed_revision_shows_what_it_has_said(run: CloudRun, deploy: Deploy, named: Callable[[str], str]) -> None:
    name = named("temu-crashing")
    run.create(name, run.service(BEHAVIOUR="crash"))
    revision = short(run.get(name)["latestCreatedRevision"])
    with pytest.raises(ActionError) as refused:
        deploy(run.image, name)
    first, *rest = str(refused.value).splitlines()
    assert "No revision goes on serving" in first
    assert rest[0].startswith(f"Revision {revision} failed: The user-provided container failed to start")
    assert rest[1:] == ["  | version 1 starts", "  | it breaks"]


@pytest.mark.usefixtures("revisions")
def test_service_that_is_not_there(deploy: Deploy, images: tuple[str, str]) -> None:
    with pytest.raises(ActionError, match=r"knows no .*/services/temu-none"):
        deploy(images[1], "temu-none")
