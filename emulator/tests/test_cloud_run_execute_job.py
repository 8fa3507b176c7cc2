"""What the action cloud_run_execute_job makes of jobs of Cloud Run, whatever an earlier run has left of them."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
import yaml
from ansible_collections.slipway.provision.plugins.action import cloud_run_execute_job
from ansible_collections.slipway.provision.plugins.plugin_utils import task_log
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

from emulator.tests.google_apis import LOCATION, RUN, SECRETS
from emulator.tests.google_cloud_run import CloudRun, containers
from emulator.tests.stack import Json, google_environment, wait_until
from images.database_access.run import parts
from plugins.modules.cloud_run_execute_job import DOCUMENTATION
from slipway_emulator.google.iam.service_accounts import default_account
from slipway_emulator.settings import Settings

NAME = "temu-executed"
SLOW = "import time; time.sleep(60)"
Execute = Callable[..., Json]


@pytest.fixture(autouse=True)
def _environment(cloud: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a task, which leads to the emulator, and little time between two looks."""
    for name, value in google_environment(cloud).items():
        monkeypatch.setenv(name, value)
    for name in ("_POLL_SECONDS", "_LOG_SECONDS", "_OWN_DELETION_SECONDS"):
        monkeypatch.setattr(cloud_run_execute_job, name, 0.2)


@pytest.fixture
def job(run: CloudRun) -> Iterator[str]:
    """Whole name of the job, which is gone when the test ends."""
    name = f"{run.google.parent}/jobs/{NAME}"
    yield name
    assert run.google.refusal("GET", f"{RUN}/{name}")["status"] == "NOT_FOUND"


@pytest.fixture
def execute(run: CloudRun, job: str) -> Execute:
    """Runs a program in Python as the action does."""
    assert job

    def execute(program: str, **more: Any) -> Json:
        work = arguments(run, program, **more)
        actor = cloud_run_execute_job._Job(GoogleCloud(), work)
        actor.end_earlier()
        actor.create()
        ended: Json = actor.execute()
        return ended

    return execute


def arguments(run: CloudRun, program: str, **more: Any) -> Json:
    options = yaml.safe_load(DOCUMENTATION)["options"]
    account = default_account(run.google.project)
    return (
        {name: option.get("default") for name, option in options.items()}
        | {"name": NAME, "project": run.google.project, "region": LOCATION, "image": run.image}
        | {"command": ["python", "-uc", program], "service_account": account, "timeout_seconds": 60}
        | more
    )


def start(run: CloudRun, engine: docker.DockerClient, job: str, program: str) -> str:
    """A run that makes the job, starts an execution and is killed; the execution's name."""
    body = cloud_run_execute_job.job_of(arguments(run, program))
    assert "error" not in run.make("jobs", NAME, body)
    execution = str(run.google.call("POST", f"{RUN}/{job}:run")["metadata"]["name"])
    wait_until(lambda: containers(engine, job))
    return execution


def test_job_that_succeeds(run: CloudRun, execute: Execute, capsys: pytest.CaptureFixture[str]) -> None:
    lines = parts('{"found": "\u00e4' + 9000 * "x" + '"}')
    assert len(lines) == 2
    program = "import os\nprint('before', os.environ['WHO'])\nprint(os.environ['LINES'])\nprint('after')"
    ended = execute(program, environment={"WHO": "me", "LINES": "\n".join(lines)}, expect_result=True)
    assert (ended["changed"], ended["exit_code"]) == (True, 0)
    assert ended["execution"].startswith(f"{run.google.parent}/jobs/{NAME}/executions/{NAME}-")
    assert ended["result"] == {"found": "\u00e4" + 9000 * "x"}
    said = capsys.readouterr().out
    assert "before me" in said
    assert "after" in said
    assert "slipway-result" not in said


def test_job_that_fails_is_not_tried_again(execute: Execute) -> None:
    ended = execute("import sys; print('Multiple head revisions are present'); sys.exit(3)")
    assert (ended["failed"], ended["exit_code"]) == (True, 3)
    assert (
        "ended with exit code 3 (The container exited with an error.). Its last lines:\nMultiple head" in ended["msg"]
    )
    assert ended["msg"].count("Multiple head revisions are present") == 1
    assert "alembic merge heads" in ended["msg"]


def test_job_that_takes_too_long(execute: Execute) -> None:
    ended = execute(SLOW, timeout_seconds=1)
    assert (ended["failed"], ended["exit_code"]) == (True, None)
    assert "was stopped, or did not start (The configured timeout was reached.)" in ended["msg"]


def test_job_without_the_result_that_is_expected(execute: Execute, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_log, "_RESULT_SECONDS", 1)
    ended = execute("print('nothing')", expect_result=True)
    assert ended["failed"]
    assert "is not in its log. Its last lines:\nnothing" in ended["msg"]


def test_secret_that_the_account_may_read_in_a_moment(
    run: CloudRun, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grant that is not known yet, and an account that is not there yet, are waited for."""
    monkeypatch.setattr(cloud_run_execute_job, "_GRANT_POLL_SECONDS", 0.2)
    google = run.google
    parent = f"{SECRETS}/projects/{google.project}/secrets"
    google.call("POST", f"/serviceusage/v1/projects/{google.project}/services/secretmanager.googleapis.com:enable")
    google.call("POST", parent, {"replication": {"automatic": {}}}, secretId="temu-executed")
    data = base64.b64encode(b"a value").decode()
    google.call("POST", f"{parent}/temu-executed:addVersion", {"payload": {"data": data}})
    version = f"projects/{google.project}/secrets/temu-executed/versions/1"
    address = f"temu-executed@{google.project}.iam.gserviceaccount.com"

    def grant() -> None:
        google.make_account("temu-executed")
        binding = {"role": "roles/secretmanager.secretAccessor", "members": [f"serviceAccount:{address}"]}
        google.call("POST", f"{parent}/temu-executed:setIamPolicy", {"policy": {"bindings": [binding]}})

    timer = threading.Timer(2, grant)
    timer.start()
    ended = execute("import os; print(os.environ['KEY'])", secrets={"KEY": version}, service_account=address)
    timer.join()
    assert ended["exit_code"] == 0
    google.call("DELETE", f"{parent}/temu-executed")


def test_earlier_execution_is_waited_for(
    run: CloudRun, engine: docker.DockerClient, job: str, execute: Execute
) -> None:
    earlier = start(run, engine, job, "import time; time.sleep(3)")
    ended = execute("print('mine')")
    assert ended["exit_code"] == 0
    assert ended["execution"] != earlier


def test_earlier_execution_that_runs_for_too_long_is_cancelled(
    run: CloudRun, engine: docker.DockerClient, job: str
) -> None:
    start(run, engine, job, SLOW)
    dry = cloud_run_execute_job._Job(GoogleCloud(), arguments(run, SLOW, timeout_seconds=1, stop_earlier=False))
    with pytest.raises(ActionError, match="of another run still runs; run again when it has ended"):
        dry.end_earlier()
    assert containers(engine, job)
    assert cloud_run_execute_job._Job(GoogleCloud(), arguments(run, SLOW, timeout_seconds=1)).end_earlier()
    assert containers(engine, job) == []


def test_execution_goes_on_when_its_run_is_interrupted(
    run: CloudRun, job: str, execute: Execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cloud_run_execute_job._Job, "_has_ended", interrupt)
        with pytest.raises(KeyboardInterrupt):
            execute("import time; time.sleep(3); print('done')")
    [execution] = run.google.call("GET", f"{RUN}/{job}/executions")["executions"]
    assert "completionTime" not in execution
    assert execute("print('mine')")["exit_code"] == 0
    said = run.log(f'labels."run.googleapis.com/execution_name"="{execution["name"].rpartition("/")[2]}"')
    assert [entry["textPayload"] for entry in said] == ["done"]


def interrupt(*_: object) -> bool:
    raise KeyboardInterrupt
