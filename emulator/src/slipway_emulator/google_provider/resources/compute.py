"""google_compute_network, _subnetwork and _global_address: Compute Engine API v1."""

from __future__ import annotations

import ipaddress
import time
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
from slipway_emulator.google_provider.values import UNKNOWN, Object, is_unknown

_PRODUCT = "compute"
_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 0.1, 5.0
_TIMEOUT_SECONDS = 20 * 60


def wait(configuration: Configuration, operation: Any, activity: str) -> None:
    """Wait for an operation of Compute Engine (`ComputeOperationWaitTime`).

    Args:
        configuration: knows the address and the credentials.
        operation: what a request was answered.
        activity: what it does, for the message: "Creating Network".

    Raises:
        ApiError: it failed, or does not end.
    """
    deadline, pause = time.monotonic() + _TIMEOUT_SECONDS, _FIRST_POLL_SECONDS
    path = operation["selfLink"].partition("/compute/v1/")[2]
    while operation["status"] != "DONE":
        if time.monotonic() > deadline:
            raise ApiError(f"Error waiting for {activity}: timeout after {_TIMEOUT_SECONDS} s")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_POLL_SECONDS)
        operation = call(configuration, "GET", _PRODUCT, path)
    if "error" in operation:
        messages = "\n".join(error.get("message", "") for error in operation["error"].get("errors", []))
        raise ApiError(f"Error waiting for {activity}: {messages}")


class _Compute(Resource):
    """What the resources have in common."""

    # The name of the type in messages, and the path of one.
    kind: str
    pattern: str
    # Other forms of the identifier of an import.
    forms: tuple[str, ...]
    # Arguments that the request to make one leaves out.
    unsent: tuple[str, ...] = ()
    # Arguments that are addresses, which may begin with anything.
    links: tuple[str, ...] = ()

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        planned = super().complete_plan(configuration, planned, prior)
        if "region" in planned and (not planned["region"] or is_unknown(planned["region"])):
            planned["region"] = configuration.region or UNKNOWN
        return planned

    def replaced(self, prior: Object, planned: Object) -> list[str]:
        return [name for name in super().replaced(prior, planned) if not is_same_link(prior[name], planned[name])]

    def create(self, configuration: Configuration, planned: Object) -> Object:
        name = self.pattern.format_map(planned)
        try:
            operation = call(configuration, "POST", _PRODUCT, name.rpartition("/")[0], body=self.body(planned))
        except ApiError as error:
            raise ApiError(f"Error creating {self.kind}: {error}", error.status) from None
        try:
            wait(configuration, operation, f"Creating {self.kind}")
        except ApiError as error:
            # It was not made, and is in no state.
            raise ApiError(f"Error waiting to create {self.kind}: {error}", error.status) from None
        return self.read_back(configuration, planned | {"id": name})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        read = flatten(self.block, answer) | owned_labels(state, answer) | identify(state["id"], self.pattern)
        read |= {"id": state["id"]} | self.more(answer)
        read |= {name: state[name] for name in self.links if is_same_link(state.get(name), read[name])}
        return values.settle(self.block, read, state) | {
            name: state.get(name) for name in (*self.unsent, *TERRAFORM_ONLY)
        }

    def delete(self, configuration: Configuration, state: Object) -> None:
        operation = found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))
        if operation is not None:
            wait(configuration, operation, f"Deleting {self.kind}")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        defaults = {"project": configuration.project, "region": configuration.region}
        parts = defaults | identify(identifier, self.pattern, *self.forms)
        known = {name: value for name, value in parts.items() if name in self.block.attributes}
        return self.empty() | known | {"id": self.pattern.format_map(parts)}

    def body(self, value: Object) -> dict[str, Any]:
        """What the API takes."""
        out = ("id", "project", "region", "labels", *self.unsent, *TERRAFORM_ONLY)
        arguments = {
            name: attribute
            for name, attribute in self.block.attributes.items()
            if (attribute.optional or attribute.required) and name not in out
        }
        return expand(Block(arguments, {}), value)

    def more(self, answer: dict[str, Any]) -> Object:
        """Attributes that are named otherwise in the answer."""
        return {"self_link": answer["selfLink"], "creation_timestamp": answer["creationTimestamp"]}


class Network(_Compute):
    """A VPC network (resource_compute_network.go)."""

    immutable = ("auto_create_subnetworks", "description", "internal_ipv6_range", "name", "network_profile", "project")
    defaults: ClassVar[dict[str, Any]] = {"auto_create_subnetworks": True, "delete_default_routes_on_create": False}
    kind, pattern = "Network", "projects/{project}/global/networks/{name}"
    forms = ("{project}/{name}", "{name}")
    unsent = ("delete_bgp_always_compare_med", "delete_default_routes_on_create")

    def body(self, value: Object) -> dict[str, Any]:
        body = super().body(value)
        mode = body.pop("routingMode", None)
        for name in ("bgpAlwaysCompareMed", "bgpBestPathSelectionMode", "bgpInterRegionCost"):
            body.pop(name, None)
        # Sent where it is off, too.
        body["autoCreateSubnetworks"] = bool(value["auto_create_subnetworks"])
        return body | ({"routingConfig": {"routingMode": mode}} if mode else {})

    def create(self, configuration: Configuration, planned: Object) -> Object:
        if planned["delete_default_routes_on_create"]:
            raise ApiError("The stand-in for the google provider deletes no routes: delete_default_routes_on_create")
        return super().create(configuration, planned)

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        if planned["routing_mode"] != prior["routing_mode"]:
            body = {"routingConfig": {"routingMode": planned["routing_mode"]}}
            operation = call(configuration, "PATCH", _PRODUCT, prior["id"], body=body)
            wait(configuration, operation, "Updating Network")
        return self.read_back(configuration, planned)

    def more(self, answer: dict[str, Any]) -> Object:
        routing = answer["routingConfig"]
        return {
            "self_link": answer["selfLink"],
            "gateway_ipv4": answer.get("gatewayIPv4"),
            "network_id": answer["id"],
            "numeric_id": answer["id"],
            "routing_mode": routing["routingMode"],
            "bgp_best_path_selection_mode": routing.get("bgpBestPathSelectionMode", "LEGACY"),
        }


class Subnetwork(_Compute):
    """A subnet of a VPC network (resource_compute_subnetwork.go)."""

    immutable = ("description", "name", "network", "project", "region", "reserved_internal_range")
    kind, pattern = "Subnetwork", "projects/{project}/regions/{region}/subnetworks/{name}"
    forms = ("{project}/{region}/{name}", "{region}/{name}", "{name}")
    unsent = ("resolve_subnet_mask", "send_secondary_ip_range_if_empty")
    links = ("network",)

    def replaced(self, prior: Object, planned: Object) -> list[str]:
        """A range may become larger in place (`IsShrinkageIpCidr`)."""
        before, after = prior["ip_cidr_range"], planned["ip_cidr_range"]
        shrinks = False
        if isinstance(before, str) and isinstance(after, str) and before != after:
            shrinks = not ipaddress.IPv4Network(before).subnet_of(ipaddress.IPv4Network(after))
        return super().replaced(prior, planned) + (["ip_cidr_range"] if shrinks else [])

    def body(self, value: Object) -> dict[str, Any]:
        return super().body(value) | {"region": value["region"]}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        if planned["ip_cidr_range"] != prior["ip_cidr_range"]:
            raise ApiError("The stand-in for the google provider expands no subnetwork")
        if bool(planned["private_ip_google_access"]) != bool(prior["private_ip_google_access"]):
            body = {"privateIpGoogleAccess": bool(planned["private_ip_google_access"])}
            operation = call(configuration, "POST", _PRODUCT, f"{prior['id']}/setPrivateIpGoogleAccess", body=body)
            wait(configuration, operation, "Updating Subnetwork")
        return self.read_back(configuration, planned)

    def more(self, answer: dict[str, Any]) -> Object:
        return super().more(answer) | {
            "region": answer["region"].rpartition("/")[2],
            "subnetwork_id": int(answer["id"]),
        }


class GlobalAddress(_Compute):
    """An address, or a range of them, of no region (resource_compute_global_address.go)."""

    immutable = (
        "address", "address_type", "description", "ip_version", "name", "network", "prefix_length", "project",
        "purpose",
    )  # fmt: skip
    kind, pattern = "GlobalAddress", "projects/{project}/global/addresses/{name}"
    forms = ("{project}/{name}", "{name}")
    links = ("network",)

    def body(self, value: Object) -> dict[str, Any]:
        body = super().body(value)
        return body | ({"labels": value["effective_labels"]} if value.get("effective_labels") else {})

    def create(self, configuration: Configuration, planned: Object) -> Object:
        state = super().create(configuration, planned)
        if planned["effective_labels"]:
            # "Labels cannot be set in a create."
            self._set_labels(configuration, state, planned["effective_labels"])
        return self.read_back(configuration, state | {name: planned[name] for name in ("labels", "terraform_labels")})

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        if planned["effective_labels"] != prior["effective_labels"]:
            self._set_labels(configuration, prior, planned["effective_labels"])
        return self.read_back(configuration, planned)

    def _set_labels(self, configuration: Configuration, state: Object, labels: Object) -> None:
        body = {"labels": labels, "labelFingerprint": state["label_fingerprint"]}
        operation = call(configuration, "POST", _PRODUCT, f"{state['id']}/setLabels", body=body)
        wait(configuration, operation, "Updating GlobalAddress")
