"""google_secret_manager_secret and its _version: Secret Manager API v1, projects.secrets."""

from __future__ import annotations

import base64
from collections.abc import Iterable
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
    owned_labels,
)
from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import UNKNOWN, Object

_PRODUCT = "secret_manager"
_ID = "projects/{project}/secrets/{secret_id}"
_TERRAFORM_ONLY = ("deletion_protection", *TERRAFORM_ONLY)
_KINDS = ("replication.0.user_managed", "replication.0.auto")
_DATA = ("secret_data", "secret_data_wo")
_WRITTEN = ("secret_data_wo", "secret_data_wo_version")


class Secret(Resource):
    """A secret (resource_secret_manager_secret.go)."""

    immutable = ("project", "replication", "secret_id", "tags", "ttl")
    defaults: ClassVar[dict[str, Any]] = {"deletion_protection": False}

    def validate(self, config: Object) -> Iterable[Any]:
        for replication in values.items(self.block.blocks["replication"], config["replication"]):
            yield from _exactly_one(_KINDS, [kind for kind in _KINDS if replication.get(kind.rpartition(".")[2])])

    def create(self, configuration: Configuration, planned: Object) -> Object:
        name = _ID.format_map(planned)
        parameters = {"secretId": planned["secret_id"]}
        parent = name.rpartition("/")[0]
        try:
            call(configuration, "POST", _PRODUCT, parent, parameters=parameters, body=self._body(planned))
        except ApiError as error:
            raise ApiError(f"Error creating Secret: {error}", error.status) from None
        return self.read_back(configuration, planned | {"id": name})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        replication = answer["replication"]
        if "automatic" in replication:
            answer = answer | {"replication": {"auto": replication["automatic"]}}
        read = flatten(self.block, answer) | owned_labels(state, answer) | identify(state["id"], _ID)
        read |= {"id": state["id"]}
        return values.settle(self.block, read, state) | {name: state.get(name) for name in _TERRAFORM_ONLY}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        before, after = self._body(prior), self._body(planned)
        changed = sorted(key for key in set(before) | set(after) if before.get(key) != after.get(key))
        if changed:
            parameters = {"updateMask": ",".join(changed)}
            call(configuration, "PATCH", _PRODUCT, prior["id"], parameters=parameters, body=after)
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        if state.get("deletion_protection"):
            raise ApiError(
                "cannot destroy secret manager secret without setting deletion_protection=false and running "
                "`terraform apply`"
            )
        found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(identifier, _ID, "{project}/{secret_id}", "{secret_id}")
        return self.empty() | parts | {"id": _ID.format_map(parts), "deletion_protection": False}

    def _body(self, value: Object) -> dict[str, Any]:
        arguments = {
            name: attribute
            for name, attribute in self.block.attributes.items()
            if attribute.optional and name not in ("annotations", "id", "labels", "project", *_TERRAFORM_ONLY)
        }
        blocks = {name: nested for name, nested in self.block.blocks.items() if name != "timeouts"}
        body = expand(Block(arguments, blocks), value)
        if "auto" in body["replication"]:
            body["replication"] = {"automatic": body["replication"]["auto"]}
        for kind in ("annotations", "labels"):
            owned = value.get(f"effective_{kind}")
            body |= {kind: owned} if isinstance(owned, dict) and owned else {}
        return body


class SecretVersion(Resource):
    """A version of a secret, whose value may be one that no state keeps (resource_secret_manager_secret_version.go)."""

    immutable = ("is_secret_data_base64", "project", "secret", "secret_data", "secret_data_wo_version")
    defaults: ClassVar[dict[str, Any]] = {"enabled": True}

    def validate(self, config: Object) -> Iterable[Any]:
        yield from _exactly_one(_DATA, [name for name in _DATA if values.is_given(config[name])])
        given = [name for name in _WRITTEN if values.is_given(config[name])]
        if len(given) == 1:
            text = f'"{given[0]}": all of `{",".join(_WRITTEN)}` must be specified'
            yield values.diagnostic("Missing required argument", text, (given[0],))

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        # The project is that of the secret, and stays empty.
        given = planned["project"]
        planned = super().complete_plan(configuration, planned, prior)
        return planned | {"project": given if given or prior else UNKNOWN}

    def create(self, configuration: Configuration, planned: Object) -> Object:
        secret = planned["secret"]
        if "/" not in secret:
            secret = _ID.format_map({"project": configuration.project, "secret_id": secret})
        data = planned["secret_data"] or planned["secret_data_wo"]
        if not planned["is_secret_data_base64"]:
            data = base64.b64encode(data.encode()).decode()
        try:
            answer = call(configuration, "POST", _PRODUCT, f"{secret}:addVersion", body={"payload": {"data": data}})
        except ApiError as error:
            raise ApiError(f"Error creating SecretVersion: {error}", error.status) from None
        state = planned | {"id": answer["name"], "name": answer["name"], "secret": secret, "project": None}
        _set_enabled(configuration, state)
        read = self.read(configuration, state)
        if read is None:
            raise ApiError(f"{answer['name']} was there, and is gone")
        return read

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None or answer["state"] == "DESTROYED":
            return None
        read = {
            "create_time": answer.get("createTime"),
            "destroy_time": answer.get("destroyTime"),
            "enabled": answer["state"] == "ENABLED",
            "name": answer["name"],
            "secret_data": state.get("secret_data"),
            "version": answer["name"].rpartition("/")[2],
        }
        if state.get("secret_data_wo_version") is None and read["enabled"]:
            data = call(configuration, "GET", _PRODUCT, f"{state['id']}:access")["payload"]["data"]
            read["secret_data"] = data if state.get("is_secret_data_base64") else base64.b64decode(data).decode()
        return values.settle(self.block, state | read | dict.fromkeys(_WRITTEN[:1]), state)

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        if planned["enabled"] != prior["enabled"]:
            _set_enabled(configuration, planned)
        return self.read(configuration, planned) or planned

    def delete(self, configuration: Configuration, state: Object) -> None:
        verb = "disable" if state.get("deletion_policy") == "DISABLE" else "destroy"
        found(lambda: call(configuration, "POST", _PRODUCT, f"{state['id']}:{verb}"))

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        del configuration
        parts = identify(identifier, "projects/{project}/secrets/{secret}/versions/{version}")
        secret = _ID.format_map({"project": parts["project"], "secret_id": parts["secret"]})
        return self.empty() | {"id": identifier, "name": identifier, "secret": secret, "version": parts["version"]}


def _set_enabled(configuration: Configuration, state: Object) -> None:
    call(configuration, "POST", _PRODUCT, f"{state['id']}:{'enable' if state['enabled'] else 'disable'}")


def _exactly_one(names: tuple[str, ...], given: list[str]) -> Iterable[Any]:
    """What terraform-plugin-sdk says of `ExactlyOneOf`."""
    summary, every = "Invalid combination of arguments", ",".join(names)
    if not given:
        yield values.diagnostic(summary, f"one of `{every}` must be specified")
    elif len(given) > 1:
        yield values.diagnostic(
            summary, f"only one of `{every}` can be specified, but `{','.join(given)}` were specified."
        )
