"""Cloud SQL: real PostgreSQL, its certificate and users, and who reaches it from where."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest

from emulator.tests.google_apis import CONNECTIONS, DNS, LOCATION, PEERING, RUN, SQL
from emulator.tests.google_cloud_run import CloudRun, containers, short
from emulator.tests.stack import Json, machine_reaches, wait_until
from slipway_emulator.google.service_usage.api import project_number
from slipway_emulator.google.sql.api import CloudSql
from slipway_emulator.settings import Settings

NAME, NETWORK, DATABASE = "temu-sql", "temu-sql", "records"
LABEL = "sqladmin.googleapis.com/instance"
PASSWORD, ODD_PASSWORD = "a password", """it's "$odd" 100%d {x} \\ é"""
SETTINGS = {
    "tier": "db-f1-micro",
    "edition": "ENTERPRISE",
    "dataDiskSizeGb": "10",
    "deletionProtectionEnabled": True,
    "backupConfiguration": {"enabled": True, "pointInTimeRecoveryEnabled": True},
    "maintenanceWindow": {"day": 7, "hour": 3},
    "insightsConfig": {"queryInsightsEnabled": True},
}


@pytest.fixture(scope="module")
def network(run: CloudRun) -> str:
    """Name of a network with its private connection."""
    for api in ("compute", "dns", "servicenetworking", "sqladmin"):
        run.google.call("POST", f"/serviceusage/v1/projects/{run.google.project}/services/{api}.googleapis.com:enable")
    return run.google.make_network(NETWORK)


def wanted(name: str, network: str, mode: str = "GOOGLE_MANAGED_CAS_CA", **more: Any) -> Json:
    addresses = {"ipv4Enabled": False, "privateNetwork": network, "sslMode": "ENCRYPTED_ONLY", "serverCaMode": mode}
    settings = SETTINGS | {"ipConfiguration": addresses} | more
    return {"name": name, "region": LOCATION, "databaseVersion": "POSTGRES_15", "settings": settings}


@pytest.fixture(scope="module")
def instance(run: CloudRun, network: str) -> Iterator[Json]:
    """An instance that runs, with a database and a password of its first user."""
    google = run.google
    assert "error" not in google.change_sql("POST", "instances", wanted(NAME, network))
    assert "error" not in google.change_sql("POST", f"instances/{NAME}/databases", {"name": DATABASE})
    user = {"name": "postgres", "password": PASSWORD}
    assert "error" not in google.change_sql("POST", f"instances/{NAME}/users", user)
    yield google.call("GET", f"{SQL}/projects/{google.project}/instances/{NAME}")
    google.change_sql("PATCH", f"instances/{NAME}", {"settings": {"deletionProtectionEnabled": False}})
    google.change_sql("DELETE", f"instances/{NAME}")


@pytest.fixture(scope="module")
def database(engine: docker.DockerClient, instance: Json) -> Any:
    """Its container."""
    return engine.containers.list(filters={"label": f"{LABEL}={instance['connectionName']}"})[0]


@pytest.fixture(scope="module")
def client_image(run: CloudRun, engine: docker.DockerClient, cloud: Settings) -> str:
    """An image with psql, in Artifact Registry."""
    name = f"{cloud.google_registry_address}/{run.google.project}/temu-run/psql"
    engine.images.get("postgres:15-alpine").tag(name, tag="1")
    assert run.google.push(engine, name, "1") == ""
    package = f"/artifactregistry/v1/{run.google.parent}/repositories/temu-run/packages/psql/tags/1"
    return f"{name}@{short(run.google.call('GET', package)['version'])}"


@pytest.fixture(scope="module")
def resolved(run: CloudRun, network: str, instance: Json) -> str:
    """The instance's name, which a private zone of the network has an address for."""
    [found] = instance["dnsNames"]
    zones = f"{DNS}/projects/{run.google.project}/managedZones"
    visible = {"networks": [{"networkUrl": f"https://www.googleapis.com/compute/v1/{network}"}]}
    body = {"name": "sql", "dnsName": f"{LOCATION}.sql-psa.goog.", "visibility": "private"}
    run.google.call("POST", zones, body | {"privateVisibilityConfig": visible})
    record = {"name": found["name"], "type": "A", "ttl": 300, "rrdatas": [instance["ipAddresses"][0]["ipAddress"]]}
    run.google.call("POST", f"{zones}/sql/changes", {"additions": [record]})
    return str(found["name"])


Connect = Callable[..., tuple[int, str]]


def psql(container: Any, instance: Json, where: str, password: str, statement: str) -> tuple[int, str]:
    """Status and output of a statement, run by psql in a container that has the authority's certificate."""
    command = ["sh", "-c", f'printf %s "$CA" > /tmp/ca.pem; psql -X -A -t -c "$STATEMENT" "{where} connect_timeout=5"']
    environment = {"PGPASSWORD": password, "CA": instance["serverCaCert"]["cert"], "STATEMENT": statement}
    result = container.exec_run(command, environment=environment)
    return result.exit_code, result.output.decode().strip()


@pytest.fixture(scope="module")
def inside(database: Any, instance: Json) -> Connect:
    """Runs a statement as a user from where no firewall is."""

    def connect(user: str, password: str, statement: str = "SELECT 1", **more: str) -> tuple[int, str]:
        options = {"host": instance["dnsNames"][0]["name"], "sslmode": "verify-full"} | more
        where = " ".join(f"{key}={value}" for key, value in options.items())
        where += f" hostaddr=127.0.0.1 user={user} dbname={DATABASE} sslrootcert=/tmp/ca.pem"
        return psql(database, instance, where, password, statement)

    return connect


def test_instance_is_what_was_asked_for(instance: Json, run: CloudRun, network: str) -> None:
    project = run.google.project
    assert (instance["state"], instance["connectionName"]) == ("RUNNABLE", f"{project}:{LOCATION}:{NAME}")
    settings = instance["settings"]
    assert (settings["settingsVersion"], settings["storageAutoResize"], settings["dataDiskSizeGb"]) == ("1", True, "10")
    assert settings["backupConfiguration"]["backupRetentionSettings"] == {
        "retentionUnit": "COUNT",
        "retainedBackups": 7,
    }
    assert settings["ipConfiguration"]["privateNetwork"] == network
    [address] = instance["ipAddresses"]
    assert address["type"] == "PRIVATE"
    [name] = instance["dnsNames"]
    assert (name["connectionType"], name["dnsScope"]) == ("PRIVATE_SERVICES_ACCESS", "INSTANCE")
    assert name["name"].endswith(f".{LOCATION}.sql-psa.goog.")
    path = f"{SQL}/projects/{project}/instances/{NAME}"
    shown = run.google.call("GET", f"{path}/connectSettings")
    assert (shown["serverCaMode"], shown["dnsNames"]) == ("GOOGLE_MANAGED_CAS_CA", instance["dnsNames"])
    authorities = run.google.call("GET", f"{path}/listServerCas")
    assert authorities["certs"] == [instance["serverCaCert"]]
    assert authorities["activeVersion"] == instance["serverCaCert"]["sha1Fingerprint"]
    found = [one["name"] for one in run.google.call("GET", f"{path}/databases")["items"]]
    assert found == ["postgres", DATABASE]


def test_certificate_is_of_the_instance_name_alone(instance: Json, inside: Connect) -> None:
    assert inside("postgres", PASSWORD) == (0, "1")
    # It ends in a dot, as at Google, and clients compare it as it is.
    for host in (instance["dnsNames"][0]["name"].removesuffix("."), "localhost"):
        status, said = inside("postgres", PASSWORD, host=host)
        assert status != 0
        assert f'does not match host name "{host}"' in said
    status, said = inside("postgres", PASSWORD, sslmode="disable")
    assert "no encryption" in said


def test_users_have_what_those_of_cloud_sql_have(run: CloudRun, inside: Connect) -> None:
    users = f"instances/{NAME}/users"
    assert "error" not in run.google.change_sql("POST", users, {"name": "boss", "password": ODD_PASSWORD})
    assert inside("boss", ODD_PASSWORD, "CREATE ROLE made LOGIN; DROP ROLE made")[0] == 0
    asked = "SELECT rolsuper, rolcreaterole, pg_has_role('cloudsqlsuperuser', 'member') FROM pg_roles WHERE rolname = "
    assert inside("boss", ODD_PASSWORD, f"{asked}'boss'") == (0, "f|t|t")
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert inside("boss", ODD_PASSWORD, owner) == (0, "cloudsqlsuperuser")
    # The superuser is Google's.
    assert "rejects connection" in inside("cloudsqladmin", PASSWORD)[1]
    changed = run.google.change_sql("PUT", users, {"name": "boss", "password": "another"}, name="boss")
    assert "error" not in changed
    assert "password authentication failed" in inside("boss", ODD_PASSWORD)[1]
    assert inside("boss", "another", "CREATE TABLE kept (a int)")[0] == 0
    failed = run.google.change_sql("DELETE", users, name="boss")
    assert "cannot be dropped because some objects depend on it" in failed["error"]["errors"][0]["message"]
    inside("boss", "another", "DROP TABLE kept")
    assert "error" not in run.google.change_sql("DELETE", users, name="boss")
    listed = run.google.call("GET", f"{SQL}/projects/{run.google.project}/{users}")["items"]
    assert [one["name"] for one in listed] == ["postgres"]


def test_databases_come_and_go(run: CloudRun, inside: Connect) -> None:
    path = f"instances/{NAME}/databases"
    project = f"{SQL}/projects/{run.google.project}"
    error = run.google.refusal("POST", f"{project}/{path}", {"name": DATABASE})
    assert error["message"] == (
        f'Invalid request: failed to create database {DATABASE}. Detail: pq: database "{DATABASE}" already exists.'
    )
    assert "error" not in run.google.change_sql("POST", path, {"name": "more"})
    assert inside("postgres", PASSWORD, "SELECT count(*) FROM pg_database WHERE datname = 'more'") == (0, "1")
    assert "error" not in run.google.change_sql("DELETE", f"{path}/more")
    assert run.google.refusal("GET", f"{project}/{path}/more")["code"] == 404


@pytest.mark.usefixtures("instance")
def test_one_operation_at_a_time(run: CloudRun) -> None:
    path = f"{SQL}/projects/{run.google.project}/instances/{NAME}"
    begun = run.google.call("POST", f"{path}/databases", {"name": "first"})
    error = run.google.refusal("POST", f"{path}/databases", {"name": "second"})
    assert (error["code"], error["errors"][0]["reason"]) == (409, "operationInProgress")
    operations = f"{SQL}/projects/{run.google.project}/operations"
    wait_until(lambda: run.google.call("GET", f"{operations}/{begun['name']}")["status"] == "DONE")
    assert run.google.call("GET", operations, instance=NAME)["items"][0]["name"] == begun["name"]
    assert "error" not in run.google.change_sql("POST", f"instances/{NAME}/databases", {"name": "second"})


def test_change_in_place_says_which_settings_it_has_seen(run: CloudRun, inside: Connect) -> None:
    path = f"{SQL}/projects/{run.google.project}/instances/{NAME}"
    settings = run.google.call("GET", path)["settings"]
    stale = {"settings": settings | {"settingsVersion": "99"}}
    assert run.google.refusal("PUT", path, stale)["errors"][0]["reason"] == "staleData"
    plain = settings["ipConfiguration"] | {"sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED"}
    assert "error" not in run.google.change_sql("PATCH", f"instances/{NAME}", {"settings": {"ipConfiguration": plain}})
    assert inside("postgres", PASSWORD, sslmode="disable") == (0, "1")
    now = run.google.call("GET", path)["settings"]
    assert int(now["settingsVersion"]) > int(settings["settingsVersion"])
    encrypted = now | {"ipConfiguration": now["ipConfiguration"] | {"sslMode": "ENCRYPTED_ONLY"}}
    assert "error" not in run.google.change_sql("PUT", f"instances/{NAME}", {"settings": encrypted})
    assert "no encryption" in inside("postgres", PASSWORD, sslmode="disable")[1]
    error = run.google.refusal("PATCH", path, {"settings": {"dataDiskSizeGb": "9"}})
    assert "Disk size must be from 10" in error["message"]


@pytest.mark.usefixtures("instance")
def test_protected_instance_stays(run: CloudRun) -> None:
    error = run.google.refusal("DELETE", f"{SQL}/projects/{run.google.project}/instances/{NAME}")
    assert error["code"] == 400
    assert error["message"].startswith(
        "The instance is protected. Please disable the deletion protection and try again."
    )


def test_only_what_is_in_the_network_reaches_it(
    cloud: Settings, run: CloudRun, engine: docker.DockerClient, instance: Json, client_image: str, resolved: str
) -> None:
    """By its name and its certificate; without Direct VPC egress, or from another network, not even its address."""
    run.google.make_network("temu-other")
    address = instance["ipAddresses"][0]["ipAddress"]
    assert not machine_reaches(address, 5432)
    login = f"sslmode=verify-full sslrootcert=/tmp/ca.pem user=postgres dbname={DATABASE}"
    for number, subnet in enumerate((NETWORK, "temu-other", "")):
        service = run.service()
        service["template"]["containers"].append(
            {"name": "psql", "image": client_image, "command": ["sleep", "infinity"]}
        )
        service["template"]["containers"][0]["name"] = "app"
        if subnet:
            service["template"]["vpcAccess"] = {"networkInterfaces": [{"subnetwork": subnet}]}
        name = f"temu-sql-{number}"
        assert "error" not in run.create(name, service)
        clients = containers(engine, f"{run.google.parent}/services/{name}")
        client = next(one for one in clients if "sleep" in str(one.attrs["Config"]["Entrypoint"]))
        answered, said = psql(client, instance, f"host={resolved} {login}", PASSWORD, "SELECT 1")
        reached, refused = psql(client, instance, f"host={address} {login}", PASSWORD, "SELECT 1")
        if subnet == NETWORK:
            assert (answered, said) == (0, "1")
            assert "does not match host name" in refused
            # The container of the database itself reaches nobody.
            other = next(one for one in clients if one is not client)
            assert not reaches(engine, instance, other, cloud)
        else:
            assert answered != 0
            assert "could not translate host name" in said
            assert reached != 0
            assert "timeout" in refused
        if subnet:
            where = f"/compute/v1/projects/{run.google.project}/regions/{LOCATION}/subnetworks/{subnet}"
            assert run.google.refusal("DELETE", where)["errors"][0]["reason"] == "resourceInUseByAnotherResource"
        run.delete(name)


@pytest.mark.parametrize("kind", ["jobs", "workerPools"])
def test_what_serves_nothing_reaches_it_too(
    run: CloudRun, instance: Json, client_image: str, resolved: str, kind: str
) -> None:
    """A job and a worker pool in the subnet; a job without one does not even know the name."""
    where = f"host={resolved} sslmode=verify-full sslrootcert=/tmp/ca.pem user=postgres dbname={DATABASE}"
    script = f'printf %s "$CA" > /tmp/ca.pem; psql -X -A -t -c "SELECT 41 + 1" "{where} connect_timeout=20"'
    wait = "; sleep infinity" if kind == "workerPools" else ""
    for number, subnet in enumerate((NETWORK, "")):
        body = run.job("", PGPASSWORD=PASSWORD, CA=instance["serverCaCert"]["cert"])
        template = body["template"]["template"]
        template["containers"][0] |= {"image": client_image, "command": ["sh", "-c"], "args": [script + wait]}
        if subnet:
            template["vpcAccess"] = {"networkInterfaces": [{"subnetwork": subnet}]}
        if kind == "workerPools":
            body = {"template": {name: template[name] for name in template.keys() & {"containers", "vpcAccess"}}}
        name = f"temu-psql-{number}"
        assert "error" not in run.make(kind, name, body)
        if kind == "jobs":
            operation = run.execute(name)
            assert ("error" in operation) == (not subnet)
        run.google.operate(RUN, "DELETE", f"{run.google.parent}/{kind}/{name}")
        label = {"jobs": "job_name", "workerPools": "worker_pool_name"}[kind]
        said = [entry["textPayload"] for entry in run.log(f'resource.labels.{label}="{name}"')]
        assert said == ["42"] if subnet else "could not translate host name" in said[0]


def reaches(engine: docker.DockerClient, instance: Json, other: Any, cloud: Settings) -> bool:
    """Whether the database's container reaches a service's, at the port that it serves."""
    database = engine.containers.list(filters={"label": f"{LABEL}={instance['connectionName']}"})[0]
    other.reload()
    address = other.attrs["NetworkSettings"]["Networks"][cloud.network_name]["IPAddress"]
    return bool(database.exec_run(["bash", "-c", f"timeout 2 bash -c '</dev/tcp/{address}/8000'"]).exit_code == 0)


def test_authority_of_an_instance_alone_names_no_host(
    run: CloudRun, engine: docker.DockerClient, network: str, instance: Json
) -> None:
    """And the name of a deleted instance is taken for a week, its addresses for four days."""
    google, path = run.google, f"{SQL}/projects/{run.google.project}/instances"
    body = wanted("temu-own", network, "GOOGLE_MANAGED_INTERNAL_CA", deletionProtectionEnabled=False)
    assert "error" not in google.change_sql("POST", "instances", body)
    error = google.refusal("POST", path, body)
    assert (error["code"], error["errors"][0]["reason"]) == (409, "instanceAlreadyExists")
    made = google.call("GET", f"{path}/temu-own")
    assert "dnsNames" not in made
    [container] = engine.containers.list(filters={"label": f"{LABEL}={made['connectionName']}"})
    where = "hostaddr=127.0.0.1 user=postgres dbname=postgres sslrootcert=/tmp/ca.pem"
    for mode, said in (("verify-full", "does not match host name"), ("verify-ca", "password authentication failed")):
        text = psql(container, made, f"host=anything sslmode={mode} {where}", "unknown", "SELECT 1")[1]
        assert said in text
    text = psql(container, instance, f"host=anything sslmode=verify-ca {where}", "unknown", "SELECT 1")[1]
    assert "certificate verify failed" in text
    assert "error" not in google.change_sql("DELETE", "instances/temu-own")
    assert engine.containers.list(filters={"label": f"{LABEL}={made['connectionName']}"}) == []
    assert google.refusal("POST", path, body)["message"] == (
        "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the deleted "
        "instance until one week from the deletion date."
    )
    consumer = {"consumerNetwork": f"projects/{project_number(google.project)}/global/networks/{NETWORK}"}
    failed = google.connect("POST", f"{CONNECTIONS}/{PEERING}", consumer)["error"]
    assert failed["message"].startswith("Failed to delete connection; Producer services (e.g. CloudSQL")


def test_deleted_instance_holds_its_addresses_for_four_days_and_its_name_for_seven() -> None:
    none: Any = type("None", (), {"add": lambda *_: None, "find_network": lambda *_: "n"})()
    moment = 0.0
    sql = CloudSql(none, none, none, none, lambda: moment)
    sql._deleted["p", "i"] = (0.0, "n")
    moment = 4 * 86400 - 1
    assert none.is_used("n")
    moment += 2
    assert not none.is_used("n")
