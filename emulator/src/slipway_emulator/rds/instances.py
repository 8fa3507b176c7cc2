"""Relational Database Service: failures that are told, passwords that really change, TLS where it is forced.

MiniStack reports an instance `available` when the engine refused its container, and a master password
changed when it was not, lets plain connections in whatever `rds.force_ssl` says, forgets which logs an
instance exports, and finds every instance by whatever resource id.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

import docker
from ministack.services import rds

from slipway_emulator.ministack_functions import replace

_ACCESS_FILE = "/etc/slipway-pg_hba.conf"
# "The default value of rds.force_ssl is 1 for RDS for PostgreSQL version 15 and later."
_FORCED_SINCE = 15

Json = dict[str, Any]
Response = tuple[int, Json, bytes]


@dataclass
class _Request:
    """What the functions below MiniStack's operations have to know of a request, and to tell about it."""

    parameter_group: str = ""
    engine_version: str = ""
    problem: str = ""


_request: ContextVar[_Request | None] = ContextVar("rds-request", default=None)


def install(client: docker.DockerClient) -> None:
    """Put RDS's behaviour into MiniStack.

    Args:
        client: a client of the engine that runs the databases.
    """
    _install_create()
    _install_password_change()
    _install_parameter_changes(client)
    _install_log_exports()
    _install_resource_filter()


def _install_create() -> None:
    original_create = rds._create_db_instance
    original_run = rds._run_rds_container

    def create(p: Json) -> Response:
        engine = rds._p(p, "Engine") or "postgres"
        version = rds._p(p, "EngineVersion") or rds._default_engine_version(engine)
        request = _Request(rds._p(p, "DBParameterGroupName"), version)
        _request.set(request)
        response: Response = original_create(p)
        if not request.problem:
            return response
        instance = rds._instances.pop(rds._p(p, "DBInstanceIdentifier"))
        rds._tags.pop(instance["DBInstanceArn"], None)
        message = f"The engine refused the container of the database: {request.problem}"
        # AWS has this code for an instance it has no place for; clients do not try again.
        return _error("InsufficientDBInstanceCapacity", message)

    def run_container(
        docker_client: Any, engine: str, container_kwargs: Json, tls_names: Any = (), tls_ips: Any = ()
    ) -> Any:
        request = _request.get() or _Request()
        if engine == "postgres" and request.engine_version:
            rules = _access_rules(_ssl_is_forced(request.parameter_group, request.engine_version))
            # Once only: a reboot keeps what changed since.
            write = f'[ -e {_ACCESS_FILE} ] || printf %s "{rules}" > {_ACCESS_FILE}'
            container_kwargs = container_kwargs | {
                "entrypoint": ["sh", "-c", f'{write}; exec docker-entrypoint.sh "$@"', "slipway"],
                "command": ["postgres", "-c", f"hba_file={_ACCESS_FILE}"],
            }
        try:
            return original_run(docker_client, engine, container_kwargs, tls_names, tls_ips)
        except Exception as error:
            request.problem = str(getattr(error, "explanation", None) or error)
            raise

    replace(rds, "_create_db_instance", create, rds._ACTION_MAP)
    replace(rds, "_run_rds_container", run_container)


def _install_password_change() -> None:
    original_modify = rds._modify_db_instance
    original_rotate = rds._rotate_instance_password

    def modify(p: Json) -> Response:
        request = _Request()
        _request.set(request)
        response: Response = original_modify(p)
        return _error("InvalidDBInstanceState", request.problem) if request.problem else response

    def rotate(instance: Json, old_pass: str, new_pass: str) -> None:
        original_rotate(instance, old_pass, new_pass)
        host, port = instance.get("_internal_address"), instance.get("_internal_port")
        user, database = instance["MasterUsername"], instance["DBName"]
        if host and not rds._try_database_connect(host, port, instance["Engine"], user, new_pass, database):
            instance["_MasterUserPassword"] = old_pass
            request = _request.get()
            if request:
                request.problem = "The database did not take the new master password."

    replace(rds, "_modify_db_instance", modify, rds._ACTION_MAP)
    replace(rds, "_rotate_instance_password", rotate)


def _install_parameter_changes(client: docker.DockerClient) -> None:
    original_modify = rds._modify_param_group
    original_reset = rds._reset_param_group

    def modify_group(p: Json) -> Response:
        response: Response = original_modify(p)
        _apply_force_ssl(client, rds._p(p, "DBParameterGroupName"))
        return response

    def reset_group(p: Json) -> Response:
        response: Response = original_reset(p)
        _apply_force_ssl(client, rds._p(p, "DBParameterGroupName"))
        return response

    replace(rds, "_modify_param_group", modify_group, rds._ACTION_MAP)
    replace(rds, "_reset_param_group", reset_group, rds._ACTION_MAP)


def _install_log_exports() -> None:
    original_create = rds._create_db_instance
    original_modify = rds._modify_db_instance
    original_xml = rds._instance_xml

    def create(p: Json) -> Response:
        response: Response = original_create(p)
        instance = rds._resolve_instance(rds._p(p, "DBInstanceIdentifier"))
        exports = rds._parse_member_list(p, "EnableCloudwatchLogsExports")
        if response[0] != 200 or not instance or not exports:
            return response
        instance["EnabledCloudwatchLogsExports"] = exports
        return _instance_response("CreateDBInstance", instance)

    def modify(p: Json) -> Response:
        response: Response = original_modify(p)
        instance = rds._resolve_instance(rds._p(p, "NewDBInstanceIdentifier") or rds._p(p, "DBInstanceIdentifier"))
        enabled = rds._parse_member_list(p, "CloudwatchLogsExportConfiguration.EnableLogTypes")
        disabled = rds._parse_member_list(p, "CloudwatchLogsExportConfiguration.DisableLogTypes")
        if response[0] != 200 or not instance or not (enabled or disabled):
            return response
        exports = set(instance["EnabledCloudwatchLogsExports"]) | set(enabled)
        instance["EnabledCloudwatchLogsExports"] = sorted(exports - set(disabled))
        return _instance_response("ModifyDBInstance", instance)

    def instance_xml(i: Json) -> str:
        text: str = original_xml(i)
        exports = "".join(f"<member>{escape(log)}</member>" for log in i.get("EnabledCloudwatchLogsExports", []))
        return text.replace(
            "<EnabledCloudwatchLogsExports/>", f"<EnabledCloudwatchLogsExports>{exports}</EnabledCloudwatchLogsExports>"
        )

    replace(rds, "_create_db_instance", create, rds._ACTION_MAP)
    replace(rds, "_modify_db_instance", modify, rds._ACTION_MAP)
    replace(rds, "_instance_xml", instance_xml)


def _install_resource_filter() -> None:
    """Find instances by the filter `dbi-resource-id`, by which the provider looks whether a deleted one is gone."""
    original = rds._apply_instance_filters

    def apply_instance_filters(instances: list[Json], filters: dict[str, list[str]]) -> list[Json]:
        asked = filters.get("dbi-resource-id")
        found: list[Json] = original(instances, filters)
        return [instance for instance in found if asked is None or instance["DbiResourceId"] in asked]

    replace(rds, "_apply_instance_filters", apply_instance_filters)


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
