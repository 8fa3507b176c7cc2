"""google_dns_managed_zone and google_dns_record_set: Cloud DNS API v1."""

from __future__ import annotations

import time
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
    is_same_link,
    owned_labels,
)
from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import Object

_PRODUCT = "dns"
_POLL_SECONDS = 0.1
_ZONE = "projects/{project}/managedZones/{name}"
_RECORD = "projects/{project}/managedZones/{managed_zone}/rrsets/{name}/{type}"


class ManagedZone(Resource):
    """A zone (resource_dns_managed_zone.go)."""

    immutable = ("dns_name", "name", "project", "visibility")
    defaults: ClassVar[dict[str, Any]] = {"description": "Managed by Terraform", "force_destroy": False}

    def create(self, configuration: Configuration, planned: Object) -> Object:
        parent, body = f"projects/{planned['project']}/managedZones", self._body(configuration, planned)
        try:
            call(configuration, "POST", _PRODUCT, parent, body=body)
        except ApiError as error:
            raise ApiError(f"Error creating ManagedZone: {error}", error.status) from None
        return self.read_back(configuration, planned | {"id": _ZONE.format_map(planned)})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        read = flatten(self.block, answer) | owned_labels(state, answer) | identify(state["id"], _ZONE)
        read |= {"id": state["id"], "managed_zone_id": int(answer["id"])}
        known = [one["network_url"] for one in _networks(state)]
        for one in _networks(read):
            one["network_url"] = next(
                (url for url in known if is_same_link(url, one["network_url"])), one["network_url"]
            )
        kept = {name: state.get(name) for name in ("force_destroy", *TERRAFORM_ONLY)}
        return values.settle(self.block, read, state) | kept

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        # All that the zone has, and what is no argument.
        body = self._body(configuration, planned)
        body |= {
            "nameServers": prior["name_servers"],
            "id": prior["managed_zone_id"],
            "creationTime": prior["creation_time"],
        }
        if body != self._body(configuration, prior) | {key: body[key] for key in ("nameServers", "id", "creationTime")}:
            call(configuration, "PUT", _PRODUCT, prior["id"], body=body)
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        if state["force_destroy"]:
            raise ApiError("The stand-in for the google provider deletes no records with a zone: force_destroy")
        found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(identifier, _ZONE, "{project}/{name}", "{name}")
        return self.empty() | parts | {"id": _ZONE.format_map(parts), "force_destroy": False}

    def _body(self, configuration: Configuration, value: Object) -> dict[str, Any]:
        arguments = {
            name: attribute
            for name, attribute in self.block.attributes.items()
            if (attribute.optional or attribute.required)
            and name not in ("id", "project", "labels", "force_destroy", *TERRAFORM_ONLY)
        }
        blocks = {name: nested for name, nested in self.block.blocks.items() if name != "timeouts"}
        body = expand(Block(arguments, blocks), value)
        for one in body.get("privateVisibilityConfig", {}).get("networks", []):
            if not one["networkUrl"].startswith("https://"):
                one["networkUrl"] = configuration.endpoints["compute"] + one["networkUrl"]
        return body | ({"labels": value["effective_labels"]} if value.get("effective_labels") else {})


def _networks(value: Object) -> list[Object]:
    return [network for one in value.get("private_visibility_config") or [] for network in one["networks"] or []]


class RecordSet(Resource):
    """What a name has in a zone (resource_dns_record_set.go)."""

    immutable = ("managed_zone", "name", "project")

    def validate(self, config: Object) -> Iterable[Any]:
        name = config["name"]
        if isinstance(name, str) and not name.endswith("."):
            yield values.diagnostic(f'"name" ("{name}") doesn\'t end with dot', path=("name",))

    def create(self, configuration: Configuration, planned: Object) -> Object:
        zone = _zone(planned)
        try:
            answer = call(configuration, "GET", _PRODUCT, f"{zone}/rrsets")
        except ApiError as error:
            text = f'Error retrieving record sets for "{planned["managed_zone"]}": {error}'
            raise ApiError(text, error.status) from None
        key = (planned["name"], planned["type"])
        there = [one for one in answer.get("rrsets", []) if (one["name"], one["type"]) == key]
        change: dict[str, Any] = {"additions": [_record(planned)]} | ({"deletions": there} if there else {})
        self._change(configuration, zone, change, "Error creating DNS RecordSet")
        return self.read_back(configuration, planned | {"id": _RECORD.format_map(planned)})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        parameters = {"name": state["name"], "type": state["type"]}
        answer = found(lambda: call(configuration, "GET", _PRODUCT, f"{_zone(state)}/rrsets", parameters=parameters))
        records = (answer or {}).get("rrsets", [])
        if not records:
            return None
        read = {"type": records[0]["type"], "ttl": records[0]["ttl"], "rrdatas": records[0]["rrdatas"]}
        return values.settle(self.block, state | read, state)

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        before, after = _record(prior), _record(planned)
        if before != after:
            change = {"deletions": [before], "additions": [after]}
            self._change(configuration, _zone(prior), change, "Error changing DNS RecordSet")
        return self.read_back(configuration, planned | {"id": _RECORD.format_map(planned)})

    def delete(self, configuration: Configuration, state: Object) -> None:
        change = {"deletions": [_record(state)]}
        found(lambda: self._change(configuration, _zone(state), change, ""))

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(
            identifier, _RECORD, "{project}/{managed_zone}/{name}/{type}", "{managed_zone}/{name}/{type}"
        )
        return self.empty() | parts | {"id": _RECORD.format_map(parts)}

    @staticmethod
    def _change(configuration: Configuration, zone: str, change: dict[str, Any], activity: str) -> None:
        try:
            answer = call(configuration, "POST", _PRODUCT, f"{zone}/changes", body=change)
        except ApiError as error:
            raise ApiError(f"{activity}: {error}" if activity else str(error), error.status) from None
        while answer["status"] != "done":
            time.sleep(_POLL_SECONDS)
            answer = call(configuration, "GET", _PRODUCT, f"{zone}/changes/{answer['id']}")


def _zone(value: Object) -> str:
    return f"projects/{value['project']}/managedZones/{value['managed_zone']}"


def _record(value: Object) -> dict[str, Any]:
    return {"name": value["name"], "type": value["type"], "ttl": value["ttl"], "rrdatas": value["rrdatas"]}
