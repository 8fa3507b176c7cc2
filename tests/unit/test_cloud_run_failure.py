"""What is said about a revision of Cloud Run that failed: here, for its image, so that no engine is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments.cloud_run import failed_revision
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import LOCATION, RUN, Google
from emulator.tests.stack import Json, google_environment
from slipway_emulator.settings import Settings

PROJECT = "tunit-failure"
SERVICE = f"projects/{PROJECT}/locations/{LOCATION}/services/tunit"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with google_alone(tmp_path_factory.mktemp("google")) as settings:
        yield settings


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    return Google(cloud, PROJECT, "iam", "iamcredentials", "run", "artifactregistry")


@pytest.fixture(autouse=True)
def _environment(cloud: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a task, which leads to the emulator."""
    for name, value in google_environment(cloud).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def failed(google: Google) -> Json:
    """A service whose revision has an image that is not there."""
    image = f"{google.make_repository('tunit')}/app@sha256:{'0' * 64}"
    body = {"template": {"containers": [{"image": image}]}}
    operation = google.operate(RUN, "POST", f"{google.parent}/services", body, serviceId="tunit")
    assert "error" in operation
    return google.call("GET", f"{RUN}/{SERVICE}")


def test_reason_is_said_where_the_revision_has_no_log(failed: Json) -> None:
    reason, *lines = failed_revision(GoogleCloud(), failed)
    assert reason.startswith(f"Revision {failed['latestCreatedRevision'].rpartition('/')[2]} failed: Image '")
    assert reason.endswith("' not found.")
    assert lines == ["  | no log"]


def test_reason_is_said_to_who_may_not_read_the_log(
    google: Google, failed: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", google.make_account("tunit-viewer", "roles/run.viewer"))
    reason, line = failed_revision(GoogleCloud(), failed)
    assert reason.endswith("' not found.")
    assert line.startswith("  | no log: ")
    assert "Permission denied for all log views" in line


def test_reason_of_a_worker_pool(google: Google, failed: Json) -> None:
    body = {"template": {"containers": [{"image": failed["template"]["containers"][0]["image"]}]}}
    operation = google.operate(RUN, "POST", f"{google.parent}/workerPools", body, workerPoolId="tunit--worker")
    assert "error" in operation
    pool = google.call("GET", f"{RUN}/{google.parent}/workerPools/tunit--worker")
    reason, *lines = failed_revision(GoogleCloud(), pool)
    assert reason.startswith("Revision tunit--worker-00001-")
    assert reason.endswith("' not found.")
    assert lines == ["  | no log"]


def test_nothing_is_said_where_no_revision_failed(failed: Json) -> None:
    cloud = GoogleCloud()
    assert failed_revision(cloud, {}) == []
    assert failed_revision(cloud, failed | {"latestCreatedRevision": f"{SERVICE}/revisions/none"}) == []
