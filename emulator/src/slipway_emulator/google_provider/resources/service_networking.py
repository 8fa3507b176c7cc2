"""google_service_networking_connection: Service Networking API v1, services.connections."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus, unquote_plus

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import TERRAFORM_ONLY, ApiError, Resource, call, is_same_link, wait
from slipway_emulator.google_provider.values import Object

_PRODUCT = "service_networking"
_UNSENT = ("update_on_creation_fail", *TERRAFORM_ONLY)


class Connection(Resource):
    """The private connection of a network to services of Google (resource_service_networking_connection.go)."""

    immutable = ("network", "service")

    def replaced(self, prior: Object, planned: Object) -> list[str]:
        return [name for name in super().replaced(prior, planned) if not is_same_link(prior[name], planned[name])]

    def create(self, configuration: Configuration, planned: Object) -> Object:
        operation = call(configuration, "POST", _PRODUCT, _connections(planned), body=_body(configuration, planned))
        try:
            wait(configuration, _PRODUCT, operation, "Create Service Networking Connection")
        except ApiError as error:
            if "Cannot modify allocated ranges" not in str(error) or not planned["update_on_creation_fail"]:
                raise
            self._patch(configuration, planned)
        identifier = f"{quote_plus(planned['network'])}:{quote_plus(planned['service'])}"
        return self.read_back(configuration, planned | {"id": identifier})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        network, service = (unquote_plus(part) for part in state["id"].split(":"))
        name = network_name(configuration, network)
        state = state | {"network": state.get("network") or network, "service": service}
        answer = call(configuration, "GET", _PRODUCT, _connections(state), parameters={"network": name})
        found = next((one for one in answer.get("connections", []) if one["network"] == name), None)
        if found is None:
            return None
        read = {"peering": found["peering"], "reserved_peering_ranges": found["reservedPeeringRanges"]}
        before = state.get("reserved_peering_ranges")
        if before and sorted(before) == sorted(read["reserved_peering_ranges"]):
            read["reserved_peering_ranges"] = before
        return values.settle(self.block, state | read, state) | {name: state.get(name) for name in _UNSENT}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        if planned["reserved_peering_ranges"] != prior["reserved_peering_ranges"]:
            self._patch(configuration, planned)
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        path = f"{_connections(state)}/servicenetworking-googleapis-com"
        body = {"consumerNetwork": network_name(configuration, state["network"])}
        operation = call(configuration, "POST", _PRODUCT, path, body=body)
        try:
            wait(configuration, _PRODUCT, operation, "Delete Service Networking Connection")
        except ApiError as error:
            raise ApiError(f"Unable to remove Service Networking Connection, err: {error}") from None

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = identifier.split(":")
        if len(parts) != 2 or not all(parts):
            raise ApiError(f"Failed to parse service networking connection id, value: {identifier}")
        network, service = (unquote_plus(part) for part in parts)
        return self.empty() | {"id": identifier, "network": network, "service": service}

    def _patch(self, configuration: Configuration, planned: Object) -> None:
        parameters = {"updateMask": "reservedPeeringRanges", "force": "true"}
        path, body = f"{_connections(planned)}/-", _body(configuration, planned)
        operation = call(configuration, "PATCH", _PRODUCT, path, parameters=parameters, body=body)
        wait(configuration, _PRODUCT, operation, "Update Service Networking Connection")


def network_name(configuration: Configuration, network: str) -> str:
    """The name of a network as this API has it (`RetrieveServiceNetworkingNetworkName`): with its project's number.

    Args:
        configuration: knows the project of a network that is named by its last part alone.
        network: its name or address, or its last part alone.
    """
    project, _, name = network.rpartition("projects/")[2].partition("/global/networks/")
    if not name:
        project, name = configuration.project, network
    number = call(configuration, "GET", "resource_manager", f"projects/{project}")["projectNumber"]
    return f"projects/{number}/global/networks/{name}"


def _connections(value: Object) -> str:
    return f"services/{value['service'].removeprefix('services/')}/connections"


def _body(configuration: Configuration, value: Object) -> dict[str, Any]:
    return {
        "network": network_name(configuration, value["network"]),
        "reservedPeeringRanges": value["reserved_peering_ranges"],
    }
