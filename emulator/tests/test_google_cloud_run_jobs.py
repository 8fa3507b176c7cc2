"""Jobs of Cloud Run: executions whose tasks really run, succeed, fail, are tried again, time out and are cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from emulator.tests.google_apis import RUN, SECRETS, detail
from emulator.tests.google_cloud_run import CloudRun, containers, short
from emulator.tests.stack import Json, wait_until

SAYS = "import os, sys; print(sys.argv[1:], os.environ.get('WHO')); sys.exit(int(os.environ.get('CODE', 0)))"
Make = Callable[..., str]


@pytest.fixture
def make(run: CloudRun) -> Iterator[Make]:
    """Makes a job, which goes when the test ends; its whole name."""
    made: list[str] = []

    def make(name: str, body: Json) -> str:
        made.append(f"{run.google.parent}/jobs/{name}")
        assert "error" not in run.make("jobs", name, body)
        return made[-1]

    yield make
    for name in made:
        run.google.operate(RUN, "DELETE", name)


def completed(execution: Json) -> Json:
    [found] = [condition for condition in execution["conditions"] if condition["type"] == "Completed"]
    return dict(found)


def said(run: CloudRun, execution: str) -> list[str]:
    wanted = f'resource.type="cloud_run_job" AND labels."run.googleapis.com/execution_name"="{execution}"'
    return [entry["textPayload"] for entry in run.log(wanted)]


def test_execution_that_succeeds(run: CloudRun, engine: docker.DockerClient, make: Make) -> None:
    job = make("temu-job", run.job(SAYS, WHO="me"))
    before = run.google.call("GET", f"{RUN}/{job}")
    assert (before["terminalCondition"]["state"], "executionCount" in before) == ("CONDITION_SUCCEEDED", False)
    operation = run.execute("temu-job")
    execution = operation["response"]
    assert operation["metadata"]["name"] == execution["name"]
    assert (execution["taskCount"], execution["succeededCount"], "failedCount" in execution) == (1, 1, False)
    assert completed(execution)["state"] == "CONDITION_SUCCEEDED"
    assert run.google.call("GET", f"{RUN}/{execution['name']}") == {
        name: value for name, value in execution.items() if name != "@type"
    }
    after = run.google.call("GET", f"{RUN}/{job}")
    latest = after["latestCreatedExecution"]
    assert (latest["name"], latest["completionStatus"]) == (short(execution["name"]), "EXECUTION_SUCCEEDED")
    assert (after["executionCount"], after["etag"]) == (1, before["etag"])
    assert said(run, short(execution["name"])) == ["[] me"]
    [entry] = run.log(f'labels."run.googleapis.com/execution_name"="{short(execution["name"])}"')
    assert entry["resource"]["labels"]["job_name"] == "temu-job"
    assert containers(engine, job) == []


def test_execution_with_overrides(run: CloudRun, make: Make) -> None:
    """As a migration runs: with other arguments and variables, and the job stays as it is."""
    job = make("temu-overridden", run.job(SAYS, WHO="me", CODE="0"))
    before = run.google.call("GET", f"{RUN}/{job}")["template"]
    environment = [{"name": "WHO", "value": "you"}]
    overrides = {"containerOverrides": [{"args": [SAYS, "up"], "env": environment}], "timeout": "30s", "taskCount": 2}
    execution = run.execute("temu-overridden", {"overrides": overrides})["response"]
    assert said(run, short(execution["name"])) == ["['up'] you", "['up'] you"]
    assert (execution["taskCount"], execution["template"]["timeout"]) == (2, "30s")
    assert run.google.call("GET", f"{RUN}/{job}")["template"] == before
    error = run.google.refusal("POST", f"{RUN}/{job}:run", {"overrides": {"containerOverrides": [{"name": "other"}]}})
    assert 'the job has no container "other"' in error["message"]


def test_execution_that_fails(run: CloudRun, make: Make) -> None:
    body = run.job(SAYS, CODE="3")
    body["template"]["template"]["maxRetries"] = 1
    make("temu-failing", body)
    operation = run.execute("temu-failing")
    [execution] = run.google.call("GET", f"{RUN}/{run.google.parent}/jobs/temu-failing/executions")["executions"]
    message = f"Task {short(execution['name'])}-task0 failed with message: The container exited with an error."
    assert operation["error"]["message"] == message
    assert (completed(execution)["state"], completed(execution)["message"]) == ("CONDITION_FAILED", message)
    assert completed(execution)["executionReason"] == "NON_ZERO_EXIT_CODE"
    assert (execution["failedCount"], execution["retriedCount"]) == (1, 1)
    [task] = run.google.call("GET", f"{RUN}/{execution['name']}/tasks")["tasks"]
    assert (task["retried"], task["lastAttemptResult"]["exitCode"]) == (1, 3)
    # Once for each attempt.
    wanted = f'labels."run.googleapis.com/execution_name"="{short(execution["name"])}"'
    attempts = [entry["labels"]["run.googleapis.com/task_attempt"] for entry in run.log(wanted)]
    assert attempts == ["0", "1"]
    job = run.google.call("GET", f"{RUN}/{run.google.parent}/jobs/temu-failing")
    assert job["latestCreatedExecution"]["completionStatus"] == "EXECUTION_FAILED"
    # The job is all right: it is the run that failed.
    assert job["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"


def test_task_that_takes_too_long(run: CloudRun, engine: docker.DockerClient, make: Make) -> None:
    body = run.job("import time; time.sleep(60)")
    body["template"]["template"]["timeout"] = "1s"
    job = make("temu-slow", body)
    assert "The configured timeout was reached." in run.execute("temu-slow")["error"]["message"]
    assert containers(engine, job) == []


def test_cancelled_execution(run: CloudRun, engine: docker.DockerClient, make: Make) -> None:
    job = make("temu-cancelled", run.job("import time; time.sleep(60)"))
    name = run.google.call("POST", f"{RUN}/{job}:run")["metadata"]["name"]
    wait_until(lambda: containers(engine, job))
    assert run.google.refusal("DELETE", f"{RUN}/{name}")["status"] == "FAILED_PRECONDITION"
    run.google.operate(RUN, "POST", f"{name}:cancel")
    execution = run.google.call("GET", f"{RUN}/{name}")
    assert (execution["cancelledCount"], completed(execution)["executionReason"]) == (1, "CANCELLED")
    assert containers(engine, job) == []
    assert run.google.refusal("POST", f"{RUN}/{name}:cancel")["status"] == "FAILED_PRECONDITION"
    run.google.operate(RUN, "DELETE", name)
    assert run.google.refusal("GET", f"{RUN}/{name}")["status"] == "NOT_FOUND"


def test_deleted_job_ends_its_executions(run: CloudRun, engine: docker.DockerClient) -> None:
    assert "error" not in run.make("jobs", "temu-deleted", run.job("import time; time.sleep(60)"))
    job = f"{run.google.parent}/jobs/temu-deleted"
    run.google.call("POST", f"{RUN}/{job}:run")
    wait_until(lambda: containers(engine, job))
    run.google.operate(RUN, "DELETE", job)
    assert containers(engine, job) == []
    assert run.google.refusal("GET", f"{RUN}/{job}/executions")["status"] == "NOT_FOUND"


def test_changed_job(run: CloudRun, make: Make) -> None:
    job = make("temu-changed", run.job(SAYS, WHO="me"))
    before = run.google.call("GET", f"{RUN}/{job}")
    assert "error" not in run.google.operate(RUN, "PATCH", job, run.job(SAYS, WHO="you"))
    after = run.google.call("GET", f"{RUN}/{job}")
    assert (after["uid"], after["generation"]) == (before["uid"], "2")
    assert said(run, short(run.execute("temu-changed")["response"]["name"])) == ["[] you"]
    error = run.google.refusal("PATCH", f"{RUN}/{job}", run.job(SAYS) | {"etag": before["etag"]})
    assert error["status"] == "ABORTED"


def test_secret_in_the_environment(run: CloudRun) -> None:
    google = run.google
    google.call("POST", f"/serviceusage/v1/projects/{google.project}/services/secretmanager.googleapis.com:enable")
    secrets = f"{SECRETS}/projects/{google.project}/secrets"
    google.call("POST", secrets, {"replication": {"automatic": {}}}, secretId="temu-word")
    google.call("POST", f"{secrets}/temu-word:addVersion", {"payload": {"data": "aHVzaA=="}})
    email = google.make_account("temu-job-runner")
    body = run.job(SAYS)
    source = {"secretKeyRef": {"secret": "temu-word", "version": "1"}}
    body["template"]["template"]["containers"][0]["env"] = [{"name": "WHO", "valueSource": source}]
    body["template"]["template"]["serviceAccount"] = email
    # Whoever it runs as may not read it yet: the job is there, and cannot be run.
    assert "Permission denied on secret" in run.make("jobs", "temu-secret", body)["error"]["message"]
    path = f"{RUN}/{google.parent}/jobs/temu-secret"
    assert google.refusal("POST", f"{path}:run")["status"] == "FAILED_PRECONDITION"
    policy = {"bindings": [{"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{email}"]}]}
    google.call("POST", f"{secrets}/temu-word:setIamPolicy", {"policy": policy})
    assert "error" not in google.operate(RUN, "PATCH", f"{google.parent}/jobs/temu-secret", body)
    assert said(run, short(run.execute("temu-secret")["response"]["name"])) == ["[] hush"]
    google.operate(RUN, "DELETE", f"{google.parent}/jobs/temu-secret")


def test_secret_in_a_file(run: CloudRun, engine: docker.DockerClient) -> None:
    google = run.google
    google.call("POST", f"/serviceusage/v1/projects/{google.project}/services/secretmanager.googleapis.com:enable")
    secrets = f"{SECRETS}/projects/{google.project}/secrets"
    google.call("POST", secrets, {"replication": {"automatic": {}}}, secretId="temu-file")
    for data in ("b25l", "dHdv"):
        google.call("POST", f"{secrets}/temu-file:addVersion", {"payload": {"data": data}})
    email = google.make_account("temu-file-reader")
    body = run.job("import os; print(open('/files/sub/one').read(), oct(os.stat('/files/sub/one').st_mode)[-3:])")
    task = body["template"]["template"]
    secret = {"secret": "temu-file", "items": [{"path": "sub/one", "version": "1"}]}
    task |= {"serviceAccount": email, "volumes": [{"name": "files", "secret": secret}]}
    task["containers"][0]["volumeMounts"] = [{"name": "files", "mountPath": "/files"}]
    said_first = run.make("jobs", "temu-file", body)["error"]["message"]
    assert "spec.template.spec.volumes[0].secret.items[0].key: Permission denied on secret" in said_first
    policy = {"bindings": [{"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{email}"]}]}
    google.call("POST", f"{secrets}/temu-file:setIamPolicy", {"policy": policy})
    job = f"{google.parent}/jobs/temu-file"
    assert "error" not in google.operate(RUN, "PATCH", job, body)
    volumes = len(engine.volumes.list())
    assert said(run, short(run.execute("temu-file")["response"]["name"])) == ["one 444"]
    # What is in the folder of the image is hidden.
    task["containers"][0] |= {"volumeMounts": [{"name": "files", "mountPath": "/usr/share"}]}
    task["containers"][0]["args"] = ["import os; print(os.listdir('/usr/share'))"]
    assert "error" not in google.operate(RUN, "PATCH", job, body)
    assert said(run, short(run.execute("temu-file")["response"]["name"])) == ["['sub']"]
    assert len(engine.volumes.list()) == volumes
    secret["items"] = [{"path": "one", "version": "3"}]
    missing = google.operate(RUN, "PATCH", job, body)["error"]["message"]
    assert "secrets/temu-file/versions/3 was not found" in missing
    google.operate(RUN, "DELETE", job)


def test_image_that_is_missing(run: CloudRun) -> None:
    body = run.job(SAYS)
    image = f"{run.image.partition('@')[0]}@sha256:{'0' * 64}"
    body["template"]["template"]["containers"][0]["image"] = image
    assert run.make("jobs", "temu-missing", body)["error"]["message"] == f"Image '{image}' not found."
    job = run.google.call("GET", f"{RUN}/{run.google.parent}/jobs/temu-missing")
    assert job["terminalCondition"]["reason"] == "CONTAINER_MISSING"
    run.google.operate(RUN, "DELETE", f"{run.google.parent}/jobs/temu-missing")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda j: j.pop("template"), "template"),
        (lambda j: j["template"].pop("template"), "template.template"),
        (lambda j: j["template"].update(taskCount=10_001), "template.task_count"),
        (lambda j: j["template"].update(parallelism=2), "template.parallelism"),
        (lambda j: j["template"]["template"].update(maxRetries=11), "template.template.max_retries"),
        (lambda j: j["template"]["template"].update(timeout="604801s"), "template.template.timeout"),
        (lambda j: j["template"]["template"].update(containers=[]), "template.template.containers"),
        (
            lambda j: j["template"]["template"]["containers"][0].update(env=[{"name": "CLOUD_RUN_JOB"}]),
            "template.template.containers[0].env",
        ),
        (
            lambda j: j["template"]["template"]["containers"][0]["resources"]["limits"].update(cpu="0.5"),
            "template.template.containers[0].resources.limits.cpu",
        ),
        (lambda j: j.update(runExecutionToken="1"), "runExecutionToken"),
        (
            lambda j: j["template"]["template"].update(volumes=[{"name": "a"}]),
            "template.template.volumes[0].secret.secret",
        ),
    ],
)
def test_jobs_that_are_refused(run: CloudRun, change: Callable[[Json], Any], field: str) -> None:
    body = run.job(SAYS)
    change(body)
    error = run.google.refusal("POST", f"{RUN}/{run.google.parent}/jobs", body, jobId="temu-refused")
    [violation] = detail(error, "BadRequest")["fieldViolations"]
    assert violation["field"] == f"Violation in CreateJobRequest.job.{field}"


def test_permissions(run: CloudRun, make: Make) -> None:
    job = make("temu-guarded", run.job(SAYS))
    make("temu-others", run.job(SAYS))
    google = run.google
    viewer = google.impersonate(google.make_account("temu-job-viewer", "roles/run.viewer"))
    assert viewer.call("GET", f"{RUN}/{job}/executions") == {}
    for method, where, permission in (
        ("POST", f"{google.parent}/jobs", "run.jobs.create"),
        ("PATCH", job, "run.jobs.update"),
        ("DELETE", job, "run.jobs.delete"),
        ("POST", f"{job}:run", "run.jobs.run"),
        ("POST", f"{job}:setIamPolicy", "run.jobs.setIamPolicy"),
    ):
        error = viewer.refusal(method, f"{RUN}/{where}", {})
        assert error["message"].startswith(f"Permission '{permission}' denied on resource 'projects/")
    # An invoker of one job runs that one, as it is, and no other.
    email = google.make_account("temu-invoker")
    google.grant(f"{RUN}/{job}", "roles/run.invoker", f"serviceAccount:{email}", "GET")
    invoker = google.impersonate(email)
    assert invoker.call("POST", f"{RUN}/{job}:run")["metadata"]["name"]
    overridden = invoker.refusal("POST", f"{RUN}/{job}:run", {"overrides": {"taskCount": 1}})
    assert overridden["message"].startswith("Permission 'run.jobs.runWithOverrides' denied")
    assert invoker.refusal("GET", f"{RUN}/{job}")["status"] == "PERMISSION_DENIED"
    others = f"{RUN}/{google.parent}/jobs/temu-others:run"
    assert invoker.refusal("POST", others)["status"] == "PERMISSION_DENIED"
