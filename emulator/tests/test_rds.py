"""RDS: real PostgreSQL, a password that changes, TLS where it is forced, and failures that are told."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import docker
import psycopg
import pytest

from emulator.tests.stack import Client, allow, wait_until
from slipway_emulator.acm.authority import Authority
from slipway_emulator.network import ContainerNetwork
from slipway_emulator.parts import Parts
from slipway_emulator.rds.instances import try_connect
from slipway_emulator.settings import Settings

NAME, GROUP = "temu-db", "temu-postgres15"
ODD_PASSWORD = """it's "$odd" 100%d {x} \\ é"""


@pytest.fixture(scope="module")
def database(aws: Client) -> Iterator[dict[str, Any]]:
    """A database whose parameter group forces TLS, and which this machine may reach."""
    rds, ec2 = aws("rds"), aws("ec2")
    group = ec2.create_security_group(GroupName=NAME, Description="t")["GroupId"]
    allow(ec2, group, 5432, cidr="127.0.0.1/32")
    rds.create_db_parameter_group(DBParameterGroupName=GROUP, DBParameterGroupFamily="postgres15", Description="t")
    force_ssl(rds, "1")
    reachable: dict[str, Any] = {"PubliclyAccessible": True, "VpcSecurityGroupIds": [group]}
    create(rds, DBParameterGroupName=GROUP, EnableCloudwatchLogsExports=["postgresql"], **reachable)

    def available() -> Any:
        found = rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]
        return found if found["DBInstanceStatus"] == "available" else None

    yield wait_until(available)
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    rds.delete_db_parameter_group(DBParameterGroupName=GROUP)


def create(rds: Any, name: str = NAME, **more: Any) -> None:
    settings = {
        "DBInstanceIdentifier": name,
        "DBInstanceClass": "db.t3.micro",
        "Engine": "postgres",
        "EngineVersion": "15",
        "AllocatedStorage": 20,
        "DBName": "app",
        "MasterUsername": "postgres",
        "MasterUserPassword": ODD_PASSWORD,
    }
    rds.create_db_instance(**settings | more)


def force_ssl(rds: Any, value: str) -> None:
    parameter = {"ParameterName": "rds.force_ssl", "ParameterValue": value, "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName=GROUP, Parameters=[parameter])


def connect(database: dict[str, Any], password: str = ODD_PASSWORD, sslmode: str = "require", **more: Any) -> bool:
    """Log in; whether the connection is encrypted."""
    endpoint = database["Endpoint"]
    where = {"host": endpoint["Address"], "port": endpoint["Port"]} | more
    with psycopg.connect(
        dbname="app", user="postgres", password=password, sslmode=sslmode, connect_timeout=5, **where
    ) as connection:
        row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row
    return bool(row[0])


def test_plain_connection_is_refused(database: dict[str, Any]) -> None:
    assert connect(database)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(database, sslmode="disable")


def test_certificate_is_of_the_endpoint_and_of_the_authority(
    cloud: Settings, engine: docker.DockerClient, database: dict[str, Any]
) -> None:
    """As in RDS, nothing but the address of the endpoint is in it, and no other authority's bundle verifies it."""
    container = engine.containers.list(filters={"label": [f"db_id={NAME}", "ministack=rds"]})[0]
    published = {"host": "127.0.0.1", "port": container.ports["5432/tcp"][0]["HostPort"]}
    verified = {"sslmode": "verify-full", "sslrootcert": str(cloud.rds_ca_file)}
    assert connect(database, **verified)
    assert connect(database, **published)
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(psycopg.OperationalError, match="does not match host name"):
            connect(database, **verified, **published | {"host": host})
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(database, sslmode="verify-full", sslrootcert=str(Authority(cloud.authority_directory).certificate_file))


def test_force_ssl_is_dynamic(aws: Client, database: dict[str, Any]) -> None:
    force_ssl(aws("rds"), "0")
    wait_until(lambda: can_connect_plainly(database), 5)
    assert connect(database)
    force_ssl(aws("rds"), "1")
    wait_until(lambda: not can_connect_plainly(database), 5)


def can_connect_plainly(database: dict[str, Any]) -> bool:
    try:
        return not connect(database, sslmode="disable")
    except psycopg.OperationalError:
        return False


def test_instances_are_found_by_their_resource_id(aws: Client, database: dict[str, Any]) -> None:
    def found(identifier: str) -> list[str]:
        filters = [{"Name": "dbi-resource-id", "Values": [identifier]}]
        return [d["DBInstanceIdentifier"] for d in aws("rds").describe_db_instances(Filters=filters)["DBInstances"]]

    assert found(database["DbiResourceId"]) == [NAME]
    assert found("db-NONE") == []


@pytest.mark.usefixtures("database")
def test_exported_logs_are_remembered(aws: Client) -> None:
    rds = aws("rds")

    def exported() -> list[str]:
        instance = rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]
        return list(instance["EnabledCloudwatchLogsExports"])

    def change(**types: list[str]) -> list[str]:
        answer = rds.modify_db_instance(DBInstanceIdentifier=NAME, CloudwatchLogsExportConfiguration=types)
        return list(answer["DBInstance"]["EnabledCloudwatchLogsExports"])

    assert exported() == ["postgresql"]
    assert change(EnableLogTypes=["upgrade"]) == exported() == ["postgresql", "upgrade"]
    assert change(DisableLogTypes=["postgresql"]) == exported() == ["upgrade"]


def test_changed_master_password_is_the_new_one(aws: Client, database: dict[str, Any]) -> None:
    new = ODD_PASSWORD[::-1]
    change = {"DBInstanceIdentifier": NAME, "ApplyImmediately": True}
    aws("rds").modify_db_instance(MasterUserPassword=new, **change)
    assert connect(database, new)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(database)
    aws("rds").modify_db_instance(MasterUserPassword=ODD_PASSWORD, **change)
    assert connect(database)


def test_password_that_cannot_be_changed_is_an_error(
    aws: Client, engine: docker.DockerClient, database: dict[str, Any]
) -> None:
    rds = aws("rds")
    container = engine.containers.list(filters={"label": [f"db_id={NAME}", "ministack=rds"]})[0]
    change = {"DBInstanceIdentifier": NAME, "ApplyImmediately": True}
    container.pause()
    try:
        with pytest.raises(rds.exceptions.ClientError, match="did not take the new master password"):
            rds.modify_db_instance(MasterUserPassword="another-password", **change)
    finally:
        container.unpause()
    assert connect(database)


def test_forgotten_master_password_is_replaced(
    aws: Client, engine: docker.DockerClient, database: dict[str, Any]
) -> None:
    """RDS needs no old password for a new one."""
    container = engine.containers.list(filters={"label": [f"db_id={NAME}", "ministack=rds"]})[0]
    container.exec_run(["psql", "-U", "postgres", "-c", "ALTER ROLE postgres PASSWORD 'unknown'"])
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(database)
    # What the record has already is no change.
    for password in ("another-password", ODD_PASSWORD):
        aws("rds").modify_db_instance(MasterUserPassword=password, DBInstanceIdentifier=NAME, ApplyImmediately=True)
    assert connect(database)


@pytest.mark.usefixtures("engine")
def test_final_snapshot_has_the_tags_and_is_never_overwritten(aws: Client) -> None:
    rds, tags = aws("rds"), [{"Key": "Project", "Value": "temu-kept"}]
    name, snapshot = f"{NAME}-kept", f"{NAME}-kept-final"
    filters = [{"Key": "Project", "Values": ["temu-kept"]}]
    for copied in (True, False):
        create(rds, name, Tags=tags, CopyTagsToSnapshot=copied)
        with pytest.raises(rds.exceptions.ClientError, match="FinalDBSnapshotIdentifier is required unless"):
            rds.delete_db_instance(DBInstanceIdentifier=name)
        rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=snapshot)
        described = rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"][0]
        assert described["TagList"] == (tags if copied else [])
        listed = aws("resourcegroupstaggingapi").get_resources(TagFilters=filters)["ResourceTagMappingList"]
        assert [one["ResourceARN"] for one in listed] == ([described["DBSnapshotArn"]] if copied else [])
        if copied:
            create(rds, name)
            with pytest.raises(rds.exceptions.DBSnapshotAlreadyExistsFault, match=f"identifier {snapshot} already"):
                rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=snapshot)
            rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
        rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"EngineVersion": "10"}, "Cannot find version 10 for postgres"),
        ({"EngineVersion": "19.1"}, "Cannot find version 19.1 for postgres"),
        ({"MaxAllocatedStorage": 20}, "Max storage size must be greater than storage size"),
        ({"MaxAllocatedStorage": 21}, "The maximum allocated storage must be increased by at least 10 percent."),
    ],
)
def test_settings_that_rds_refuses(aws: Client, changes: dict[str, Any], message: str) -> None:
    rds = aws("rds")
    with pytest.raises(rds.exceptions.ClientError) as error:
        create(rds, f"{NAME}-3", **changes)
    answer = error.value.response["Error"]
    assert (answer["Code"], answer["Message"]) == ("InvalidParameterCombination", message)


@pytest.mark.usefixtures("database")
def test_storage_that_grows_is_turned_on_and_off(aws: Client) -> None:
    rds = aws("rds")

    def most(value: int) -> Any:
        rds.modify_db_instance(DBInstanceIdentifier=NAME, MaxAllocatedStorage=value, ApplyImmediately=True)
        return rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0].get("MaxAllocatedStorage")

    assert most(100) == 100
    with pytest.raises(rds.exceptions.ClientError, match="Max storage size must be greater"):
        most(19)
    assert most(20) is None


def test_readiness_of_a_database_that_was_deleted(cloud: Settings, engine: docker.DockerClient) -> None:
    """Nobody has its address any more."""
    network = ContainerNetwork(engine, cloud.network_name, cloud.subnet)
    answers = try_connect(lambda *_: True, cast("Parts", SimpleNamespace(network=network, client=engine)))
    assert answers(cloud.subnet.replace("0/24", "100"), 5432, "postgres", "user", "password", "app") is False


@pytest.mark.usefixtures("database")
def test_refused_container_fails_the_call(aws: Client, engine: docker.DockerClient) -> None:
    """The engine refuses a container whose name is taken."""
    rds = aws("rds")
    name = engine.containers.list(filters={"label": [f"db_id={NAME}", "ministack=rds"]})[0].name
    taken = engine.containers.create("postgres:15-alpine", name=f"{name}-2")
    try:
        with pytest.raises(rds.exceptions.ClientError, match=r"refused .* is already in use") as error:
            create(rds, f"{NAME}-2")
    finally:
        taken.remove()
    assert error.value.response["Error"]["Code"] == "InsufficientDBInstanceCapacity"
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
        rds.describe_db_instances(DBInstanceIdentifier=f"{NAME}-2")
