"""Cloud SQL Admin API v1beta4: instances of PostgreSQL with a private address, their databases and users."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from slipway_emulator.google.api import Json, LegacyError, Request, Response, Routes, new_id, now, timestamp
from slipway_emulator.google.compute.api import Compute
from slipway_emulator.google.messages import ANY, STRING, check
from slipway_emulator.google.service_networking.api import ServiceNetworking
from slipway_emulator.google.service_usage.api import project_number
from slipway_emulator.google.sql.databases import DatabaseError, Databases
from slipway_emulator.google.sql.settings import SHARED_CA, checked, complete, invalid, major_version
from slipway_emulator.network import ENGINE_ERRORS

_LOG = logging.getLogger(__name__)
_INSTANCES = "/sqladmin/sql/v1beta4/projects/{project}/instances"
_INSTANCE = f"{_INSTANCES}/{{instance}}"
_DATABASES = f"{_INSTANCE}/databases"
_OPERATIONS = "/sqladmin/sql/v1beta4/projects/{project}/operations"
_LINK = "https://sqladmin.googleapis.com/sql/v1beta4/"
# "Instance settings": with the project's id, at most 98 characters.
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 98
_DATABASE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}")
_OWN_DATABASES, _OWN_USERS = ("postgres", "cloudsqladmin"), ("cloudsqladmin", "cloudsqlsuperuser")
# "Delete instances": so long nobody else has the name.
_TAKEN_SECONDS = 7 * 86400
# For how long what is deleted still holds its addresses ("Private services access", deletion of a connection).
_RETAINED_SECONDS = 4 * 86400
_USER = {
    "kind": STRING, "name": STRING, "password": STRING, "host": STRING, "instance": STRING, "project": STRING,
    "type": STRING, "etag": STRING, "databaseRoles": [STRING], "passwordPolicy": ANY, "iamEmail": STRING,
    "iamStatus": STRING, "sqlserverUserDetails": ANY, "dualPasswordType": STRING,
}  # fmt: skip
_DATABASE = {
    "kind": STRING, "name": STRING, "charset": STRING, "collation": STRING, "instance": STRING, "project": STRING,
    "selfLink": STRING, "etag": STRING, "sqlserverDatabaseDetails": ANY,
}  # fmt: skip
_CHARSET, _COLLATION = "UTF8", "en_US.UTF8"


@dataclasses.dataclass
class _Instance:
    record: Json
    # As Compute finds it.
    network: str
    databases: dict[str, Json] = dataclasses.field(default_factory=dict)
    users: dict[str, Json] = dataclasses.field(default_factory=dict)
    container: Any = None
    # Whether an operation is under way: another one is refused.
    is_busy: bool = False


class CloudSql:
    """The instances of each project.

    Args:
        routes: where they are asked for.
        compute: knows the networks.
        connections: knows which of them have a private connection.
        databases: starts containers.
        clock: seconds.
    """

    def __init__(
        self,
        routes: Routes,
        compute: Compute,
        connections: ServiceNetworking,
        databases: Databases,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # By project's id and name.
        self._instances: dict[tuple[str, str], _Instance] = {}
        # When, and from which network, an instance was deleted.
        self._deleted: dict[tuple[str, str], tuple[float, str]] = {}
        self._operations: dict[str, Json] = {}
        self._compute = compute
        self._connections = connections
        self._databases = databases
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        connections.is_used = self._uses
        routes.add("POST", _INSTANCES, self._create)
        routes.add("GET", _INSTANCES, self._list)
        routes.add("GET", _INSTANCE, self._get)
        routes.add("PATCH", _INSTANCE, self._patch)
        routes.add("PUT", _INSTANCE, self._update)
        routes.add("DELETE", _INSTANCE, self._delete)
        routes.add("GET", f"{_INSTANCE}/connectSettings", self._connect_settings)
        routes.add("GET", f"{_INSTANCE}/listServerCas", self._list_server_cas)
        routes.add("POST", _DATABASES, self._create_database)
        routes.add("GET", _DATABASES, self._list_databases)
        routes.add("GET", f"{_DATABASES}/{{database}}", self._get_database)
        routes.add("DELETE", f"{_DATABASES}/{{database}}", self._delete_database)
        routes.add("POST", f"{_INSTANCE}/users", self._create_user)
        routes.add("GET", f"{_INSTANCE}/users", self._list_users)
        routes.add("PUT", f"{_INSTANCE}/users", self._update_user)
        routes.add("DELETE", f"{_INSTANCE}/users", self._delete_user)
        routes.add("GET", _OPERATIONS, self._list_operations)
        routes.add("GET", f"{_OPERATIONS}/{{operation}}", self._get_operation)

    def stop(self) -> None:
        """Start no container any more; those that run are removed with the emulator's others."""
        for task in self._tasks:
            task.cancel()

    def _uses(self, network: str) -> bool:
        """Whether instances hold addresses of a network, those included that were deleted lately."""
        retained = self._clock() - _RETAINED_SECONDS
        return any(one.network == network for one in self._instances.values()) or any(
            other == network and moment > retained for moment, other in self._deleted.values()
        )

    # Instances.

    def _find(self, project: str, instance: str) -> _Instance:
        if (project, instance) not in self._instances:
            raise LegacyError(404, "instanceDoesNotExist", "The Cloud SQL instance does not exist.")
        return self._instances[project, instance]

    def _free(self, project: str, instance: str) -> _Instance:
        """An instance that can be changed now."""
        found = self._find(project, instance)
        if found.is_busy:
            text = (
                "Operation failed because another operation was already in progress. Try your request after the "
                "current operation is complete."
            )
            raise LegacyError(409, "operationInProgress", text)
        return found

    def _running(self, project: str, instance: str) -> _Instance:
        """An instance that runs, and can be changed now."""
        found = self._free(project, instance)
        if found.record["state"] != "RUNNABLE":
            text = "The instance or operation is not in an appropriate state to handle the request."
            raise LegacyError(409, "invalidState", text)
        return found

    def _answering(self, project: str, instance: str) -> _Instance:
        """An instance that can be asked for what is in it: one that is being made, or has failed, cannot."""
        found = self._find(project, instance)
        if found.record["state"] != "RUNNABLE":
            raise invalid("Invalid request since instance is not running")
        return found

    def _create(self, request: Request, project: str) -> Response:
        body = checked(request.json())
        name, region, version = body.get("name", ""), body.get("region", ""), body.get("databaseVersion", "")
        if not _NAME.fullmatch(name) or len(f"{project}:{name}") > _LONGEST_NAME:
            raise invalid(f"instance name ({name})")
        if not re.fullmatch(r"[a-z]+-[a-z]+[0-9]+", region):
            raise invalid(f"Invalid region {region}")
        major_version(version)
        for field in ("masterInstanceName", "replicaConfiguration", "diskEncryptionConfiguration"):
            if body.get(field):
                raise invalid(f"the rehearsal knows no {field}")
        settings = complete(body.get("settings", {}), version)
        moment, _ = self._deleted.get((project, name), (0.0, ""))
        if (project, name) in self._instances or moment + _TAKEN_SECONDS > self._clock():
            text = (
                "The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the "
                "deleted instance until one week from the deletion date."
            )
            raise LegacyError(409, "instanceAlreadyExists", text)
        network = self._connected_network(settings["ipConfiguration"], project, name)
        record = {
            "kind": "sql#instance",
            "name": name,
            "project": project,
            "region": region,
            "gceZone": f"{region}-a",
            "databaseVersion": version,
            "backendType": "SECOND_GEN",
            "instanceType": "CLOUD_SQL_INSTANCE",
            "connectionName": f"{project}:{region}:{name}",
            "state": "PENDING_CREATE",
            "settings": settings | {"settingsVersion": "1"},
            "selfLink": f"{_LINK}projects/{project}/instances/{name}",
            "serviceAccountEmailAddress": f"p{project_number(project)}-{secrets.token_hex(3)}@gcp-sa-cloud-sql"
            ".iam.gserviceaccount.com",
            "createTime": now(),
            "etag": secrets.token_hex(32),
            "sqlNetworkArchitecture": "NEW_NETWORK_ARCHITECTURE",
        }
        found = self._instances[project, name] = _Instance(record, network)
        password = body.get("rootPassword", "")

        async def create() -> None:
            names = self._names(record)
            container, address = await asyncio.to_thread(
                self._databases.start, record, network, [one["name"] for one in names]
            )
            found.container = container
            if password:
                await asyncio.to_thread(self._databases.set_password, container, "postgres", password)
            found.users["postgres"] = _user(record, "postgres")
            found.databases["postgres"] = _database(record, "postgres")
            record.update(
                state="RUNNABLE",
                ipAddresses=[{"type": "PRIVATE", "ipAddress": address}],
                serverCaCert=_certificate(self._databases.authority(record), name),
            )
            if names:
                record["dnsNames"] = names

        return self._begin(request, found, "CREATE", create)

    def _connected_network(self, addresses: Json, project: str, name: str) -> str:
        """The network of an instance to be, which must have its private connection."""
        network = self._compute.find_network(addresses["privateNetwork"], project)
        if not network or not self._connections.is_connected(network):
            raise invalid(f"Incorrect Service Networking config for instance: {project}:{name}:NETWORK_NOT_PEERED")
        allocated = addresses.get("allocatedIpRange")
        if allocated and not self._compute.has_range(allocated, network):
            raise invalid(f"Incorrect Service Networking config for instance: {project}:{name}:RANGE_NOT_FOUND")
        return network

    @staticmethod
    def _names(record: Json) -> list[Json]:
        """The names that the certificate of an instance is for: with an authority of its own it names none."""
        if record["settings"]["ipConfiguration"]["serverCaMode"] != SHARED_CA:
            return []
        label = hashlib.sha256(record["project"].encode()).hexdigest()[:12]
        return [
            {
                "name": f"{secrets.token_hex(6)}.{label}.{record['region']}.sql-psa.goog.",
                "connectionType": "PRIVATE_SERVICES_ACCESS",
                "dnsScope": "INSTANCE",
                "recordManager": "CUSTOMER",
            }
        ]

    def _list(self, request: Request, project: str) -> Response:
        if request.query.get("filter"):
            raise invalid("the rehearsal knows no filter")
        records = [one.record for (owner, _), one in sorted(self._instances.items()) if owner == project]
        return Response(200, {"kind": "sql#instancesList"} | ({"items": records} if records else {}))

    def _get(self, _: Request, project: str, instance: str) -> Response:
        return Response(200, self._find(project, instance).record)

    def _patch(self, request: Request, project: str, instance: str) -> Response:
        found = self._running(project, instance)
        body = checked(request.json())
        settings = _merged(found.record["settings"], body.get("settings", {}))
        return self._change(request, found, body, settings)

    def _update(self, request: Request, project: str, instance: str) -> Response:
        found = self._running(project, instance)
        body = checked(request.json())
        settings = body.get("settings", {})
        # "settingsVersion": of the settings that the caller has seen.
        if str(settings.get("settingsVersion", "")) != found.record["settings"]["settingsVersion"]:
            raise LegacyError(412, "staleData", "The settings version is not the current one.")
        return self._change(request, found, body, settings)

    def _change(self, request: Request, found: _Instance, body: Json, wanted: Json) -> Response:
        record = found.record
        version = body.get("databaseVersion", record["databaseVersion"])
        if version != record["databaseVersion"]:
            raise invalid("the rehearsal upgrades no database")
        settings = complete(_writable(wanted), version, record["settings"])
        number = str(int(record["settings"]["settingsVersion"]) + 1)
        changes_access = settings["ipConfiguration"]["sslMode"] != record["settings"]["ipConfiguration"]["sslMode"]
        record |= {"settings": settings | {"settingsVersion": number}, "etag": secrets.token_hex(32)}

        async def change() -> None:
            if changes_access:
                await asyncio.to_thread(self._databases.change_access, found.container, record)

        return self._begin(request, found, "UPDATE", change)

    def _delete(self, request: Request, project: str, instance: str) -> Response:
        found = self._free(project, instance)
        if found.record["settings"].get("deletionProtectionEnabled"):
            text = (
                "The instance is protected. Please disable the deletion protection and try again. To disable deletion "
                "protection, update the instance settings with deletionProtectionEnabled set to false."
            )
            raise LegacyError(400, "protectedInstanceDeletionFailure", text)
        found.record["state"] = "PENDING_DELETE"

        async def delete() -> None:
            if found.container:
                await asyncio.to_thread(self._databases.remove, found.container)
            del self._instances[project, instance]
            self._deleted[project, instance] = (self._clock(), found.network)

        return self._begin(request, found, "DELETE", delete)

    def _connect_settings(self, _: Request, project: str, instance: str) -> Response:
        record = self._find(project, instance).record
        kept = ("serverCaCert", "ipAddresses", "region", "databaseVersion", "backendType", "dnsNames")
        mode = record["settings"]["ipConfiguration"]["serverCaMode"]
        settings = {field: record[field] for field in kept if field in record}
        return Response(200, {"kind": "sql#connectSettings", "serverCaMode": mode} | settings)

    def _list_server_cas(self, _: Request, project: str, instance: str) -> Response:
        record = self._find(project, instance).record
        certificate = record.get("serverCaCert")
        answer: Json = {"kind": "sql#instancesListServerCas"}
        if certificate:
            answer |= {"certs": [certificate], "activeVersion": certificate["sha1Fingerprint"]}
        return Response(200, answer)

    # Databases.

    def _create_database(self, request: Request, project: str, instance: str) -> Response:
        found = self._running(project, instance)
        body = check(_DATABASE, request.json(), "body")
        name = body.get("name", "")
        if not _DATABASE_NAME.fullmatch(name) or name in _OWN_DATABASES:
            raise invalid(f"Invalid database name ({name})")
        if body.get("charset", _CHARSET) != _CHARSET or body.get("collation", _COLLATION) != _COLLATION:
            raise invalid(f"the rehearsal has databases of {_CHARSET} and {_COLLATION} alone")
        if name in found.databases:
            text = f'failed to create database {name}. Detail: pq: database "{name}" already exists'
            raise invalid(text)

        async def create() -> None:
            await asyncio.to_thread(self._databases.create_database, found.container, name)
            found.databases[name] = _database(found.record, name)

        return self._begin(request, found, "CREATE_DATABASE", create)

    def _list_databases(self, _: Request, project: str, instance: str) -> Response:
        items = [one for _, one in sorted(self._answering(project, instance).databases.items())]
        return Response(200, {"kind": "sql#databasesList"} | ({"items": items} if items else {}))

    def _database(self, found: _Instance, database: str) -> Json:
        if database not in found.databases:
            raise LegacyError(404, "notFound", "Not Found")
        return found.databases[database]

    def _get_database(self, _: Request, project: str, instance: str, database: str) -> Response:
        return Response(200, self._database(self._answering(project, instance), database))

    def _delete_database(self, request: Request, project: str, instance: str, database: str) -> Response:
        found = self._running(project, instance)
        self._database(found, database)
        if database in _OWN_DATABASES:
            raise invalid(f"Invalid database name ({database})")

        async def delete() -> None:
            await asyncio.to_thread(self._databases.drop_database, found.container, database)
            del found.databases[database]

        return self._begin(request, found, "DELETE_DATABASE", delete)

    # Users.

    def _create_user(self, request: Request, project: str, instance: str) -> Response:
        found = self._running(project, instance)
        user = self._checked_user(request)
        name = user.get("name", "")
        # One who is there gets the password.
        change = self._databases.set_password if name in found.users else self._databases.create_user

        async def create() -> None:
            await asyncio.to_thread(change, found.container, name, user["password"])
            found.users[name] = _user(found.record, name)

        return self._begin(request, found, "CREATE_USER", create)

    @staticmethod
    def _checked_user(request: Request) -> Json:
        user: Json = check(_USER, request.json(), "body")
        name = user.get("name", "")
        if not 1 <= len(name.encode()) <= 63 or name in _OWN_USERS or name.startswith("pg_"):
            raise invalid(f"Invalid user name ({name})")
        if user.get("type", "BUILT_IN") != "BUILT_IN" or user.get("passwordPolicy") or user.get("databaseRoles"):
            raise invalid("the rehearsal knows users with a password, of the type BUILT_IN, alone")
        if not user.get("password"):
            raise invalid("A password is required for a user of PostgreSQL")
        return user

    def _list_users(self, _: Request, project: str, instance: str) -> Response:
        items = [one for _, one in sorted(self._answering(project, instance).users.items())]
        return Response(200, {"kind": "sql#usersList"} | ({"items": items} if items else {}))

    def _known_user(self, request: Request, found: _Instance) -> str:
        name = request.query.get("name", "")
        if name not in found.users:
            raise LegacyError(404, "notFound", f"User '{name}' does not exist.")
        return name

    def _update_user(self, request: Request, project: str, instance: str) -> Response:
        found = self._running(project, instance)
        name = self._known_user(request, found)
        user = self._checked_user(request)

        async def update() -> None:
            await asyncio.to_thread(self._databases.set_password, found.container, name, user["password"])

        return self._begin(request, found, "UPDATE_USER", update)

    def _delete_user(self, request: Request, project: str, instance: str) -> Response:
        found = self._running(project, instance)
        name = self._known_user(request, found)

        async def delete() -> None:
            await asyncio.to_thread(self._databases.drop_user, found.container, name)
            del found.users[name]

        return self._begin(request, found, "DELETE_USER", delete)

    # Operations.

    def _begin(self, request: Request, found: _Instance, kind: str, work: Callable[[], Any]) -> Response:
        """Begin an operation, during which the instance takes no other."""
        record = found.record
        name = new_id()
        operation: Json = {
            "kind": "sql#operation",
            "name": name,
            "operationType": kind,
            "status": "PENDING",
            "user": request.principal,
            "insertTime": now(),
            "targetId": record["name"],
            "targetLink": record["selfLink"],
            "targetProject": record["project"],
            "selfLink": f"{_LINK}projects/{record['project']}/operations/{name}",
        }
        self._operations[name] = operation
        found.is_busy = True

        async def run() -> None:
            operation.update(status="RUNNING", startTime=now())
            try:
                await work()
            except (DatabaseError, *ENGINE_ERRORS) as error:
                if kind == "CREATE":
                    record["state"] = "FAILED"
                code = "ERROR_DATABASE" if isinstance(error, DatabaseError) else "INTERNAL_ERROR"
                one = {"kind": "sql#operationError", "code": code, "message": str(error)}
                operation["error"] = {"kind": "sql#operationErrors", "errors": [one]}
            finally:
                found.is_busy = False
                operation.update(status="DONE", endTime=now())

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return Response(200, copy.deepcopy(operation))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            _LOG.error("Cloud SQL", exc_info=task.exception())

    def _list_operations(self, request: Request, project: str) -> Response:
        wanted = request.query.get("instance")
        items = [
            one
            for one in reversed(self._operations.values())
            if one["targetProject"] == project and wanted in (None, one["targetId"])
        ]
        return Response(200, {"kind": "sql#operationsList"} | ({"items": items} if items else {}))

    def _get_operation(self, _: Request, project: str, operation: str) -> Response:
        found = self._operations.get(operation)
        if found is None or found["targetProject"] != project:
            raise LegacyError(404, "operationDoesNotExist", "The Cloud SQL operation does not exist.")
        return Response(200, found)


def _merged(before: Json, changes: Json) -> Json:
    """Settings with what a PATCH says in place of what there was."""
    merged = copy.deepcopy(before)
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(merged.get(name), dict) and name != "userLabels":
            merged[name] = _merged(merged[name], value)
        else:
            merged[name] = value
    return merged


def _writable(settings: Json) -> Json:
    """Settings as a caller may give them: of what is answered, numbers of 64 bits are text."""
    found = {name: value for name, value in settings.items() if name not in ("kind", "settingsVersion")}
    for name in ("dataDiskSizeGb", "storageAutoResizeLimit"):
        if name in found:
            found[name] = int(found[name])
    return found


def _user(record: Json, name: str) -> Json:
    return {
        "kind": "sql#user",
        "name": name,
        "host": "",
        "instance": record["name"],
        "project": record["project"],
        "type": "BUILT_IN",
        "etag": secrets.token_hex(32),
    }


def _database(record: Json, name: str) -> Json:
    return {
        "kind": "sql#database",
        "name": name,
        "charset": _CHARSET,
        "collation": _COLLATION,
        "instance": record["name"],
        "project": record["project"],
        "selfLink": f"{record['selfLink']}/databases/{name}",
        "etag": secrets.token_hex(32),
    }


def _certificate(pem: str, instance: str) -> Json:
    """A sql#sslCert of an authority."""
    found = x509.load_pem_x509_certificate(pem.encode())
    return {
        "kind": "sql#sslCert",
        "certSerialNumber": str(found.serial_number),
        "cert": pem,
        "commonName": found.subject.rfc4514_string(),
        "createTime": timestamp(found.not_valid_before_utc),
        "expirationTime": timestamp(found.not_valid_after_utc),
        "sha1Fingerprint": found.fingerprint(hashes.SHA1()).hex(),  # noqa: S303  (the API's field is a SHA-1)
        "instance": instance,
    }
