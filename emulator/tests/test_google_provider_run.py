"""The google provider's worker pools, jobs and schedules, with the real Terraform over them."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from emulator.tests.google_apis import RUN
from emulator.tests.google_cloud_run import CloudRun, containers
from emulator.tests.stack import Terraform, wait_until

NO_CHANGE = ("plan", "-detailed-exitcode", "-input=false", "-no-color")
APPLY = ("apply", "-auto-approve", "-input=false", "-no-color")
DESTROY = ("destroy", "-auto-approve", "-input=false", "-no-color")


@pytest.fixture(scope="module")
def applied(run: CloudRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    """Terraform after its first apply."""
    directory = tmp_path_factory.mktemp("terraform-google-run")
    terraform = Terraform(directory, run.google.cloud, run.image, "terraform_google_run")
    terraform.apply()
    yield terraform
    terraform.run(*DESTROY)


@pytest.fixture(scope="module")
def parent(run: CloudRun) -> str:
    return f"projects/{run.google.project}/locations/us-central1"


def test_applied_is_there_and_planned_no_more(
    applied: Terraform, run: CloudRun, engine: docker.DockerClient, parent: str
) -> None:
    applied.run(*NO_CHANGE)
    pool = run.google.call("GET", f"{RUN}/{parent}/workerPools/temu-tf")
    assert (pool["labels"]["environment"], pool["scaling"]) == ("development", {"manualInstanceCount": 1})
    assert len(containers(engine, pool["latestReadyRevision"])) == 1
    job = run.google.call("GET", f"{RUN}/{parent}/jobs/temu-tf")
    assert job["template"]["template"]["maxRetries"] == 0
    # The schedule's account runs that job.
    run.google.call("POST", f"/cloudscheduler/v1/{parent}/jobs/temu-tf:run")
    path = f"{RUN}/{parent}/jobs/temu-tf/executions"
    [execution] = wait_until(lambda: run.google.call("GET", path).get("executions"))
    assert execution["creator"] == "temu-run-cron@temu-run.iam.gserviceaccount.com"
    wait_until(lambda: run.google.call("GET", path)["executions"][0].get("succeededCount"))
    # An execution is no change of the job.
    applied.run(*NO_CHANGE)


def test_changes_in_place(applied: Terraform, run: CloudRun, parent: str) -> None:
    before = run.google.call("GET", f"{RUN}/{parent}/workerPools/temu-tf")
    said = applied.run(*APPLY, "-var=behaviour=unhealthy", "-var=worker_count=0")
    assert "0 added, 2 changed, 0 destroyed" in said
    after = run.google.call("GET", f"{RUN}/{parent}/workerPools/temu-tf")
    assert (after["uid"], after["scaling"]) == (before["uid"], {"manualInstanceCount": 0})
    assert after["latestReadyRevision"] != before["latestReadyRevision"]
    applied.run(*NO_CHANGE, "-var=behaviour=unhealthy", "-var=worker_count=0")
    applied.change()


def test_worker_that_does_not_start_fails_the_apply(applied: Terraform, run: CloudRun, parent: str) -> None:
    said = applied.fail(*APPLY, "-var=behaviour=crash")
    assert "Error waiting for Updating WorkerPool: Error code 9, message: Revision 'temu-tf-" in said
    assert "it called exit(3)" in said
    applied.change()
    pool = run.google.call("GET", f"{RUN}/{parent}/workerPools/temu-tf")
    assert pool["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"


def test_what_is_altered_by_hand_is_put_right(applied: Terraform, run: CloudRun, parent: str) -> None:
    path = f"/cloudscheduler/v1/{parent}/jobs/temu-tf"
    run.google.call("PATCH", path, {"schedule": "0 4 * * *"}, updateMask="schedule")
    run.google.call("POST", f"{path}:pause")
    run.google.call("POST", f"{RUN}/{parent}/jobs/temu-tf:setIamPolicy", {"policy": {"bindings": []}})
    # Nobody has said whether it is paused, so that stays as it is.
    assert "1 added, 1 changed, 0 destroyed" in applied.run(*APPLY)
    job = run.google.call("GET", path)
    assert (job["schedule"], job["state"]) == ("0 3 * * *", "PAUSED")
    run.google.call("POST", f"{path}:resume")
    applied.run("refresh", "-input=false", "-no-color")


def test_what_is_there_is_imported(applied: Terraform, parent: str) -> None:
    names = {
        "google_cloud_run_v2_worker_pool.this": f"{parent}/workerPools/temu-tf",
        "google_cloud_run_v2_job.this": f"{parent}/jobs/temu-tf",
        "google_cloud_run_v2_job_iam_member.invoker": (
            f"{parent}/jobs/temu-tf roles/run.invoker serviceAccount:temu-run-cron@temu-run.iam.gserviceaccount.com"
        ),
        "google_cloud_scheduler_job.this": f"{parent}/jobs/temu-tf",
    }
    for address, identifier in names.items():
        applied.run("state", "rm", address)
        applied.run("import", "-input=false", "-no-color", address, identifier)
    # What only Terraform knows is all there is to write down.
    assert "0 added" in applied.run(*APPLY)
    applied.run(*NO_CHANGE)


def test_deletion_protection(applied: Terraform) -> None:
    applied.change("-var=protected=true")
    said = applied.fail(*DESTROY, "-target=google_cloud_run_v2_worker_pool.this", "-var=protected=true")
    assert "cannot destroy WorkerPool without setting deletion_protection=false" in said
    applied.change()


def test_destroy_leaves_nothing(applied: Terraform, run: CloudRun, engine: docker.DockerClient, parent: str) -> None:
    applied.run(*DESTROY)
    for kind in ("workerPools", "jobs"):
        assert containers(engine, f"{parent}/{kind}/temu-tf") == []
        assert run.google.refusal("GET", f"{RUN}/{parent}/{kind}/temu-tf")["status"] == "NOT_FOUND"
    assert run.google.refusal("GET", f"/cloudscheduler/v1/{parent}/jobs/temu-tf")["status"] == "NOT_FOUND"
