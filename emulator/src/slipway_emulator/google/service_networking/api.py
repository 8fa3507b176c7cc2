"""Service Networking API v1: private connections, by which services of Google get addresses in a VPC network."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid, now
from slipway_emulator.google.compute.api import Compute
from slipway_emulator.google.iam.access import Access
from slipway_emulator.google.iam.permissions import Need
from slipway_emulator.google.messages import STRING, check

_SERVICE = "services/servicenetworking.googleapis.com"
PEERING = "servicenetworking-googleapis-com"
_PREFIX = "/servicenetworking/v1/services/{service}/connections"
_NETWORK = re.compile(r"projects/\d+/global/networks/[a-z]([-a-z0-9]*[a-z0-9])?")
_CONNECTION = {"network": STRING, "reservedPeeringRanges": [STRING], "peering": STRING, "service": STRING}
_ADD = "servicenetworking.services.addPeering"


class ServiceNetworking:
    """The connections of all networks: one each, to the services of Google.

    Args:
        routes: where they are asked for.
        access: knows who may do what; no path names a project.
        compute: knows the networks and their ranges.
    """

    def __init__(self, routes: Routes, access: Access, compute: Compute) -> None:
        # Ranges by the name of the network.
        self._ranges: dict[str, list[str]] = {}
        self._operations: dict[str, Json] = {}
        self._access = access
        self._compute = compute
        # Whether a service of Google still holds addresses of a network; put here by who knows.
        self.is_used: Callable[[str], bool] = lambda _network: False
        routes.add("POST", _PREFIX, self._create)
        routes.add("GET", _PREFIX, self._list)
        routes.add("PATCH", f"{_PREFIX}/{{connection}}", self._patch)
        routes.add("POST", f"{_PREFIX}/{{connection}}", self._delete)
        routes.add("GET", "/servicenetworking/v1/operations/{operation}", self._operation)

    def is_connected(self, network: str) -> bool:
        """Whether a network, as Compute finds it, has its connection, and the peering that comes with it."""
        return network in self._ranges and any(one["name"] == PEERING for one in self._compute.peerings(network))

    def _create(self, request: Request, service: str) -> Response:
        network, ranges = self._wanted(request, service, _ADD)
        if self.is_connected(network):
            if self._ranges[network] != ranges:
                text = "Cannot modify allocated ranges in CreateConnection. Please use UpdateConnection."
                return self._failed(ApiError("FAILED_PRECONDITION", text))
            return self._done("Connection", self._record(network))
        self._check_ranges(network, ranges)
        self._compute.peerings(network).append(
            {
                "name": PEERING,
                "network": f"https://www.googleapis.com/compute/v1/projects/{secrets.token_hex(8)}-tp/global/networks/"
                "servicenetworking",
                "state": "ACTIVE",
                "autoCreateRoutes": True,
                "exchangeSubnetRoutes": True,
            }
        )
        self._ranges[network] = ranges
        return self._done("Connection", self._record(network))

    def _list(self, request: Request, service: str) -> Response:
        network = self._network(request.query.get("network", ""), service)
        self._check_access(request, network, "servicenetworking.services.get")
        found = [self._record(network)] if self.is_connected(network) else []
        return Response(200, {"connections": found} if found else {})

    def _patch(self, request: Request, service: str, connection: str) -> Response:
        network, ranges = self._wanted(request, service, _ADD)
        if connection not in ("-", PEERING) or not self.is_connected(network):
            raise ApiError("NOT_FOUND", f"Connection '{connection}' of network '{network}' was not found.")
        if request.query.get("force") != "true" and set(self._ranges[network]) - set(ranges):
            raise ApiError("FAILED_PRECONDITION", "Ranges can be removed with force alone.")
        self._check_ranges(network, ranges)
        self._ranges[network] = ranges
        return self._done("Connection", self._record(network))

    def _delete(self, request: Request, service: str, connection: str) -> Response:
        wanted = check({"consumerNetwork": STRING}, request.json(), "")
        network = self._network(wanted.get("consumerNetwork", ""), service)
        self._check_access(request, network, "servicenetworking.services.deleteConnection")
        if connection != PEERING or not self.is_connected(network):
            raise ApiError("NOT_FOUND", f"Connection '{connection}' of network '{network}' was not found.")
        if self.is_used(network):
            text = (
                "Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are still using "
                "this connection."
            )
            return self._failed(ApiError("FAILED_PRECONDITION", text))
        del self._ranges[network]
        peerings = self._compute.peerings(network)
        peerings[:] = [one for one in peerings if one["name"] != PEERING]
        return self._done("DeleteConnection", {})

    def _wanted(self, request: Request, service: str, permission: str) -> tuple[str, list[str]]:
        body = check(_CONNECTION, request.json(), "connection")
        network = self._network(body.get("network", ""), service)
        self._check_access(request, network, permission)
        if not self._compute.find_network(network, ""):
            raise ApiError("NOT_FOUND", f"The network '{network}' was not found.")
        return network, body.get("reservedPeeringRanges", [])

    @staticmethod
    def _network(name: str, service: str) -> str:
        if f"services/{service}" != _SERVICE:
            raise invalid("parent", f"The rehearsal knows the service {_SERVICE} alone.")
        if not _NETWORK.fullmatch(name):
            text = f"Invalid network '{name}': it must be projects/<project number>/global/networks/<network>."
            raise invalid("connection.network", text)
        return name

    def _check_access(self, request: Request, network: str, permission: str) -> None:
        self._access.check(request, Need("servicenetworking", permission), network.split("/")[1], network)

    def _check_ranges(self, network: str, ranges: list[str]) -> None:
        if not ranges:
            raise invalid("connection.reserved_peering_ranges", "At least one reserved range must be given.")
        for name in ranges:
            if not self._compute.has_range(name, network):
                text = f"Allocated IP range '{name}' not found in network."
                raise invalid("connection.reserved_peering_ranges", text)

    def _record(self, network: str) -> Json:
        return {
            "network": network,
            "reservedPeeringRanges": self._ranges[network],
            "peering": PEERING,
            "service": _SERVICE,
        }

    def _done(self, kind: str, response: Json) -> Response:
        typed = {"@type": f"type.googleapis.com/google.cloud.servicenetworking.v1.{kind}"} | response
        return self._kept({"response": typed})

    def _failed(self, error: ApiError) -> Response:
        return self._kept({"error": {"code": error.code, "message": error.message}})

    def _kept(self, result: Json) -> Response:
        name = f"operations/pssn.p24-{secrets.randbelow(10**12)}-{secrets.token_hex(16)}"
        begun = {"name": name, "metadata": {"createTime": now()}}
        self._operations[name] = begun | {"done": True} | result
        # It is done when it is first looked at.
        return Response(200, begun)

    def _operation(self, _: Request, operation: str) -> Response:
        name = f"operations/{operation}"
        if name not in self._operations:
            raise ApiError("NOT_FOUND", f"Operation '{name}' was not found.")
        return Response(200, self._operations[name])
