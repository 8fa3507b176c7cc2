"""What the action service_deployment makes of deployments on Cloud Run."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import docker
import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Request
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments.cloud_run import Deployment

from emulator.tests.google_apis import RUN, USAGE
from emulator.tests.google_cloud_run import CloudRun, short
from emulator.tests.stack import Json, google_environment
from slipway_emulator.settings import Settings

NAME = "temu-deployed"
BY_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


Deploy = Callable[..., Json]


@pytest.fixture
def deploy(cloud: Settings, run: CloudRun, monkeypatch: pytest.MonkeyPatch) -> Deploy:
    """Follows the deployment of an image, and returns what it found; or says what runs now."""
    for name, value in google_environment(cloud).items():
        monkeypatch.setenv(name, value)

    def deploy(image: str, name: str = NAME, status: bool = False, **more: Json) -> Json:
        outputs = {"service_id": f"{run.google.parent}/services/{name}", "app_url": run.get(NAME)["uri"]}
        deployment = Deployment(Request(outputs | more, digest(image), 60, "us-central1"))
        found: Json = deployment.status() if status else deployment.run()
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


WORKER, CLEANUP = f"{NAME}--worker", f"{NAME}--cleanup"


@pytest.fixture(scope="module")
def beside(run: CloudRun) -> Iterator[Json]:
    """A worker pool and a schedule of the test image, as outputs of the layer name them."""
    google = run.google
    google.call("POST", f"{USAGE}/projects/{google.project}/services/cloudscheduler.googleapis.com:enable")
    assert "error" not in run.make("workerPools", WORKER, run.worker_pool(2))
    assert "error" not in run.make("jobs", CLEANUP, run.job("import sys; print('no'); sys.exit(4)"))
    token = {"serviceAccountEmail": google.make_account("temu-deployed-cron")}
    timer = {
        "name": f"{google.parent}/jobs/{CLEANUP}",
        "schedule": "0 3 * * *",
        "httpTarget": {"uri": f"https://run.googleapis.com/v2/{google.parent}/jobs/{CLEANUP}:run", "oauthToken": token},
    }
    google.call("POST", f"/cloudscheduler/v1/{google.parent}/jobs", timer)
    yield {
        "processes": {"worker": {"worker_pool_id": f"{google.parent}/workerPools/{WORKER}"}},
        "schedules": {"cleanup": {"job_id": f"{google.parent}/jobs/{CLEANUP}"}},
    }
    google.operate(RUN, "DELETE", f"{google.parent}/workerPools/{WORKER}")
    google.operate(RUN, "DELETE", f"{google.parent}/jobs/{CLEANUP}")
    google.call("DELETE", f"/cloudscheduler/v1/{google.parent}/jobs/{CLEANUP}")


def test_processes_and_schedules_run_what_was_asked_for(
    run: CloudRun, deploy: Deploy, images: tuple[str, str], revisions: tuple[str, str], beside: Json
) -> None:
    web = {"type": BY_REVISION, "revision": revisions[0], "percent": 100}
    assert "error" not in run.update(NAME, {"traffic": [web]}, updateMask="traffic")
    found = deploy(images[0], **beside)
    pool = run.google.call("GET", f"{RUN}/{run.google.parent}/workerPools/{WORKER}")
    assert found["processes"] == {"worker": pool["latestReadyRevision"]}
    # The web server has another image; neither the process nor the schedule has.
    latest = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
    assert "error" not in run.update(NAME, {"traffic": [latest]}, updateMask="traffic")
    with pytest.raises(ActionError) as refused:
        deploy(images[1], **beside)
    assert f"/workerPools/{WORKER} runs {digest(images[0])} in {WORKER}-00001-" in str(refused.value)
    with pytest.raises(ActionError) as refused:
        deploy(images[1], schedules=beside["schedules"])
    text = f"schedule cleanup: {run.google.parent}/jobs/{CLEANUP} runs {digest(images[0])}, asked for was "
    assert str(refused.value) == text + digest(images[1])


def test_status_of_processes_and_schedules(
    run: CloudRun, deploy: Deploy, images: tuple[str, str], revisions: tuple[str, str], beside: Json
) -> None:
    web = {"type": BY_REVISION, "revision": revisions[0], "percent": 100}
    assert "error" not in run.update(NAME, {"traffic": [web]}, updateMask="traffic")
    status = deploy(images[0], status=True, **beside)
    assert (status["processes"], status["problems"]) == ({"worker": 2}, [])
    assert "error" in run.execute(CLEANUP)
    # Its account may not run it.
    run.google.call("POST", f"/cloudscheduler/v1/{run.google.parent}/jobs/{CLEANUP}:run")
    failed, refused = deploy(images[0], status=True, **beside)["problems"]
    assert failed.startswith("schedule cleanup: its last run failed at ")
    assert failed.endswith("-task0 failed with message: The container exited with an error.")
    assert refused.startswith("schedule cleanup: Cloud Scheduler could not run it at ")
    assert refused.endswith(": google.rpc.Code 7")
    run.google.call("POST", f"/cloudscheduler/v1/{run.google.parent}/jobs/{CLEANUP}:pause")
    assert (
        "schedule cleanup: Cloud Scheduler does not run it, because it is PAUSED"
        in deploy(images[0], status=True, **beside)["problems"]
    )


def test_worker_that_does_not_start_shows_what_it_has_said(
    run: CloudRun, deploy: Deploy, images: tuple[str, str], revisions: tuple[str, str], beside: Json
) -> None:
    web = {"type": BY_REVISION, "revision": revisions[0], "percent": 100}
    assert "error" not in run.update(NAME, {"traffic": [web]}, updateMask="traffic")
    pool = f"{run.google.parent}/workerPools/{WORKER}"
    before = run.google.call("GET", f"{RUN}/{pool}")["latestReadyRevision"]
    run.google.operate(RUN, "PATCH", pool, run.worker_pool(BEHAVIOUR="crash"))
    with pytest.raises(ActionError) as refused:
        deploy(images[0], **beside)
    first, second, *lines = str(refused.value).splitlines()
    assert first.startswith(f"The deployment of {pool} failed: Revision '{WORKER}-00002-")
    assert f"{before} goes on running." in first
    assert "failed: The user-provided container failed to start: it called exit(3)." in second
    assert lines == ["  | version 1 starts", "  | it breaks"]


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
