"""Relational Database Service: failures that are told, passwords that really change, TLS where it is forced."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import docker
from docker.errors import DockerException
from ministack.core.x509_utils import sign_leaf_certificate
from ministack.services import rds

from slipway_emulator.network import ENGINE_ERRORS, NetworkError
from slipway_emulator.rds.limits import refusal

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts


_ACCESS_FILE = "/etc/slipway-pg_hba.conf"
_CERTIFIED_FILE = "/etc/slipway-certified"
# psql quotes what it reads out of the environment.
_ROTATION = """\\set role `printf %s "$PGUSER"`
\\set new `printf %s "$NEW"`
ALTER ROLE :"role" PASSWORD :'new';
"""
# "The default value of rds.force_ssl is 1 for RDS for PostgreSQL version 15 and later."
_FORCED_SINCE = 15

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, Json, bytes]


@dataclass
class _Request:
    """What the functions below MiniStack's operations have to know of a request, and to tell about it."""

    parameter_group: str = ""
    engine_version: str = ""
    problem: str = ""


_request: ContextVar[_Request | None] = ContextVar("rds-request", default=None)


def create(original: Function, parts: Parts) -> Function:
    def create(p: Json) -> Response:
        engine = rds._p(p, "Engine") or "postgres"
        if engine == "postgres" and (refused := refusal(p, parts.account_plan)):
            return _error(*refused)
        version = rds._p(p, "EngineVersion") or rds._default_engine_version(engine)
        request = _Request(rds._p(p, "DBParameterGroupName"), version)
        _request.set(request)
        response: Response = original(p)
        name = rds._p(p, "DBInstanceIdentifier")
        if request.problem:
            instance = rds._instances.pop(name)
            rds._tags.pop(instance["DBInstanceArn"], None)
            message = f"The engine refused the container of the database: {request.problem}"
            # AWS has this code for an instance it has no place for; clients do not try again.
            return _error("InsufficientDBInstanceCapacity", message)
        exports = rds._parse_member_list(p, "EnableCloudwatchLogsExports")
        instance = rds._resolve_instance(name)
        if response[0] != 200 or not instance or not exports:
            return response
        instance["EnabledCloudwatchLogsExports"] = exports
        return _instance_response("CreateDBInstance", instance)

    return create


def delete(original: Function, _: Parts) -> Function:
    def delete(p: Json) -> Response:
        instance = rds._resolve_instance(rds._p(p, "DBInstanceIdentifier"))
        snapshot = rds._p(p, "FinalDBSnapshotIdentifier")
        if instance and rds._p(p, "SkipFinalSnapshot") != "true":
            if not snapshot:
                message = "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
                return _error("InvalidParameterCombination", message)
            if snapshot in rds._snapshots:
                message = (
                    f"Cannot create the snapshot because a snapshot with the identifier {snapshot} already exists."
                )
                return _error("DBSnapshotAlreadyExists", message)
        response: Response = original(p)
        return response

    return delete


def create_snapshot(original: Function, _: Parts) -> Function:
    def create_snapshot(snap_id: str, instance: Json) -> Json:
        snapshot: Json = original(snap_id, instance)
        if not instance["CopyTagsToSnapshot"]:
            snapshot["TagList"] = []
        rds._tags[snapshot["DBSnapshotArn"]] = snapshot["TagList"]
        return snapshot

    return create_snapshot


def run_container(original: Function, parts: Parts) -> Function:
    def run_container(
        docker_client: Any, engine: str, container_kwargs: Json, tls_names: Any = (), tls_ips: Any = ()
    ) -> Any:
        request = _request.get() or _Request()
        is_ours = engine == "postgres" and request.engine_version
        if is_ours:
            rules = _access_rules(_ssl_is_forced(request.parameter_group, request.engine_version))
            # Once only: a reboot keeps what changed since.
            write = f'[ -e {_ACCESS_FILE} ] || printf %s "{rules}" > {_ACCESS_FILE}'
            # Its address, which the certificate is for, is known when the container runs.
            wait = f"until [ -e {_CERTIFIED_FILE} ]; do sleep 0.1; done"
            container_kwargs = container_kwargs | {
                "entrypoint": ["sh", "-c", f'{write}; {wait}; exec docker-entrypoint.sh "$@"', "slipway"],
                "command": ["postgres", "-c", f"hba_file={_ACCESS_FILE}"],
            }
        try:
            container = original(docker_client, engine, container_kwargs, tls_names, tls_ips)
            if is_ours:
                _certify(container, parts.network.name)
        except Exception as error:
            request.problem = str(getattr(error, "explanation", None) or error)
            raise
        return container

    return run_container


def modify(original: Function, parts: Parts) -> Function:
    def modify(p: Json) -> Response:
        known = rds._resolve_instance(rds._p(p, "DBInstanceIdentifier"))
        if known and known["Engine"] == "postgres" and (refused := refusal(p, parts.account_plan, known)):
            return _error(*refused)
        request = _Request()
        _request.set(request)
        response: Response = original(p)
        if request.problem:
            return _error("InvalidDBInstanceState", request.problem)
        instance = rds._resolve_instance(rds._p(p, "NewDBInstanceIdentifier") or rds._p(p, "DBInstanceIdentifier"))
        enabled = rds._parse_member_list(p, "CloudwatchLogsExportConfiguration.EnableLogTypes")
        disabled = rds._parse_member_list(p, "CloudwatchLogsExportConfiguration.DisableLogTypes")
        if response[0] != 200 or not instance or not (enabled or disabled):
            return response
        exports = set(instance["EnabledCloudwatchLogsExports"]) | set(enabled)
        instance["EnabledCloudwatchLogsExports"] = sorted(exports - set(disabled))
        return _instance_response("ModifyDBInstance", instance)

    return modify


def try_connect(original: Function, parts: Parts) -> Function:
    """Log in from inside of the container: its security groups are for others."""

    def try_connect(host: str, port: int, engine: str, user: str, password: str, db_name: str) -> bool:
        if engine != "postgres":
            return bool(original(host, port, engine, user, password, db_name))
        try:
            # Its record has its address by now.
            parts.network.changed()
            container = next((one for one, found in parts.network.containers().items() if found == host), None)
        except (*ENGINE_ERRORS, NetworkError):
            return False
        if container is None:
            # It was deleted in the meantime.
            return False
        where = f"host={host} port={port} dbname={db_name} sslmode=prefer connect_timeout=2"
        return _psql(parts.client, container, where, "SELECT 1", {"PGUSER": user, "PGPASSWORD": password})

    return try_connect


def rotate(original: Function, parts: Parts) -> Function:
    def rotate(instance: Json, old_pass: str, new_pass: str) -> None:
        if instance["Engine"] != "postgres":
            original(instance, old_pass, new_pass)
            return
        # As RDS, which does not need to know the old one.
        where, variables = f"dbname={instance['DBName']}", {"PGUSER": instance["MasterUsername"], "NEW": new_pass}
        container = instance["_docker_container_id"]
        if not _psql(parts.client, container, where, _ROTATION, variables):
            instance["_MasterUserPassword"] = old_pass
            request = _request.get()
            if request:
                request.problem = "The database did not take the new master password."

    return rotate


def _psql(
    client: docker.DockerClient, container_id: str, where: str, statement: str, variables: dict[str, str]
) -> bool:
    """Run a statement in a database's container; whether it succeeded.

    Args:
        client: a client of the engine.
        container_id: of the container.
        where: libpq's connection string.
        statement: what psql reads.
        variables: environment variables: no password is for a process list.
    """
    try:
        container = client.containers.get(container_id)
        environment = variables | {"STATEMENT": statement}
        command = ["sh", "-c", 'printf %s "$STATEMENT" | psql --no-psqlrc -v ON_ERROR_STOP=1 "$0"', where]
        result = container.exec_run(command, environment=environment)
    except DockerException:
        return False
    return bool(result.exit_code == 0)


def change_parameters(original: Function, parts: Parts) -> Function:
    """Modify or reset a parameter group, for the databases that run, too."""

    def change_parameters(p: Json) -> Response:
        response: Response = original(p)
        _apply_force_ssl(parts.client, rds._p(p, "DBParameterGroupName"))
        return response

    return change_parameters


def instance_xml(original: Function, _: Parts) -> Function:
    def instance_xml(i: Json) -> str:
        text: str = original(i)
        exports = "".join(f"<member>{escape(log)}</member>" for log in i.get("EnabledCloudwatchLogsExports", []))
        return text.replace(
            "<EnabledCloudwatchLogsExports/>", f"<EnabledCloudwatchLogsExports>{exports}</EnabledCloudwatchLogsExports>"
        )

    return instance_xml


def apply_instance_filters(original: Function, _: Parts) -> Function:
    def apply_instance_filters(instances: list[Json], filters: dict[str, list[str]]) -> list[Json]:
        asked = filters.get("dbi-resource-id")
        found: list[Json] = original(instances, filters)
        return [instance for instance in found if asked is None or instance["DbiResourceId"] in asked]

    return apply_instance_filters


def _instance_response(operation: str, instance: Json) -> Response:
    response: Response = rds._single_instance_response(f"{operation}Response", f"{operation}Result", instance)
    return response


def _apply_force_ssl(client: docker.DockerClient, group: str) -> None:
    """Tell the running databases of a parameter group whether they refuse plain connections."""
    for instance in rds._instances.values():
        running = instance["DBInstanceStatus"] == "available" and instance.get("_docker_container_id")
        if instance["Engine"] != "postgres" or not running:
            continue
        if instance["DBParameterGroups"][0]["DBParameterGroupName"] != group:
            continue
        container = client.containers.get(instance["_docker_container_id"])
        rules = _access_rules(_ssl_is_forced(group, instance["EngineVersion"]))
        container.exec_run(["sh", "-c", f'printf %s "{rules}" > {_ACCESS_FILE}'], user="root")
        # PostgreSQL reads the file again.
        container.kill(signal="HUP")


def _certify(container: Any, network: str) -> None:
    """Give a database's container the certificate of its endpoint.

    In RDS it names the endpoint (Amazon RDS user guide, "Using SSL with a PostgreSQL DB instance") and nothing that
    another way leads by. Here the endpoint is the container's address.
    """
    container.reload()
    address = container.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    certificate, key, _ = sign_leaf_certificate(*rds._ensure_pg_ca(), common_name=address, san_ips=[address])
    container.put_archive("/", rds._pg_tls_archive(certificate, key))
    own = f"chown -R postgres:postgres {rds._PG_TLS_DIR} && touch {_CERTIFIED_FILE}"
    container.exec_run(["sh", "-c", own], user="root")


def _ssl_is_forced(group: str, engine_version: str) -> bool:
    parameters = (rds._param_groups.get(group) or {}).get("Parameters", {})
    if "rds.force_ssl" in parameters:
        return bool(parameters["rds.force_ssl"]["ParameterValue"] == "1")
    return int(engine_version.split(".")[0]) >= _FORCED_SINCE


def _access_rules(ssl_is_forced: bool) -> str:
    """PostgreSQL's pg_hba.conf; a plain connection that no rule allows is told "no encryption", as by RDS."""
    kind = "hostssl" if ssl_is_forced else "host"
    return f"local all all trust\n{kind} all all all scram-sha-256\n"


def _error(code: str, message: str) -> Response:
    response: Response = rds._error(code, escape(message), 400)
    return response
