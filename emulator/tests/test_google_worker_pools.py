"""Worker pools of Cloud Run: instances that run without requests, roll over, fail and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from emulator.tests.google_apis import RUN, detail
from emulator.tests.google_cloud_run import CloudRun, containers, short
from emulator.tests.stack import Json, wait_until

POOL = "temu-worker"


@pytest.fixture(scope="module")
def path(run: CloudRun) -> Iterator[str]:
    """Where a worker pool that runs is asked for."""
    assert "error" not in run.make("workerPools", POOL, run.worker_pool())
    yield f"{RUN}/{run.google.parent}/workerPools/{POOL}"
    run.google.operate(RUN, "DELETE", f"{run.google.parent}/workerPools/{POOL}")


def update(run: CloudRun, body: Json) -> Json:
    return run.google.operate(RUN, "PATCH", f"{run.google.parent}/workerPools/{POOL}", body)


def running(engine: docker.DockerClient, name: str) -> set[str]:
    return {container.id for container in containers(engine, name) if container.status == "running"}


def test_instance_runs_without_a_port(run: CloudRun, engine: docker.DockerClient, path: str) -> None:
    pool = run.google.call("GET", path)
    assert (pool["terminalCondition"]["state"], pool["reconciling"]) == ("CONDITION_SUCCEEDED", False)
    assert pool["instanceSplits"] == [{"type": "INSTANCE_SPLIT_ALLOCATION_TYPE_LATEST", "percent": 100}]
    [status] = pool["instanceSplitStatuses"]
    assert (status["revision"], status["percent"]) == (short(pool["latestReadyRevision"]), 100)
    [container] = containers(engine, pool["latestReadyRevision"])
    environment = dict(line.split("=", 1) for line in container.attrs["Config"]["Env"])
    assert (environment["CLOUD_RUN_WORKER_POOL"], environment["CLOUD_RUN_REVISION"]) == (POOL, status["revision"])
    assert not {"PORT", "K_SERVICE"} & set(environment)
    revision = run.google.call("GET", f"{RUN}/{pool['latestReadyRevision']}")
    assert revision["containers"][0]["image"] == run.image
    listed = run.google.call("GET", f"{RUN}/{run.google.parent}/workerPools")["workerPools"]
    assert pool["name"] in [one["name"] for one in listed]


def test_new_revision_replaces_the_old_one(run: CloudRun, engine: docker.DockerClient, path: str) -> None:
    before = run.google.call("GET", path)
    assert "error" not in update(run, run.worker_pool(VERSION="2"))
    after = run.google.call("GET", path)
    assert after["latestReadyRevision"] != before["latestReadyRevision"]
    assert containers(engine, before["latestReadyRevision"]) == []
    assert len(running(engine, after["latestReadyRevision"])) == 1


def test_number_of_instances_needs_no_revision(run: CloudRun, engine: docker.DockerClient, path: str) -> None:
    before = run.google.call("GET", path)
    [first] = containers(engine, before["name"])
    for count in (2, 0, 1):
        body = {field: before[field] for field in ("template", "instanceSplits")}
        assert "error" not in update(run, body | {"scaling": {"manualInstanceCount": count}})
        after = run.google.call("GET", path)
        assert after["scaling"] == {"manualInstanceCount": count}
        assert after["latestCreatedRevision"] == before["latestCreatedRevision"]
        assert len(running(engine, before["name"])) == count
        if count == 2:
            assert first.id in running(engine, before["name"])


def test_lost_instance_is_replaced(run: CloudRun, engine: docker.DockerClient, path: str) -> None:
    name = run.google.call("GET", path)["name"]
    [victim] = containers(engine, name)
    victim.remove(force=True)
    wait_until(lambda: running(engine, name) - {victim.id})


def test_revision_that_does_not_start_leaves_the_old_one(run: CloudRun, engine: docker.DockerClient, path: str) -> None:
    before = run.google.call("GET", path)
    operation = update(run, run.worker_pool(BEHAVIOUR="crash"))
    after = run.google.call("GET", path)
    broken = short(after["latestCreatedRevision"])
    message = f"Revision '{broken}' is not ready. The user-provided container failed to start: it called exit(3). "
    assert operation["error"]["code"] == 9
    assert operation["error"]["message"].startswith(message)
    assert after["terminalCondition"]["state"] == "CONDITION_FAILED"
    assert after["terminalCondition"]["revisionReason"] == "HEALTH_CHECK_CONTAINER_ERROR"
    assert after["latestReadyRevision"] == before["latestReadyRevision"]
    assert len(running(engine, before["latestReadyRevision"])) == 1
    assert containers(engine, after["latestCreatedRevision"]) == []
    logged = run.log(f'resource.type="cloud_run_worker_pool" AND resource.labels.revision_name="{broken}"')
    assert [entry["textPayload"] for entry in logged] == ["version 1 starts", "it breaks"]
    assert logged[0]["resource"]["labels"]["worker_pool_name"] == POOL
    # Another number does not help it, and what starts does.
    body = {field: after[field] for field in ("template", "instanceSplits")}
    assert "error" in update(run, body | {"scaling": {"manualInstanceCount": 2}})
    assert "error" not in update(run, run.worker_pool())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda p: p.pop("template"), "template"),
        (lambda p: p["template"]["containers"][0].update(ports=[{}]), "template.containers[0].ports"),
        (lambda p: p["template"]["containers"][0].update(image="ghcr.io/a/b"), "template.containers[0].image"),
        (
            lambda p: p["template"]["containers"][0]["env"].append({"name": "CLOUD_RUN_REVISION"}),
            "template.containers[0].env",
        ),
        (
            lambda p: p["template"]["containers"][0].update(startupProbe={"tcpSocket": {}}),
            "template.containers[0].startup_probe.port",
        ),
        (
            lambda p: p["template"]["containers"][0]["resources"]["limits"].update(memory="256Mi"),
            "template.containers[0].resources.limits.memory",
        ),
        (lambda p: p["scaling"].update(manualInstanceCount=-1), "scaling.manual_instance_count"),
        (lambda p: p.update(instanceSplits=[{"percent": 99}]), "instance_splits"),
        (lambda p: p["template"].update(vpcAccess={"egress": "ALL_TRAFFIC"}), "template.vpc_access.network_interfaces"),
    ],
)
def test_worker_pools_that_are_refused(run: CloudRun, change: Callable[[Json], Any], field: str) -> None:
    body = run.worker_pool()
    change(body)
    where = f"{RUN}/{run.google.parent}/workerPools"
    error = run.google.refusal("POST", where, body, workerPoolId="temu-refused")
    [violation] = detail(error, "BadRequest")["fieldViolations"]
    assert violation["field"] == f"Violation in CreateWorkerPoolRequest.worker_pool.{field}"


@pytest.mark.parametrize(
    ("body", "name", "text"),
    [
        # The public API has manual scaling alone.
        ({"scaling": {"minInstanceCount": 1}}, "temu-refused", 'Unknown name "minInstanceCount" at \'worker_pool.scal'),
        ({"template": {"timeout": "1s"}}, "temu-refused", "Unknown name \"timeout\" at 'worker_pool.template'"),
        (None, "x" * 50, "worker_pool_id"),
    ],
)
def test_messages_of_another_shape(run: CloudRun, body: Json | None, name: str, text: str) -> None:
    where = f"{RUN}/{run.google.parent}/workerPools"
    error = run.google.refusal("POST", where, body or run.worker_pool(), workerPoolId=name)
    assert error["status"] == "INVALID_ARGUMENT"
    assert text in error["message"]


def test_permissions(run: CloudRun, path: str) -> None:
    viewer = run.google.impersonate(run.google.make_account("temu-pool-viewer", "roles/run.viewer"))
    assert viewer.call("GET", path)["name"]
    assert viewer.call("GET", f"{path}/revisions")["workerPoolRevisions"]
    for method, where, permission in (
        ("POST", path.rpartition("/")[0], "run.workerpools.create"),
        ("PATCH", path, "run.workerpools.update"),
        ("DELETE", path, "run.workerpools.delete"),
    ):
        error = viewer.refusal(method, where, run.worker_pool(), workerPoolId="temu-refused")
        assert error["message"].startswith(f"Permission '{permission}' denied on resource 'projects/")
    # Whoever may change one must also be let act as the account that it runs as.
    developer = run.google.impersonate(run.google.make_account("temu-pool-developer", "roles/run.developer"))
    error = developer.refusal("PATCH", path, run.worker_pool())
    assert "iam.serviceaccounts.actAs" in error["message"]


def test_deleted_worker_pool_is_gone(run: CloudRun, engine: docker.DockerClient) -> None:
    assert "error" not in run.make("workerPools", "temu-gone", run.worker_pool())
    whole = f"{run.google.parent}/workerPools/temu-gone"
    assert len(containers(engine, whole)) == 1
    assert "error" not in run.google.operate(RUN, "DELETE", whole)
    assert containers(engine, whole) == []
    assert run.google.refusal("GET", f"{RUN}/{whole}")["status"] == "NOT_FOUND"
