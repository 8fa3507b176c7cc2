"""Cloud Run's API: changes and their conflicts, and what it says to requests that are refused."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from emulator.tests.google_apis import RUN, detail
from emulator.tests.google_cloud_run import CloudRun, containers
from emulator.tests.odd_values import NO_OBJECTS, with_odd_values
from emulator.tests.stack import Json
from slipway_emulator.settings import Settings

LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"


@pytest.fixture(scope="module")
def web(run: CloudRun) -> Iterator[str]:
    """Name of a public service that runs."""
    operation = run.create("temu-api")
    assert "error" not in operation
    run.open("temu-api")
    yield "temu-api"
    run.delete("temu-api")


def test_deletion_protection_is_the_providers(run: CloudRun) -> None:
    """The API has no such field: whoever may delete a service deletes it."""
    body = run.service() | {"deletionProtection": True}
    error = run.google.refusal("POST", f"{RUN}/{run.google.parent}/services", body, serviceId="temu-protected")
    assert "Unknown name \"deletionProtection\" at 'service'" in error["message"]


@pytest.mark.parametrize(
    "scaling",
    [
        {"minInstanceCount": 3, "maxInstanceCount": 2},
        {"minInstanceCount": 101},
        {"minInstanceCount": -1},
        {"maxInstanceCount": -1},
    ],
)
def test_bounds_of_scaling_that_are_refused(run: CloudRun, web: str, scaling: Json) -> None:
    body = run.service()
    body["template"]["scaling"] = scaling
    error = run.google.refusal("PATCH", run.path(web), body)
    assert error["message"].startswith("Violation in UpdateServiceRequest.service.template.scaling: ")


def test_minimum_of_the_service_needs_no_revision(run: CloudRun, web: str, engine: docker.DockerClient) -> None:
    before = run.get(web)
    # Whoever sets nothing is answered with a block all the same.
    assert before["scaling"] == {"minInstanceCount": 0}
    run.update(web, before | {"scaling": {"minInstanceCount": 2}})
    after = run.get(web)
    assert (after["scaling"], after["latestCreatedRevision"]) == (
        {"minInstanceCount": 2},
        before["latestCreatedRevision"],
    )
    assert len(containers(engine, after["name"])) == 2
    error = run.google.refusal("PATCH", run.path(web), after | {"scaling": {"minInstanceCount": -1}})
    assert error["message"].startswith("Violation in UpdateServiceRequest.service.scaling: ")


def test_same_template_makes_no_revision(run: CloudRun, web: str) -> None:
    before = run.get(web)
    run.update(web, {field: before[field] for field in ("template", "traffic", "ingress")} | {"description": "hello"})
    after = run.get(web)
    assert (after["description"], after["latestCreatedRevision"]) == ("hello", before["latestCreatedRevision"])
    assert after["generation"] != before["generation"]
    # What is read may be sent back.
    run.update(web, after)
    assert run.get(web)["latestCreatedRevision"] == before["latestCreatedRevision"]


def test_only_what_the_mask_names_is_changed(run: CloudRun, web: str) -> None:
    before = run.get(web)
    run.update(web, {"description": "masked", "template": {}}, updateMask="description")
    after = run.get(web)
    assert (after["description"], after["template"]) == ("masked", before["template"])


def test_second_of_two_writers_is_told(run: CloudRun, web: str) -> None:
    read = run.get(web)
    run.update(web, read | {"description": "first"})
    error = run.google.refusal("PATCH", run.path(web), read | {"description": "second"})
    assert (error["code"], error["status"]) == (409, "ABORTED")
    assert run.google.refusal("DELETE", run.path(web), etag=read["etag"])["status"] == "ABORTED"
    assert run.get(web)["description"] == "first"


def test_dry_run_changes_nothing(run: CloudRun, web: str) -> None:
    before = run.get(web)
    operation = run.update(web, run.service(VERSION="dry"), validateOnly="true")
    assert operation["response"]["template"]["containers"][0]["env"] == [{"name": "VERSION", "value": "dry"}]
    run.google.operate(RUN, "DELETE", f"{run.google.parent}/services/{web}", validateOnly="true")
    assert run.get(web) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda s: s.pop("template"), "template"),
        (lambda s: s["template"].pop("containers"), "template.containers"),
        (lambda s: s["template"]["containers"][0].pop("image"), "template.containers[0].image"),
        (lambda s: s["template"]["containers"][0].update(image="a b"), "template.containers[0].image"),
        # Only Google's registries and Docker Hub ("Supported container registries and images").
        (lambda s: s["template"]["containers"][0].update(image="ghcr.io/a/b"), "template.containers[0].image"),
        (lambda s: s["template"]["containers"][0].update(image="127.0.0.1:14566/a"), "template.containers[0].image"),
        (lambda s: s["template"]["containers"][0]["ports"].append({}), "template.containers[0].ports"),
        (
            lambda s: s["template"]["containers"][0].update(ports=[{"containerPort": 65536}]),
            "template.containers[0].ports[0].container_port",
        ),
        (
            lambda s: s["template"]["containers"][0]["env"].append({"name": "PORT", "value": "1"}),
            "template.containers[0].env",
        ),
        (
            lambda s: s["template"]["containers"][0]["env"].append({"name": "X_GOOGLE_A", "value": "1"}),
            "template.containers[0].env",
        ),
        (lambda s: s["template"]["containers"][0]["env"].append({"name": "a=b"}), "template.containers[0].env"),
        (
            lambda s: s["template"]["containers"][0]["env"].extend([{"name": "A"}, {"name": "A"}]),
            "template.containers[0].env",
        ),
        (
            lambda s: s["template"]["containers"][0]["resources"]["limits"].update(cpu="3"),
            "template.containers[0].resources.limits.cpu",
        ),
        (
            lambda s: s["template"]["containers"][0]["resources"]["limits"].update(memory="64Mi"),
            "template.containers[0].resources.limits.memory",
        ),
        (
            lambda s: s["template"]["containers"][0]["resources"]["limits"].update(cpu="4"),
            "template.containers[0].resources.limits.memory",
        ),
        (
            lambda s: s["template"]["containers"][0]["resources"]["limits"].update(disk="1Gi"),
            "template.containers[0].resources.limits",
        ),
        (
            lambda s: s["template"]["containers"][0]["startupProbe"].update(timeoutSeconds=2),
            "template.containers[0].startup_probe.timeout_seconds",
        ),
        (
            lambda s: s["template"]["containers"][0]["startupProbe"].update(failureThreshold=241),
            "template.containers[0].startup_probe.failure_threshold",
        ),
        (
            lambda s: s["template"]["containers"][0]["startupProbe"].update(tcpSocket={}),
            "template.containers[0].startup_probe",
        ),
        (
            lambda s: s["template"]["containers"][0].update(livenessProbe={"tcpSocket": {}}),
            "template.containers[0].liveness_probe.tcp_socket",
        ),
        (lambda s: s["template"].update(timeout="3601s"), "template.timeout"),
        (
            lambda s: s["template"].update(maxInstanceRequestConcurrency=1001),
            "template.max_instance_request_concurrency",
        ),
        (lambda s: s["template"].update(revision="other-1"), "template.revision"),
        (lambda s: s["template"].update(labels={"A": "x"}), "template.labels"),
        (lambda s: s.update(labels={"a": "X"}), "labels"),
        (lambda s: s.update(annotations={"run.googleapis.com/x": "1"}), "annotations"),
        (lambda s: s.update(traffic=[{"percent": 99}]), "traffic"),
        (lambda s: s.update(traffic=[{"percent": 100, "revision": "a", "type": LATEST}]), "traffic[0].revision"),
        # What a rehearsal cannot do it does not pretend to do.
        (lambda s: s["template"].update(volumes=[{"name": "a", "emptyDir": {}}]), "template.volumes[0].empty_dir"),
        (lambda s: s["template"].update(vpcAccess={"egress": "ALL_TRAFFIC"}), "template.vpc_access.network_interfaces"),
    ],
)
def test_services_that_are_refused(run: CloudRun, change: Callable[[Json], Any], field: str) -> None:
    body = run.service()
    change(body)
    error = run.google.refusal("POST", f"{RUN}/{run.google.parent}/services", body, serviceId="temu-refused")
    assert error["status"] == "INVALID_ARGUMENT"
    # As Cloud Run says it, the field within the request's message and the words in both places.
    [violation] = detail(error, "BadRequest")["fieldViolations"]
    assert violation["field"] == f"Violation in CreateServiceRequest.service.{field}"
    assert error["message"] == f"{violation['field']}: {violation['description']}"
    assert run.google.refusal("GET", run.path("temu-refused"))["status"] == "NOT_FOUND"


_FILE: Json = {"name": "a", "secret": {"secret": "key", "items": [{"path": "one", "version": "1"}]}}


@pytest.mark.parametrize(
    ("volumes", "mounts", "field"),
    [
        ([_FILE, _FILE], [], "volumes"),
        ([_FILE | {"name": "A"}], [], "volumes[0].name"),
        ([_FILE | {"secret": {"secret": "no/secret"}}], [], "volumes[0].secret.secret"),
        *(
            ([_FILE | {"secret": _FILE["secret"] | {"items": items}}], [], "volumes[0].secret.items[0].path")
            for items in ([{"path": "/one"}], [{"path": "a/../../one"}], [{"version": "1"}], [{"path": "one"}] * 2)
        ),
        ([_FILE], [{"name": "b", "mountPath": "/files"}], "containers[0].volume_mounts[0].name"),
        ([_FILE], [{"name": "a", "mountPath": "files"}], "containers[0].volume_mounts[0].mount_path"),
        ([_FILE], [{"name": "a", "mountPath": "/"}], "containers[0].volume_mounts[0].mount_path"),
        ([_FILE], [{"name": "a", "mountPath": "/proc/files"}], "containers[0].volume_mounts[0].mount_path"),
        ([_FILE], [{"name": "a", "mountPath": "/a", "subPath": "b"}], "containers[0].volume_mounts[0].sub_path"),
        (
            [_FILE, _FILE | {"name": "b"}],
            [{"name": "a", "mountPath": "/files"}, {"name": "b", "mountPath": "/files/"}],
            "containers[0].volume_mounts",
        ),
    ],
)
def test_volumes_that_are_refused(run: CloudRun, volumes: list[Json], mounts: list[Json], field: str) -> None:
    body = run.service()
    body["template"]["volumes"] = volumes
    body["template"]["containers"][0]["volumeMounts"] = mounts
    error = run.google.refusal("POST", f"{RUN}/{run.google.parent}/services", body, serviceId="temu-refused")
    [violation] = detail(error, "BadRequest")["fieldViolations"]
    assert violation["field"] == f"Violation in CreateServiceRequest.service.template.{field}"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda s: s.update(colour="red"), "Unknown name \"colour\" at 'service': Cannot find field."),
        (
            lambda s: s["template"]["containers"][0].update(imageName="x"),
            "Unknown name \"imageName\" at 'service.template.containers[0]': Cannot find field.",
        ),
        (lambda s: s.update(template=[]), "Invalid value at 'service.template'"),
        (lambda s: s["template"].update(containers={}), "Invalid value at 'service.template.containers'"),
        (lambda s: s["template"].update(timeout=300), "Invalid value at 'service.template.timeout'"),
        (lambda s: s["template"].update(timeout="5m"), "Invalid value at 'service.template.timeout'"),
        (
            lambda s: s["template"]["scaling"].update(maxInstanceCount=1.5),
            "Invalid value at 'service.template.scaling.max_instance_count' (TYPE_INT32), 1.5",
        ),
        (
            lambda s: s["template"]["scaling"].update(maxInstanceCount=2**31),
            "Invalid value at 'service.template.scaling.max_instance_count' (TYPE_INT32), 2147483648",
        ),
        (
            lambda s: s.update(ingress="EVERYBODY"),
            "Invalid value at 'service.ingress' (type.googleapis.com/google.cloud.run.v2.IngressTraffic), "
            '"EVERYBODY"',
        ),
        (lambda s: s.update(labels="a"), "Invalid value at 'service.labels'"),
        (lambda s: s.update(labels={"a": 1}), "Invalid value at 'service.labels[a]' (TYPE_STRING), 1"),
        (lambda s: s.update(invokerIamDisabled="yes"), "Invalid value at 'service.invoker_iam_disabled' (TYPE_BOOL)"),
    ],
)
def test_messages_of_another_shape(run: CloudRun, web: str, change: Callable[[Json], Any], text: str) -> None:
    body = run.service()
    change(body)
    for method, where, parameters in (
        ("POST", f"{RUN}/{run.google.parent}/services", {"serviceId": "temu-refused"}),
        ("PATCH", run.path(web), {}),
    ):
        error = run.google.refusal(method, where, body, **parameters)
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
        assert text in error["message"]
        assert text in detail(error, "BadRequest")["fieldViolations"][0]["description"]


@pytest.mark.parametrize(
    "body",
    [
        *NO_OBJECTS,
        b"[" * 5000,
        b'{"labels": {"a": "\\ud800"}}',
        # As deep as it is read, and too deep to be copied and written.
        b'{"buildConfig": ' + b"[" * 400 + b"]" * 400 + b"}",
    ],
)
def test_bodies_that_are_no_message(run: CloudRun, web: str, body: bytes) -> None:
    for method, where in (("POST", f"{RUN}/{run.google.parent}/services"), ("PATCH", run.path(web))):
        error = run.google.refusal(method, where, body)
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
        assert error["message"].startswith("Invalid JSON payload received.")


@pytest.mark.parametrize("name", ["", "Upper", "1st", "ends-", "a_b", "x" * 50])
def test_names_that_are_refused(run: CloudRun, name: str) -> None:
    error = run.google.refusal("POST", f"{RUN}/{run.google.parent}/services", run.service(), serviceId=name)
    assert error["status"] == "INVALID_ARGUMENT"
    assert "service_id" in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "services/temu-none", "NOT_FOUND"),
        ("PATCH", "services/temu-none", "NOT_FOUND"),
        ("DELETE", "services/temu-none", "NOT_FOUND"),
        ("GET", "services/temu-none/revisions", "NOT_FOUND"),
        ("GET", "services/temu-api/revisions/none", "NOT_FOUND"),
        ("GET", "services/temu-none:getIamPolicy", "NOT_FOUND"),
        ("POST", "services/temu-api:nonsense", "NOT_FOUND"),
        ("GET", "nothing", "NOT_FOUND"),
        ("GET", "services?pageSize=-1", "INVALID_ARGUMENT"),
        ("GET", "services?pageToken=x", "INVALID_ARGUMENT"),
    ],
)
@pytest.mark.usefixtures("web")
def test_bad_requests(run: CloudRun, method: str, path: str, status: str) -> None:
    assert run.google.refusal(method, f"{RUN}/{run.google.parent}/{path}", {})["status"] == status


def test_odd_values_are_taken_or_refused_wherever_they_stand(run: CloudRun, web: str) -> None:
    whole = run.service(VERSION="x") | {"labels": {"a": "b"}, "traffic": [{"percent": 100}], "scaling": {}}
    whole["template"]["containers"][0]["livenessProbe"] = {"httpGet": {"httpHeaders": [{"name": "a"}]}}
    for what, body in with_odd_values(whole):
        response = run.google.ask("PATCH", run.path(web), body, validateOnly="true")
        assert response.status_code in (200, 400), f"{what}: {response.text}"


def test_connection_that_breaks_off_harms_nobody(cloud: Settings, run: CloudRun, web: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.google_port, timeout=10)
    connection.putrequest("PATCH", run.path(web))
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"{")
    connection.close()
    assert run.get(web)["name"]
