"""Cloud Run: services that really run, roll over, fail and go, and what the API says of it."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator

import docker
import pytest
from google.auth.transport.requests import Request
from google.oauth2.service_account import IDTokenCredentials

from emulator.tests.google_apis import ACCOUNTS, CREDENTIALS, LOCATION, LOGGING, RUN
from emulator.tests.google_cloud_run import CloudRun, containers, host, short
from emulator.tests.stack import Json, Load, ask, machine_reaches, wait_until
from slipway_emulator.settings import Settings


@pytest.fixture(scope="module")
def web(run: CloudRun) -> Iterator[str]:
    """Name of a public service that runs."""
    operation = run.create("temu-web")
    assert "error" not in operation
    run.open("temu-web")
    yield "temu-web"
    run.delete("temu-web")


def states(conditions: list[Json]) -> dict[str, str]:
    return {condition["type"]: condition["state"] for condition in conditions}


# Services that run.


def test_first_revision_answers(cloud: Settings, run: CloudRun, engine: docker.DockerClient, web: str) -> None:
    service = run.get(web)
    assert host(service["uri"]).endswith(f".{LOCATION}.run.localhost")
    # Over TLS, with the certificate verified.
    assert ask(cloud, host(service["uri"])) == (200, "1")
    assert ask(cloud, host(service["uri"]), tls=False)[0] == 302
    assert service["terminalCondition"]["type"] == "Ready"
    assert service["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"
    assert states(service["conditions"]) == {
        "RoutesReady": "CONDITION_SUCCEEDED",
        "ConfigurationsReady": "CONDITION_SUCCEEDED",
    }
    assert (service["reconciling"], service["generation"], service["observedGeneration"]) == (False, "1", "1")
    assert service["latestReadyRevision"] == service["latestCreatedRevision"]
    [status] = service["trafficStatuses"]
    assert (status["revision"], status["percent"]) == (short(service["latestReadyRevision"]), 100)
    revision = run.revision(service["latestReadyRevision"])
    assert states(revision["conditions"])["Ready"] == "CONDITION_SUCCEEDED"
    assert revision["containers"][0]["image"] == run.image
    [container] = containers(engine, revision["name"])
    # By its name only.
    assert not machine_reaches(container.attrs["NetworkSettings"]["Networks"][cloud.network_name]["IPAddress"])
    environment = dict(line.split("=", 1) for line in container.attrs["Config"]["Env"])
    assert (environment["PORT"], environment["K_SERVICE"]) == ("8000", web)
    assert environment["K_REVISION"] == short(revision["name"])
    assert container.attrs["HostConfig"]["Memory"] == 128 * 2**20
    assert container.attrs["Config"]["Healthcheck"] == {"Test": ["NONE"]}


def test_what_nobody_says_is_filled_in(run: CloudRun, web: str) -> None:
    service = run.get(web)
    template = service["template"]
    assert (service["ingress"], service["launchStage"]) == ("INGRESS_TRAFFIC_ALL", "GA")
    assert service["traffic"] == [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    assert (template["timeout"], template["maxInstanceRequestConcurrency"]) == ("300s", 80)
    assert template["serviceAccount"].endswith("-compute@developer.gserviceaccount.com")
    assert template["containers"][0]["ports"] == [{"name": "http1", "containerPort": 8000}]
    assert template["containers"][0]["startupProbe"]["httpGet"] == {"path": "/health", "port": 8000}


def test_only_who_may_invoke_gets_in(cloud: Settings, run: CloudRun, named: Callable[[str], str]) -> None:
    name = named("temu-private")
    run.create(name)
    uri = run.get(name)["uri"]
    assert ask(cloud, host(uri))[0] == 403
    # "By default, services are only callable by Project Owners, Project Editors, and Cloud Run Admins and Invokers."
    assert ask(cloud, host(uri), token=identity(cloud, uri)) == (200, "1")
    caller = run.google.make_account("temu-caller", "roles/run.viewer")
    body = {"audience": uri, "includeEmail": True}
    token = run.google.call("POST", f"{CREDENTIALS}/{caller}:generateIdToken", body)["token"]
    assert ask(cloud, host(uri), token=token)[0] == 403
    policy = {"policy": {"bindings": [{"role": "roles/run.invoker", "members": [f"serviceAccount:{caller}"]}]}}
    run.google.call("POST", f"{run.path(name)}:setIamPolicy", policy)
    assert ask(cloud, host(uri))[0] == 403
    assert ask(cloud, host(uri), token=token) == (200, "1")
    assert ask(cloud, host(uri), token=identity(cloud, "https://somewhere.else"))[0] == 401
    assert ask(cloud, host(uri), token="nonsense")[0] == 401
    run.open(name)
    assert ask(cloud, host(uri)) == (200, "1")
    run.google.call("POST", f"{run.path(name)}:setIamPolicy", {"policy": {"bindings": []}})
    assert ask(cloud, host(uri))[0] == 403


def identity(cloud: Settings, audience: str) -> str:
    """An ID token of the rehearsal's account."""
    given = IDTokenCredentials.from_service_account_file(str(cloud.google_credentials_file), target_audience=audience)
    given.refresh(Request())
    return str(given.token)


def test_private_ingress_is_not_reached_from_outside(
    cloud: Settings, run: CloudRun, named: Callable[[str], str]
) -> None:
    name = named("temu-internal")
    run.create(name, run.service() | {"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"})
    assert ask(cloud, run.open(name))[0] == 404


def test_reserved_path_does_not_reach_the_service(cloud: Settings, run: CloudRun, web: str) -> None:
    assert ask(cloud, host(run.get(web)["uri"]), "/health")[0] == 200
    assert ask(cloud, host(run.get(web)["uri"]), "/healthz")[0] == 404


def test_new_revision_takes_over_without_a_failed_request(
    cloud: Settings, run: CloudRun, engine: docker.DockerClient, web: str
) -> None:
    # A program that ends at once when it is told to, whatever it is about.
    rude = run.service()
    ends_at_once = "trap 'kill -9 $!; exit' TERM; python -u /server.py & wait"
    rude["template"]["containers"][0]["command"] = ["sh", "-c", ends_at_once]
    run.update(web, rude)
    before = run.get(web)
    with Load(cloud, host(before["uri"])) as load:
        wait_until(lambda: len(load.answers) > 5)
        operation = run.update(web, run.service(VERSION="2"))
        answered = len(load.answers)
        wait_until(lambda: len(load.answers) > answered + 10)
    assert "error" not in operation
    assert load.failures == []
    bodies = [body for _, body in load.answers]
    # Each answer is of the old one or of the new one, and none of the old one comes after the roll-over.
    assert (bodies[0], bodies[-1], set(bodies)) == ("1", "2", {"1", "2"})
    assert ask(cloud, host(before["uri"])) == (200, "2")
    after = run.get(web)
    assert int(after["generation"]) == int(after["observedGeneration"]) == int(before["generation"]) + 1
    assert after["latestReadyRevision"] != before["latestReadyRevision"]
    assert containers(engine, before["latestReadyRevision"]) == []
    revisions = run.google.call("GET", f"{run.path(web)}/revisions")["revisions"]
    assert [revision["name"] for revision in revisions][:2] == [
        after["latestReadyRevision"],
        before["latestReadyRevision"],
    ]


def with_missing_image(service: Json) -> str:
    container = service["template"]["containers"][0]
    container["image"] = container["image"].partition("@")[0] + f"@sha256:{'0' * 64}"
    return f"Image '{container['image']}' not found."


def with_missing_repository(service: Json) -> str:
    container = service["template"]["containers"][0]
    container["image"] = container["image"].replace("/temu-run/app", "/temu-none/app")
    return f"Image '{container['image']}' not found."


def with_crash(service: Json) -> str:
    service["template"]["containers"][0]["env"] = [{"name": "BEHAVIOUR", "value": "crash"}]
    return "failed to start and listen on the port defined provided by the PORT=8000 environment variable"


def with_missing_program(service: Json) -> str:
    service["template"]["containers"][0]["command"] = ["/no/such/program"]
    return "Application failed to start: "


def with_failing_probe(service: Json) -> str:
    container = service["template"]["containers"][0]
    container["env"] = [{"name": "BEHAVIOUR", "value": "unhealthy"}]
    container["startupProbe"]["failureThreshold"] = 2
    return "The user-provided container failed the configured startup probe checks."


def with_another_port(service: Json) -> str:
    container = service["template"]["containers"][0]
    container["ports"] = [{"containerPort": 8001}]
    container["startupProbe"] = {"tcpSocket": {}, "periodSeconds": 1, "failureThreshold": 2}
    return "failed to start and listen on the port defined provided by the PORT=8001 environment variable"


def with_missing_secret(service: Json) -> str:
    source = {"secretKeyRef": {"secret": "key", "version": "1"}}
    service["template"]["containers"][0]["env"] = [{"name": "KEY", "valueSource": source}]
    return (
        "spec.template.spec.containers[0].env[0].value_from.secret_key_ref.name: Permission denied on secret: projects/"
    )


def with_missing_file(service: Json) -> str:
    secret = {"secret": "key", "items": [{"path": "key", "version": "1"}]}
    service["template"]["volumes"] = [{"name": "key", "secret": secret}]
    service["template"]["containers"][0]["volumeMounts"] = [{"name": "key", "mountPath": "/files"}]
    return "spec.template.spec.volumes[0].secret.items[0].key: Permission denied on secret: projects/"


UNHEALTHY = ("revisionReason", "HEALTH_CHECK_CONTAINER_ERROR")
MISSING = ("reason", "CONTAINER_MISSING")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (with_missing_image, MISSING),
        (with_missing_repository, MISSING),
        (with_crash, UNHEALTHY),
        (with_missing_program, UNHEALTHY),
        (with_failing_probe, UNHEALTHY),
        (with_another_port, UNHEALTHY),
        (with_missing_secret, ("reason", "SECRETS_ACCESS_CHECK_FAILED")),
        (with_missing_file, ("reason", "SECRETS_ACCESS_CHECK_FAILED")),
    ],
)
def test_revision_that_does_not_start_leaves_the_old_one_serving(
    cloud: Settings,
    run: CloudRun,
    engine: docker.DockerClient,
    web: str,
    damage: Callable[[Json], str],
    reason: tuple[str, str],
) -> None:
    before = run.get(web)
    serving = before["latestReadyRevision"]
    body = run.service(VERSION="broken")
    problem = damage(body)
    with Load(cloud, host(before["uri"]), per_second=5) as load:
        operation = run.update(web, body)
        answered = len(load.answers)
        wait_until(lambda: len(load.answers) > answered)
    after = run.get(web)
    broken = after["latestCreatedRevision"]
    message = f"Revision '{short(broken)}' is not ready and cannot serve traffic. "
    assert operation["error"]["code"] == 9
    assert operation["error"]["message"].startswith(message)
    assert problem in operation["error"]["message"]
    terminal = after["terminalCondition"]
    assert (terminal["type"], terminal["state"]) == ("Ready", "CONDITION_FAILED")
    assert (terminal["message"], terminal[reason[0]]) == (operation["error"]["message"], reason[1])
    condition = run.revision(broken)["conditions"][0]
    assert (condition["type"], condition["state"], condition[reason[0]]) == ("Ready", "CONDITION_FAILED", reason[1])
    assert problem in condition["message"]
    # The old one, and no trace of the other.
    assert (after["latestReadyRevision"], after["reconciling"]) == (serving, False)
    assert int(after["observedGeneration"]) < int(after["generation"])
    assert [status["revision"] for status in after["trafficStatuses"]] == [short(serving)]
    assert load.failures == []
    assert "broken" not in {text for _, text in load.answers}
    assert containers(engine, broken) == []
    assert len(containers(engine, serving)) == 1


def test_next_good_revision_makes_all_well(cloud: Settings, run: CloudRun, web: str) -> None:
    body = run.service()
    with_missing_image(body)
    assert "error" in run.update(web, body)
    assert "error" not in run.update(web, run.service(VERSION="3"))
    after = run.get(web)
    assert after["terminalCondition"]["state"] == "CONDITION_SUCCEEDED"
    assert after["observedGeneration"] == after["generation"]
    assert ask(cloud, host(after["uri"])) == (200, "3")


def test_first_revision_that_fails(
    cloud: Settings, run: CloudRun, engine: docker.DockerClient, named: Callable[[str], str]
) -> None:
    name = named("temu-broken")
    operation = run.create(name, run.service(BEHAVIOUR="crash"))
    assert operation["error"]["code"] == 9
    # It is there all the same, and says why it does not serve.
    service = run.get(name)
    assert service["terminalCondition"]["state"] == "CONDITION_FAILED"
    assert "latestReadyRevision" not in service
    assert ask(cloud, run.open(name))[0] == 503
    assert containers(engine, service["latestCreatedRevision"]) == []
    logged = run.google.call(
        "POST",
        f"{LOGGING}/entries:list",
        {
            "resourceNames": [f"projects/{run.google.project}"],
            "filter": f'resource.labels.revision_name="{short(service["latestCreatedRevision"])}"',
        },
    )
    assert [entry["textPayload"] for entry in logged["entries"]] == ["version 1 starts", "it breaks"]
    assert (
        run.google.refusal("POST", f"{RUN}/{run.google.parent}/services", run.service(), serviceId=name)["code"] == 409
    )
    # A change of something else does not help it.
    body = run.service(BEHAVIOUR="crash") | {"description": "another"}
    assert "error" in run.update(name, body)
    assert "error" not in run.update(name, run.service())
    assert ask(cloud, host(service["uri"])) == (200, "1")


def test_deleted_service_is_gone(
    cloud: Settings, run: CloudRun, engine: docker.DockerClient, named: Callable[[str], str]
) -> None:
    name = named("temu-gone")
    run.create(name)
    site = run.open(name)
    whole = run.get(name)["name"]
    assert len(containers(engine, whole)) == 1
    run.delete(name)
    assert containers(engine, whole) == []
    assert run.google.refusal("GET", run.path(name))["status"] == "NOT_FOUND"
    assert run.google.refusal("DELETE", run.path(name))["status"] == "NOT_FOUND"
    listed = run.google.call("GET", f"{RUN}/{run.google.parent}/services")
    assert name not in [short(service["name"]) for service in listed.get("services", [])]
    # The name leads nowhere any more, and has no certificate.
    with pytest.raises(ssl.SSLError):
        ask(cloud, site)
    # Nor has the next one of that name the old one's policy.
    run.create(name)
    assert ask(cloud, site)[0] == 403


# Instances.


def test_bounds_of_scaling(run: CloudRun, engine: docker.DockerClient, named: Callable[[str], str]) -> None:
    name = named("temu-scaled")
    body = run.service()
    body["template"]["scaling"] = {"minInstanceCount": 2, "maxInstanceCount": 2}
    run.create(name, body)
    two = run.get(name)["latestReadyRevision"]
    assert run.revision(two)["scaling"] == {"minInstanceCount": 2, "maxInstanceCount": 2}
    assert len(containers(engine, two)) == 2
    body["template"]["scaling"] = {"minInstanceCount": 0}
    assert "error" not in run.update(name, body)
    one = run.get(name)["latestReadyRevision"]
    assert run.revision(one)["scaling"] == {"maxInstanceCount": 100}
    assert (len(containers(engine, one)), containers(engine, two)) == (1, [])


def test_lost_instance_is_replaced(cloud: Settings, run: CloudRun, engine: docker.DockerClient, web: str) -> None:
    service = run.get(web)
    [victim] = containers(engine, service["latestReadyRevision"])
    victim.remove(force=True)
    wait_until(lambda: [c.id for c in containers(engine, service["latestReadyRevision"])] not in ([], [victim.id]))
    wait_until(lambda: ask(cloud, host(service["uri"]))[0] == 200)


def test_instance_that_fails_its_liveness_probe_is_replaced(
    run: CloudRun, engine: docker.DockerClient, named: Callable[[str], str]
) -> None:
    name = named("temu-alive")
    body = run.service(BEHAVIOUR="unhealthy")
    container = body["template"]["containers"][0]
    container["startupProbe"] = {"tcpSocket": {}}
    container["livenessProbe"] = {"httpGet": {"path": "/health"}, "periodSeconds": 1, "failureThreshold": 2}
    run.create(name, body)
    revision = run.get(name)["latestReadyRevision"]
    [first] = containers(engine, revision)
    wait_until(lambda: first.id not in [c.id for c in containers(engine, revision)])


def test_service_that_is_deleted_while_its_instances_fail(
    run: CloudRun, engine: docker.DockerClient, named: Callable[[str], str]
) -> None:
    """Nothing is left of an instance that was about to be replaced."""
    name = named("temu-flaky")
    run.create(name, run.service())
    revision = run.get(name)["latestReadyRevision"]
    [first] = containers(engine, revision)
    first.kill()
    wait_until(lambda: running(engine, revision) - {first.id})
    [second] = [c for c in containers(engine, revision) if c.status == "running"]
    second.kill()
    run.delete(name)
    assert containers(engine, revision) == []


def test_containers_beside_the_one_that_serves(
    cloud: Settings, run: CloudRun, engine: docker.DockerClient, named: Callable[[str], str]
) -> None:
    name = named("temu-beside")
    body = run.service()
    asks = "import time, urllib.request as r\nwhile True:\n r.urlopen('http://localhost:8000/x')\n time.sleep(1)"
    # It starts second, asks the one that serves, and its end would be the instance's end.
    body["template"]["containers"].append({"image": run.image, "command": ["python"], "args": ["-c", asks]})
    assert "error" not in run.create(name, body)
    revision = run.get(name)["latestReadyRevision"]
    before = sorted(c.id for c in containers(engine, revision))
    assert len(before) == 2
    assert ask(cloud, run.open(name)) == (200, "1")
    for container in containers(engine, revision):
        container.stop(timeout=0)
        break
    wait_until(lambda: len(containers(engine, revision)) == 2 and running(engine, revision).isdisjoint(before))


def running(engine: docker.DockerClient, revision: str) -> set[str]:
    return {c.id for c in containers(engine, revision) if c.status == "running"}


# Updates.


def test_traffic_is_split_tagged_and_turned_back(
    cloud: Settings, run: CloudRun, engine: docker.DockerClient, named: Callable[[str], str]
) -> None:
    name = named("temu-traffic")
    body = run.service(VERSION="old")
    body["template"]["revision"] = f"{name}-old"
    run.create(name, body)
    site = run.open(name)
    by_revision = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    body = run.service(VERSION="new")
    body["template"]["revision"] = f"{name}-new"
    body["traffic"] = [
        {"type": by_revision, "revision": f"{name}-old", "percent": 100},
        {"type": by_revision, "revision": f"{name}-new", "tag": "next"},
    ]
    assert "error" not in run.update(name, body)
    # The new one is there to be looked at, and gets no request of the public.
    assert {ask(cloud, site) for _ in range(10)} == {(200, "old")}
    tagged = next(status for status in run.get(name)["trafficStatuses"] if status.get("tag") == "next")
    assert tagged["uri"] == f"https://next---{site}"
    assert ask(cloud, host(tagged["uri"])) == (200, "new")
    body["traffic"] = [
        {"type": by_revision, "revision": f"{name}-old", "percent": 50},
        {"type": by_revision, "revision": f"{name}-new", "percent": 50},
    ]
    run.update(name, body)
    wait_until(lambda: {ask(cloud, site, path="/x")[1] for _ in range(20)} == {"old", "new"})
    body["traffic"] = [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]
    run.update(name, body)
    assert {ask(cloud, site, path="/x") for _ in range(10)} == {(200, "new")}
    old = f"{run.get(name)['name']}/revisions/{name}-old"
    assert containers(engine, old) == []
    # Back to the old one, whose instances are gone by now.
    body["traffic"] = [{"type": by_revision, "revision": f"{name}-old", "percent": 100}]
    assert "error" not in run.update(name, body)
    assert {ask(cloud, site, path="/x") for _ in range(10)} == {(200, "old")}
    # A name stands for one revision for ever.
    body = run.service(VERSION="other")
    body["template"]["revision"] = f"{name}-old"
    assert run.google.refusal("PATCH", run.path(name), body)["status"] == "ALREADY_EXISTS"
    assert run.google.refusal("DELETE", f"{RUN}/{old}")["status"] == "FAILED_PRECONDITION"


def test_traffic_to_a_revision_that_is_not_there(cloud: Settings, run: CloudRun, web: str) -> None:
    before = run.get(web)
    target = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": f"{web}-none", "percent": 100}
    operation = run.update(web, before | {"traffic": [target], "etag": ""})
    assert f"Revision '{web}-none' is not ready" in operation["error"]["message"]
    assert ask(cloud, host(before["uri"]))[0] == 200
    run.update(web, before | {"etag": ""})


def test_service_runs_as_an_account_that_is_there(run: CloudRun, named: Callable[[str], str]) -> None:
    google, name = run.google, named("temu-account")
    accounts = f"{ACCOUNTS}/projects/{google.project}/serviceAccounts"
    email = f"temu-runner@{google.project}.iam.gserviceaccount.com"
    body = run.service()
    body["template"]["serviceAccount"] = email
    where = f"{RUN}/{google.parent}/services"
    error = google.refusal("POST", where, body, serviceId=name)
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    assert "iam.serviceaccounts.actAs" in error["message"]
    google.call("POST", accounts, {"accountId": "temu-runner"})
    assert "error" not in run.create(name, body)
    assert run.get(name)["template"]["serviceAccount"] == email
    google.call("DELETE", f"{accounts}/{email}")


def test_operations_are_listed_and_waited_for(run: CloudRun, web: str) -> None:
    begun = run.google.call("PATCH", run.path(web), run.service(VERSION="4"))
    assert (begun["done"], "response" in begun) == (False, False)
    assert begun["metadata"]["@type"] == "type.googleapis.com/google.cloud.run.v2.Service"
    listed = run.google.call("GET", f"{RUN}/{run.google.parent}/operations", pageSize="1000")["operations"]
    assert begun["name"] in [operation["name"] for operation in listed]

    def ended() -> Json | None:
        # It may answer before the end, or before its time is up.
        operation = run.google.call("POST", f"{RUN}/{begun['name']}:wait", {"timeout": "10s"})
        return operation if operation["done"] else None

    assert wait_until(ended)["response"]["latestReadyRevision"].startswith(begun["metadata"]["name"])
    unknown = f"{RUN}/{run.google.parent}/operations/none"
    assert run.google.refusal("GET", unknown)["status"] == "NOT_FOUND"
