"""google_sql_database_instance, google_sql_database and google_sql_user: Cloud SQL Admin API v1beta4."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import (
    TERRAFORM_ONLY,
    ApiError,
    Resource,
    call,
    expand,
    flatten,
    found,
    identify,
    is_same_link,
)
from slipway_emulator.google_provider.resources.service_networking import network_name
from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import UNKNOWN, Object, is_unknown

_PRODUCT = "sql"
_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.1, 5.0
_TIMEOUT_SECONDS = 90 * 60
_ID = "projects/{project}/instances/{name}"
_DATABASE_ID = "projects/{project}/instances/{instance}/databases/{name}"
# How the API calls what Terraform calls otherwise.
_NAMES = {
    "diskAutoresize": "storageAutoResize",
    "diskAutoresizeLimit": "storageAutoResizeLimit",
    "diskSize": "dataDiskSizeGb",
    "diskType": "dataDiskType",
    "version": "settingsVersion",
}
_TERRAFORM_ONLY = (
    "deletion_protection", "final_backup_description", "include_replicas_for_major_version_upgrade", "root_password",
    "root_password_wo_version", "switch_transaction_logs_to_cloud_storage_enabled", *TERRAFORM_ONLY,
)  # fmt: skip

# The provider changes one thing of an instance at a time (`instanceMutexKey`).
_locks: dict[str, threading.Lock] = {}
_locks_lock = threading.Lock()


@contextlib.contextmanager
def _turn(project: str, instance: str) -> Iterator[None]:
    with _locks_lock:
        lock = _locks.setdefault(f"google-sql-database-instance-{project}-{instance}", threading.Lock())
    with lock:
        yield


def _retry(ask: Callable[[], Any]) -> Any:
    """What a request is answered, once no other operation is under way (`IsSqlOperationInProgressError`)."""
    deadline, pause = time.monotonic() + _TIMEOUT_SECONDS, _FIRST_POLL_SECONDS
    while True:
        try:
            return ask()
        except ApiError as error:
            if error.status != 409 or "operationInProgress" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_POLL_SECONDS)


def _wait(configuration: Configuration, operation: Any, activity: str) -> None:
    """Wait for an operation (`SqlAdminOperationWaitTime`).

    Raises:
        ApiError: it failed, or does not end.
    """
    deadline, pause = time.monotonic() + _TIMEOUT_SECONDS, _FIRST_POLL_SECONDS
    path = f"projects/{operation['targetProject']}/operations/{operation['name']}"
    while operation["status"] != "DONE":
        if time.monotonic() > deadline:
            raise ApiError(f"Error waiting for {activity}: timeout after {_TIMEOUT_SECONDS} s")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_POLL_SECONDS)
        operation = call(configuration, "GET", _PRODUCT, path)
    if "error" in operation:
        # Google does not always say one.
        messages = "\n".join(error.get("message", "") for error in operation["error"]["errors"])
        raise ApiError(f"Error waiting for {activity}: {messages}")


class DatabaseInstance(Resource):
    """An instance (resource_sql_database_instance.go)."""

    immutable = ("encryption_key_name", "name", "project", "region")
    sensitive = ("replica_configuration", "root_password", "server_ca_cert")
    computed_blocks = (
        "replica_configuration",
        "replication_cluster",
        "settings",
        "settings.backup_configuration",
        "settings.backup_configuration.backup_retention_settings",
        "settings.connection_pool_config",
        "settings.data_cache_config",
        "settings.insights_config",
        "settings.ip_configuration",
        "settings.location_preference",
        "settings.read_pool_auto_scale_config",
    )
    defaults: ClassVar[dict[str, Any]] = {
        "deletion_protection": True,
        "settings.activation_policy": "ALWAYS",
        "settings.availability_type": "ZONAL",
        "settings.backup_configuration.backup_retention_settings.retention_unit": "COUNT",
        "settings.data_cache_config.data_cache_enabled": False,
        "settings.disk_autoresize": True,
        "settings.disk_autoresize_limit": 0,
        "settings.ip_configuration.ipv4_enabled": True,
        "settings.pricing_plan": "PER_USE",
        "settings.read_pool_auto_scale_config.enabled": False,
    }

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        planned = super().complete_plan(configuration, planned, prior)
        if not planned["region"] or is_unknown(planned["region"]):
            planned["region"] = configuration.region or UNKNOWN
        if prior and prior["settings"] and planned["settings"]:
            before, after = prior["settings"][0], planned["settings"][0]
            # One that has grown by itself stays as large (`diskSizeCutomizeDiff`).
            if after["disk_autoresize"] and not is_unknown(after["disk_size"]):
                after["disk_size"] = max(after["disk_size"] or 0, before["disk_size"] or 0)
        return planned

    def replaced(self, prior: Object, planned: Object) -> list[str]:
        """A disk does not shrink, and an instance does not leave its network."""
        names = super().replaced(prior, planned)
        before, after = (value["settings"][0] if value["settings"] else {} for value in (prior, planned))
        if before and after and not any(is_unknown(one.get("disk_size")) for one in (before, after)):
            shrinks = (before["disk_size"] or 0) > (after["disk_size"] or 0)
            network = [
                one["ip_configuration"][0]["private_network"] for one in (before, after) if one["ip_configuration"]
            ]
            if shrinks or (len(network) == 2 and network[0] and not network[1]):
                names.append("settings")
        return names

    def create(self, configuration: Configuration, planned: Object) -> Object:
        project, name = planned["project"], planned["name"]
        self._check_network(configuration, planned)
        body = {
            "name": name,
            "region": planned["region"],
            "databaseVersion": planned["database_version"],
            "settings": self._settings(planned),
        }
        if planned.get("root_password") or planned.get("root_password_wo"):
            body["rootPassword"] = planned.get("root_password") or planned["root_password_wo"]
        try:
            operation = _retry(
                lambda: call(configuration, "POST", _PRODUCT, f"projects/{project}/instances", body=body)
            )
        except ApiError as error:
            raise ApiError(f"Error, failed to create instance {name}: {error}", error.status) from None
        # What fails here is in no state, and its name is taken.
        _wait(configuration, operation, "Create Instance")
        # It looks for users that MySQL makes, whatever the instance is of.
        call(configuration, "GET", _PRODUCT, f"projects/{project}/instances/{name}/users")
        return self.read_back(configuration, planned | {"id": name})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        project = state["project"]
        name = state["name"] or state["id"].rpartition("/")[2]
        answer = found(lambda: call(configuration, "GET", _PRODUCT, f"projects/{project}/instances/{name}"))
        if answer is None:
            return None
        settings = dict(answer["settings"])
        renamed = {ours: settings[theirs] for ours, theirs in _NAMES.items() if theirs in settings}
        settings |= {
            key: int(value) if isinstance(value, str) and value.isdigit() else value for key, value in renamed.items()
        }
        settings["effectiveAvailabilityType"] = settings.get("availabilityType")
        settings.setdefault("dataCacheConfig", {"dataCacheEnabled": False})
        settings.setdefault("readPoolAutoScaleConfig", {"enabled": False})
        read = flatten(self.block, answer | {"settings": settings})
        addresses = {one["type"]: one["ipAddress"] for one in reversed(answer.get("ipAddresses", []))}
        read |= {
            "id": answer["name"],
            "project": project,
            "ip_address": [
                {"ip_address": one["ipAddress"], "type": one["type"], "time_to_retire": one.get("timeToRetire", "")}
                for one in answer.get("ipAddresses", [])
            ],
            "first_ip_address": next((one["ipAddress"] for one in answer.get("ipAddresses", [])), None),
            "public_ip_address": addresses.get("PRIMARY", ""),
            "private_ip_address": addresses.get("PRIVATE", ""),
            "enforce_new_sql_network_architecture": answer.get("sqlNetworkArchitecture") == "NEW_NETWORK_ARCHITECTURE",
        }
        # Lists that are empty while the instance is being made.
        read |= {name: read[name] or [] for name in ("dns_names", "server_ca_cert")}
        for wanted, there in zip(_ip_configurations(state), _ip_configurations(read), strict=False):
            if is_same_link(wanted["private_network"], there["private_network"]):
                there["private_network"] = wanted["private_network"]
        return values.settle(self.block, read, state) | {name: state.get(name) for name in _TERRAFORM_ONLY}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        path = _ID.format_map(prior)
        state = prior
        if planned["database_version"] != prior["database_version"]:
            self._change(
                configuration, "PATCH", path, {"databaseVersion": planned["database_version"]}, "Patch Instance"
            )
        if planned["root_password_wo_version"] != prior["root_password_wo_version"] or (
            planned["root_password"] != prior["root_password"]
        ):
            password = planned.get("root_password") or planned["root_password_wo"]
            user = {"name": "postgres", "instance": prior["name"], "password": password}
            _update_user(configuration, prior["project"], user)
        before, after = self._settings(prior), self._settings(planned)
        if before.get("edition") != after.get("edition"):
            own = {key: after[key] for key in ("edition", "tier") if key in after}
            self._change(configuration, "PATCH", path, {"settings": own}, "Patch Instance")
            state = self.read_back(configuration, state)
        if before != after:
            after["settingsVersion"] = str(state["settings"][0]["version"])
            self._change(configuration, "PUT", path, {"settings": after}, "Update Instance")
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        if state["deletion_protection"]:
            raise ApiError(
                "Error, failed to delete instance because deletion_protection is set to true. Set it to false to "
                "proceed with instance deletion"
            )
        try:
            operation = found(lambda: _retry(lambda: call(configuration, "DELETE", _PRODUCT, _ID.format_map(state))))
            if operation is not None:
                _wait(configuration, operation, "Delete Instance")
        except ApiError as error:
            raise ApiError(f"Error, failed to delete instance {state['name']}: {error}", error.status) from None

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(identifier, _ID, "{project}/{name}", "{name}")
        return self.empty() | parts | {"id": _ID.format_map(parts), "deletion_protection": True}

    @staticmethod
    def _change(configuration: Configuration, method: str, path: str, body: Any, activity: str) -> None:
        try:
            operation = _retry(lambda: call(configuration, method, _PRODUCT, path, body=body))
        except ApiError as error:
            name = path.rpartition("/")[2]
            raise ApiError(f"Error, failed to update instance settings for {name}: {error}", error.status) from None
        _wait(configuration, operation, activity)

    def _check_network(self, configuration: Configuration, planned: Object) -> None:
        """Refuse a network without a private connection, before the name is taken for a week."""
        networks = [one["private_network"] for one in _ip_configurations(planned) if one["private_network"]]
        if not networks:
            return
        try:
            name = network_name(configuration, networks[0])
            path = "services/servicenetworking.googleapis.com/connections"
            answer = call(configuration, "GET", "service_networking", path, parameters={"network": name})
        except ApiError:
            # Who may not look is not kept from it.
            return
        if not answer.get("connections"):
            raise ApiError(
                "Error, failed to create instance because the network doesn't have at least 1 private services "
                "connection. Please see https://cloud.google.com/sql/docs/mysql/private-ip#network_requirements for "
                "how to create this connection."
            )

    def _settings(self, value: Object) -> dict[str, Any]:
        nested = self.block.blocks["settings"]
        own = nested.block
        arguments = {
            name: attribute
            for name, attribute in own.attributes.items()
            if (attribute.optional or attribute.required) and name != "version"
        }
        # What the service fills in and the provider reads is not sent.
        blocks = {
            name: block
            for name, block in own.blocks.items()
            if name not in ("read_pool_auto_scale_config", "data_cache_config")
        }
        settings = expand(Block(arguments, blocks), value["settings"][0])
        settings = {_NAMES.get(key, key): item for key, item in settings.items()}
        if "pscConfig" in settings.get("ipConfiguration", {}):
            settings["ipConfiguration"]["pscConfig"] = settings["ipConfiguration"]["pscConfig"][0]
        return settings


def _ip_configurations(value: Object) -> list[Object]:
    return [one for settings in value.get("settings") or [] for one in settings["ip_configuration"] or []]


class Database(Resource):
    """A database of an instance (resource_sql_database.go)."""

    immutable = ("instance", "name", "project")

    def create(self, configuration: Configuration, planned: Object) -> Object:
        parent = f"projects/{planned['project']}/instances/{planned['instance']}/databases"
        body = {
            name: planned[name] for name in ("charset", "collation", "name", "instance") if _is_known(planned[name])
        }
        with _turn(planned["project"], planned["instance"]):
            try:
                operation = _retry(lambda: call(configuration, "POST", _PRODUCT, parent, body=body))
            except ApiError as error:
                raise ApiError(f"Error creating Database: {error}", error.status) from None
            _wait(configuration, operation, "Creating Database")
        return self.read_back(configuration, planned | {"id": _DATABASE_ID.format_map(planned)})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        try:
            answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        except ApiError as error:
            # An instance that is gone or stopped answers so (`transformSQLDatabaseReadError`).
            if error.status in (400, 403) and "not running" in str(error):
                return None
            raise
        if answer is None:
            return None
        read = flatten(self.block, answer) | identify(state["id"], _DATABASE_ID) | {"id": state["id"]}
        return values.settle(self.block, read, state) | {name: state.get(name) for name in TERRAFORM_ONLY}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        if any(planned[name] != prior[name] for name in ("charset", "collation")):
            raise ApiError("The stand-in for the google provider changes no charset and no collation")
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        with _turn(state["project"], state["instance"]):
            operation = found(lambda: _retry(lambda: call(configuration, "DELETE", _PRODUCT, state["id"])))
            if operation is not None:
                _wait(configuration, operation, "Deleting Database")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(
            identifier,
            _DATABASE_ID,
            "instances/{instance}/databases/{name}",
            "{project}/{instance}/{name}",
            "{instance}/{name}",
            "{name}",
        )
        return self.empty() | parts | {"id": _DATABASE_ID.format_map(parts)}


class User(Resource):
    """A user of an instance, whose password may be one that no state keeps (resource_sql_user.go)."""

    immutable = ("host", "instance", "name", "project", "type")
    sensitive = ("password",)

    def validate(self, config: Object) -> Iterable[Any]:
        if values.is_given(config["password"]) and values.is_given(config["password_wo"]):
            yield values.diagnostic(
                "Conflicting configuration arguments", '"password": conflicts with password_wo', ("password",)
            )
        given = [name for name in ("password_wo", "password_wo_version") if values.is_given(config[name])]
        if len(given) == 1:
            text = f'"{given[0]}": all of `password_wo,password_wo_version` must be specified'
            yield values.diagnostic("Missing required argument", text, (given[0],))

    def replaced(self, prior: Object, planned: Object) -> list[str]:
        """The built-in type is none (`EmptyOrDefaultStringSuppress`)."""
        changed = super().replaced(prior, planned)
        kinds = [value["type"] or "BUILT_IN" for value in (prior, planned)]
        return [name for name in changed if name != "type" or kinds[0] != kinds[1]]

    def create(self, configuration: Configuration, planned: Object) -> Object:
        project, instance, name = planned["project"], planned["instance"], planned["name"]
        user = {"name": name, "instance": instance, "password": planned["password"] or planned["password_wo"]}
        if planned["type"]:
            user["type"] = planned["type"]
        with _turn(project, instance):
            try:
                path = f"projects/{project}/instances/{instance}/users"
                operation = _retry(lambda: call(configuration, "POST", _PRODUCT, path, body=user))
            except ApiError as error:
                text = f"Error, failed to insert user {name} into instance {instance}: {error}"
                raise ApiError(text, error.status) from None
            try:
                _wait(configuration, operation, "Insert User")
            except ApiError as error:
                raise ApiError(f"Error, failure waiting for insertion of {name} into {instance}: {error}") from None
        return self.read_back(configuration, planned | {"id": f"{name}//{instance}"})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        path = f"projects/{state['project']}/instances/{state['instance']}"
        # One that is not there is a failure, not the end of the user.
        call(configuration, "GET", _PRODUCT, path)
        try:
            users = call(configuration, "GET", _PRODUCT, f"{path}/users").get("items", [])
        except ApiError as error:
            if error.status in (403, 404):
                return None
            raise
        user = next((one for one in users if one["name"] == state["name"]), None)
        if user is None:
            return None
        read = {name: user.get(name) for name in ("host", "instance", "name")}
        # What is written as nothing is read as the built-in type.
        read["type"] = state["type"] if (state["type"] or "BUILT_IN") == user["type"] else user["type"]
        read |= {
            "id": f"{user['name']}/{user['host']}/{user['instance']}",
            "iam_email": "",
            "sql_server_user_details": [],
        }
        return values.settle(self.block, state | read | {"password_wo": None}, state)

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        if any(planned[name] != prior[name] for name in ("password", "password_wo_version")):
            password = planned["password"] or planned["password_wo"]
            user = {"name": planned["name"], "instance": planned["instance"], "password": password}
            _update_user(configuration, planned["project"], user)
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        project, instance, name = state["project"], state["instance"], state["name"]
        path, parameters = f"projects/{project}/instances/{instance}/users", {"host": state["host"] or "", "name": name}
        with _turn(project, instance):
            try:
                operation = _retry(lambda: call(configuration, "DELETE", _PRODUCT, path, parameters=parameters))
                _wait(configuration, operation, "Delete User")
            except ApiError as error:
                raise ApiError(f"Error, failed to delete user {name} in instance {instance}: {error}") from None

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = identify(
            identifier, "{project}/{instance}/{host}/{name}", "{project}/{instance}/{name}", "{instance}/{name}"
        )
        known = {"project": configuration.project, "host": ""} | parts
        return self.empty() | known | {"id": f"{known['name']}/{known['host']}/{known['instance']}"}


def _update_user(configuration: Configuration, project: str, user: dict[str, Any]) -> None:
    path, parameters = f"projects/{project}/instances/{user['instance']}/users", {"host": "", "name": user["name"]}
    with _turn(project, user["instance"]):
        operation = _retry(lambda: call(configuration, "PUT", _PRODUCT, path, parameters=parameters, body=user))
        _wait(configuration, operation, "Insert User")


def _is_known(value: Any) -> bool:
    return not is_unknown(value) and value is not None
