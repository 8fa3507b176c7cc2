"""Compute Engine API v1: VPC networks, their subnets, and the ranges of addresses that are kept for services of Google.

Traffic is that of the containers' network: a network of its own has no addresses here, and says who reaches whom.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Iterable

from slipway_emulator.google.api import Json, LegacyError, Request, Response, Routes, now, page
from slipway_emulator.google.compute.operations import LINK, Operations, in_use, invalid_value, new_number, not_found
from slipway_emulator.google.iam.access import Access, denied
from slipway_emulator.google.iam.permissions import Need
from slipway_emulator.google.messages import ANY, BOOL, INT32, INT64, STRING, Enum, Map, check
from slipway_emulator.google.service_usage.api import project_number

_PROJECT = "/compute/v1/projects/{project}"
_NETWORKS = f"{_PROJECT}/global/networks"
_NETWORK = f"{_NETWORKS}/{{network}}"
_SUBNETS = f"{_PROJECT}/regions/{{location}}/subnetworks"
_SUBNET = f"{_SUBNETS}/{{subnet}}"
_ADDRESSES = f"{_PROJECT}/global/addresses"
_ADDRESS = f"{_ADDRESSES}/{{address}}"
_LINK = re.compile(r"(?:https?://[^/]+/(?:compute/)?v1/)?(projects/[^/]+/(?:global|regions/[^/]+)/\w+/[^/]+)")
# RFC 1035, as every resource's name.
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_KEY, _LABEL_VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")
_ALLOCATED_FROM = ipaddress.IPv4Network("10.0.0.0/8")
_MTU = 1460

_OUTPUT_ONLY = {
    "kind": STRING, "id": INT64, "creationTimestamp": STRING, "selfLink": STRING, "selfLinkWithId": STRING,
}  # fmt: skip
_NETWORK_SHAPE = _OUTPUT_ONLY | {
    "name": STRING, "description": STRING, "autoCreateSubnetworks": BOOL, "mtu": INT32, "IPv4Range": STRING,
    "routingConfig": {"routingMode": Enum("compute.RoutingMode", ("REGIONAL", "GLOBAL"))},
    "networkFirewallPolicyEnforcementOrder": STRING, "enableUlaInternalIpv6": BOOL, "internalIpv6Range": STRING,
    "networkProfile": STRING, "params": ANY, "subnetworks": ANY, "peerings": ANY,
}  # fmt: skip
_SUBNET_SHAPE = _OUTPUT_ONLY | {
    "name": STRING, "description": STRING, "network": STRING, "ipCidrRange": STRING, "region": STRING,
    "privateIpGoogleAccess": BOOL, "purpose": STRING, "stackType": STRING, "fingerprint": STRING,
    "gatewayAddress": STRING, "privateIpv6GoogleAccess": STRING, "logConfig": ANY, "secondaryIpRanges": ANY,
    "role": STRING, "ipv6AccessType": STRING, "reservedInternalRange": STRING, "allowSubnetCidrRoutesOverlap": BOOL,
    "enableFlowLogs": BOOL, "params": ANY,
}  # fmt: skip
_ADDRESS_SHAPE = _OUTPUT_ONLY | {
    "name": STRING, "description": STRING, "address": STRING, "prefixLength": INT32, "addressType": STRING,
    "purpose": STRING, "network": STRING, "ipVersion": STRING, "labels": Map(STRING), "labelFingerprint": STRING,
    "status": STRING, "networkTier": STRING,
}  # fmt: skip
# What a rehearsal has no use for, and would have to act on.
_UNKNOWN = {
    "networks": ("IPv4Range", "enableUlaInternalIpv6", "internalIpv6Range", "networkProfile", "params"),
    "subnetworks": (
        "secondaryIpRanges", "role", "ipv6AccessType", "reservedInternalRange", "logConfig", "enableFlowLogs",
        "allowSubnetCidrRoutesOverlap", "params",
    ),
}  # fmt: skip


class Compute:
    """The VPC networks of each project, with what is in them.

    Args:
        routes: where they are asked for.
        access: knows who may do what takes more than the method's own permission.
        hold_seconds: for how long a subnet stays in use after the last service in it has gone; at Google it is one to
            two hours ("Direct VPC egress", "Delete a subnet").
        clock: seconds.
    """

    def __init__(
        self, routes: Routes, access: Access, hold_seconds: float = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        # By name, projects/<id>/…; all of them are kept by the project's id as it was given.
        self._networks: dict[str, Json] = {}
        self._subnets: dict[str, Json] = {}
        self._addresses: dict[str, Json] = {}
        self._access = access
        self._hold_seconds = hold_seconds
        self._clock = clock
        self._held: dict[str, float] = {}
        # Which subnets services run in, put here by who knows.
        self.subnets_in_use: Callable[[], Iterable[str]] = tuple
        self._operations = Operations(routes)
        routes.add("POST", _NETWORKS, self._create_network)
        routes.add("GET", _NETWORKS, self._list_networks)
        routes.add("GET", _NETWORK, self._get_network)
        routes.add("PATCH", _NETWORK, self._patch_network)
        routes.add("DELETE", _NETWORK, self._delete_network)
        routes.add("POST", f"{_NETWORK}/removePeering", self._remove_peering)
        routes.add("POST", _SUBNETS, self._create_subnet)
        routes.add("GET", _SUBNETS, self._list_subnets)
        routes.add("GET", _SUBNET, self._get_subnet)
        routes.add("DELETE", _SUBNET, self._delete_subnet)
        routes.add("POST", f"{_SUBNET}/setPrivateIpGoogleAccess", self._set_google_access)
        routes.add("POST", _ADDRESSES, self._create_address)
        routes.add("GET", _ADDRESSES, self._list_addresses)
        routes.add("GET", _ADDRESS, self._get_address)
        routes.add("DELETE", _ADDRESS, self._delete_address)
        routes.add("POST", f"{_ADDRESS}/setLabels", self._set_labels)

    # What other services ask.

    def find_network(self, link: str, project: str) -> str:
        """The name of a network as others keep it, `projects/<number>/global/networks/<network>`; empty without one.

        Args:
            link: its name or address, or its last part alone.
            project: of a network that is named by its last part alone.
        """
        match = _LINK.fullmatch(link)
        name = match[1] if match else f"projects/{project}/global/networks/{link}"
        return next((numbered(one) for one in self._networks if numbered(one) == numbered(name)), "")

    def find_subnet(self, link: str, project: str, region: str) -> str:
        """The name of a subnet, `projects/<number>/regions/<region>/subnetworks/<subnet>`; empty without one.

        Args:
            link: its name or address, or its last part alone.
            project: of a subnet that is named by its last part alone.
            region: the same.
        """
        match = _LINK.fullmatch(link)
        name = match[1] if match else f"projects/{project}/regions/{region}/subnetworks/{link}"
        return next((numbered(one) for one in self._subnets if numbered(one) == numbered(name)), "")

    def network_of(self, subnet: str) -> str:
        """The network of a subnet that `find_subnet` has found."""
        record = next(one for name, one in self._subnets.items() if numbered(name) == subnet)
        return numbered(record["network"].removeprefix(LINK))

    def prefix_length(self, subnet: str) -> int:
        """How many bits of a subnet's addresses are the same."""
        record = next(one for name, one in self._subnets.items() if numbered(name) == subnet)
        return ipaddress.IPv4Network(record["ipCidrRange"]).prefixlen

    def has_range(self, name: str, network: str) -> bool:
        """Whether a range is kept for services of Google in a network.

        Args:
            name: the last part of its name.
            network: as `find_network` has it.
        """
        project = network.split("/")[1]
        found = next((one for key, one in self._addresses.items() if numbered(key) == _range(project, name)), None)
        return found is not None and numbered(found["network"].removeprefix(LINK)) == network

    def peerings(self, network: str) -> list[Json]:
        """The peerings of a network, which may be changed in place; none of one that is not there."""
        record: Json = next((one for name, one in self._networks.items() if numbered(name) == network), {})
        found: list[Json] = record.setdefault("peerings", [])
        return found

    # Networks.

    def _create_network(self, request: Request, project: str) -> Response:
        body = _checked(_NETWORK_SHAPE, request, "networks")
        name = f"projects/{project}/global/networks/{body['name']}"
        _check_new(name, self._networks)
        if body.get("autoCreateSubnetworks") or "autoCreateSubnetworks" not in request.json():
            raise invalid_value("autoCreateSubnetworks", True, "The rehearsal makes no subnets by itself.")
        record = self._networks[name] = _record("network", name) | {
            "autoCreateSubnetworks": False,
            "routingConfig": {"routingMode": body.get("routingConfig", {}).get("routingMode", "REGIONAL")},
            "mtu": body.get("mtu", _MTU),
            "networkFirewallPolicyEnforcementOrder": body.get(
                "networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL"
            ),
        }
        if "description" in body:
            record["description"] = body["description"]
        return self._operations.done(request, "insert", record)

    def _shown(self, name: str) -> Json:
        record = self._networks[name]
        subnets = [one["selfLink"] for one in self._subnets.values() if one["network"] == record["selfLink"]]
        return record | ({"subnetworks": subnets} if subnets else {})

    def _list_networks(self, request: Request, project: str) -> Response:
        return _listed([self._shown(name) for name in sorted(self._networks)], request, f"projects/{project}/")

    def _get_network(self, _: Request, project: str, network: str) -> Response:
        return Response(200, self._shown(_found(f"projects/{project}/global/networks/{network}", self._networks)))

    def _patch_network(self, request: Request, project: str, network: str) -> Response:
        name = _found(f"projects/{project}/global/networks/{network}", self._networks)
        body = check(_NETWORK_SHAPE, request.json(), "")
        if set(body) - {"name", "fingerprint", "routingConfig"}:
            raise LegacyError(400, "invalid", "The rehearsal changes nothing of a network but routingConfig.")
        self._networks[name]["routingConfig"] = {"routingMode": "REGIONAL"} | body.get("routingConfig", {})
        return self._operations.done(request, "patch", self._networks[name])

    def _delete_network(self, request: Request, project: str, network: str) -> Response:
        name = _found(f"projects/{project}/global/networks/{network}", self._networks)
        record = self._networks[name]
        users = [key for key, one in self._subnets.items() if one["network"] == record["selfLink"]]
        users += [f"{name}/peerings/{one['name']}" for one in record.get("peerings", [])]
        users += [key for key, one in self._addresses.items() if one["network"] == record["selfLink"]]
        if users:
            # Told by the operation, where a subnet's request is refused (kubernetes/kubernetes#64858).
            code, text = "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", in_use("network", name, users[0])
            return self._operations.failed(request, "delete", record, code, text)
        return self._operations.done(request, "delete", self._networks.pop(name))

    def _remove_peering(self, request: Request, project: str, network: str) -> Response:
        name = _found(f"projects/{project}/global/networks/{network}", self._networks)
        wanted = check({"name": STRING}, request.json(), "").get("name", "")
        peerings = self._networks[name].get("peerings", [])
        if wanted not in [one["name"] for one in peerings]:
            text = f"There is no peering '{wanted}' in network '{network}'."
            raise invalid_value("name", wanted, text)
        self._networks[name]["peerings"] = [one for one in peerings if one["name"] != wanted]
        return self._operations.done(request, "removePeering", self._networks[name])

    # Subnets.

    def _create_subnet(self, request: Request, project: str, location: str) -> Response:
        body = _checked(_SUBNET_SHAPE, request, "subnetworks")
        name = f"projects/{project}/regions/{location}/subnetworks/{body['name']}"
        network = self._network_of_request(body)
        # "Subnets": whoever makes one changes the network, too.
        need = Need("compute", "compute.networks.updatePolicy")
        if not self._access.allows(request.principal, need.permission, project, network):
            raise denied(request.principal, need, network)
        _check_new(name, self._subnets)
        wanted = _network(body.get("ipCidrRange", ""), "ipCidrRange")
        if not 4 <= wanted.prefixlen <= 29:
            raise invalid_value("ipCidrRange", wanted, "The prefix length must be from 4 to 29.")
        self._check_free(wanted, network, "ipCidrRange")
        if body.get("purpose", "PRIVATE") != "PRIVATE" or body.get("stackType", "IPV4_ONLY") != "IPV4_ONLY":
            raise LegacyError(400, "invalid", "The rehearsal knows subnets of the purpose PRIVATE with IPv4 alone.")
        record = self._subnets[name] = _record("subnetwork", name) | {
            "network": LINK + network,
            "ipCidrRange": str(wanted),
            "gatewayAddress": str(wanted[1]),
            "region": f"{LINK}projects/{project}/regions/{location}",
            "privateIpGoogleAccess": body.get("privateIpGoogleAccess", False),
            "privateIpv6GoogleAccess": "DISABLE_GOOGLE_ACCESS",
            "purpose": "PRIVATE",
            "stackType": "IPV4_ONLY",
            "fingerprint": secrets.token_urlsafe(8),
        }
        if "description" in body:
            record["description"] = body["description"]
        return self._operations.done(request, "insert", record)

    def _list_subnets(self, request: Request, project: str, location: str) -> Response:
        records = [self._subnets[name] for name in sorted(self._subnets)]
        return _listed(records, request, f"projects/{project}/regions/{location}/")

    def _get_subnet(self, _: Request, project: str, location: str, subnet: str) -> Response:
        name = f"projects/{project}/regions/{location}/subnetworks/{subnet}"
        return Response(200, self._subnets[_found(name, self._subnets)])

    def _delete_subnet(self, request: Request, project: str, location: str, subnet: str) -> Response:
        name = _found(f"projects/{project}/regions/{location}/subnetworks/{subnet}", self._subnets)
        if numbered(name) in set(self.subnets_in_use()) or self._held.get(numbered(name), 0) > self._clock():
            # Cloud Run takes addresses of the subnet, and releases them late.
            by = f"projects/{project}/regions/{location}/addresses/serverless-ipv4-{project_number(name)}"
            raise LegacyError(400, "resourceInUseByAnotherResource", in_use("subnetwork", name, by))
        return self._operations.done(request, "delete", self._subnets.pop(name))

    def let_go(self, subnet: str) -> None:
        """A service has left a subnet, as `find_subnet` has it."""
        self._held[subnet] = self._clock() + self._hold_seconds

    def _set_google_access(self, request: Request, project: str, location: str, subnet: str) -> Response:
        name = _found(f"projects/{project}/regions/{location}/subnetworks/{subnet}", self._subnets)
        wanted = check({"privateIpGoogleAccess": BOOL}, request.json(), "")
        self._subnets[name]["privateIpGoogleAccess"] = wanted.get("privateIpGoogleAccess", False)
        return self._operations.done(request, "setPrivateIpGoogleAccess", self._subnets[name])

    # Ranges of addresses.

    def _create_address(self, request: Request, project: str) -> Response:
        body = _checked(_ADDRESS_SHAPE, request, "addresses")
        name = f"projects/{project}/global/addresses/{body['name']}"
        if body.get("addressType") != "INTERNAL" or body.get("purpose") != "VPC_PEERING":
            text = "The rehearsal knows INTERNAL addresses of the purpose VPC_PEERING alone."
            raise invalid_value("purpose", body.get("purpose", ""), text)
        network = self._network_of_request(body)
        need = Need("compute", "compute.networks.use")
        if not self._access.allows(request.principal, need.permission, project, network):
            raise denied(request.principal, need, network)
        _check_new(name, self._addresses)
        _check_labels(body.get("labels", {}))
        length = body.get("prefixLength", 0)
        # "Choosing an IP address range": Cloud SQL takes a /24 of it for each region.
        if not 8 <= length <= 24:
            raise invalid_value("prefixLength", length, "Must be from 8 to 24.")
        if "address" in body:
            wanted = _network(f"{body['address']}/{length}", "address")
            self._check_free(wanted, network, "address")
        else:
            wanted = next(one for one in _ALLOCATED_FROM.subnets(new_prefix=length) if not self._taken(one, network))
        record = self._addresses[name] = _record("address", name) | {
            "address": str(wanted.network_address),
            "prefixLength": length,
            "status": "RESERVED",
            "purpose": "VPC_PEERING",
            "network": LINK + network,
            "networkTier": "PREMIUM",
            "addressType": "INTERNAL",
            "labels": body.get("labels", {}),
            "labelFingerprint": secrets.token_urlsafe(8),
        }
        if "description" in body:
            record["description"] = body["description"]
        return self._operations.done(request, "insert", record)

    def _list_addresses(self, request: Request, project: str) -> Response:
        records = [self._addresses[name] for name in sorted(self._addresses)]
        return _listed(records, request, f"projects/{project}/")

    def _get_address(self, _: Request, project: str, address: str) -> Response:
        name = f"projects/{project}/global/addresses/{address}"
        return Response(200, self._addresses[_found(name, self._addresses)])

    def _delete_address(self, request: Request, project: str, address: str) -> Response:
        name = _found(f"projects/{project}/global/addresses/{address}", self._addresses)
        return self._operations.done(request, "delete", self._addresses.pop(name))

    def _set_labels(self, request: Request, project: str, address: str) -> Response:
        record = self._addresses[_found(f"projects/{project}/global/addresses/{address}", self._addresses)]
        wanted = check({"labels": Map(STRING), "labelFingerprint": STRING}, request.json(), "")
        if wanted.get("labelFingerprint") != record["labelFingerprint"]:
            raise LegacyError(
                412, "conditionNotMet", "Labels fingerprint either invalid or resource labels have changed"
            )
        _check_labels(wanted.get("labels", {}))
        record |= {"labels": wanted.get("labels", {}), "labelFingerprint": secrets.token_urlsafe(8)}
        return self._operations.done(request, "setLabels", record)

    def _network_of_request(self, body: Json) -> str:
        """The name of the network that a request's resource is to be in."""
        link = body.get("network", "")
        match = _LINK.fullmatch(link)
        if not match:
            raise invalid_value("network", link, "The URL is malformed.")
        return _found(match[1], self._networks)

    def _taken(self, wanted: ipaddress.IPv4Network, network: str) -> str:
        """The name of what has some of these addresses in a network; empty where nothing has."""
        link = LINK + network
        for name, one in self._subnets.items():
            if one["network"] == link and wanted.overlaps(ipaddress.IPv4Network(one["ipCidrRange"])):
                return name
        for name, one in self._addresses.items():
            own = ipaddress.IPv4Network(f"{one['address']}/{one['prefixLength']}")
            if one["network"] == link and wanted.overlaps(own):
                return name
        return ""

    def _check_free(self, wanted: ipaddress.IPv4Network, network: str, field: str) -> None:
        taken = self._taken(wanted, network)
        if taken:
            raise invalid_value(field, wanted, f"Requested range conflicts with resource '{taken}'.")


def numbered(name: str) -> str:
    """The name of a resource with its project's number, whether it was given with that or with the id."""
    _, project, rest = name.split("/", 2)
    return f"projects/{project_number(project)}/{rest}"


def _range(project: str, name: str) -> str:
    return f"projects/{project_number(project)}/global/addresses/{name}"


def _checked(shape: Json, request: Request, collection: str) -> Json:
    """The resource of a request to make one."""
    body: Json = check(shape, request.json(), "")
    if not _NAME.fullmatch(body.get("name", "")):
        text = "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'"
        raise invalid_value("name", body.get("name", ""), text)
    for field in _UNKNOWN.get(collection, ()):
        if field in body:
            raise invalid_value(field, "", f"The rehearsal knows no {field} of {collection}.")
    return body


def _check_new(name: str, known: Json) -> None:
    if name in known:
        raise LegacyError(409, "alreadyExists", f"The resource '{name}' already exists")


def _found(name: str, known: Json) -> str:
    """The name by which a resource is kept."""
    found = next((one for one in known if numbered(one) == numbered(name)), None)
    if found is None:
        raise not_found(name)
    return found


def _record(kind: str, name: str) -> Json:
    return {
        "kind": f"compute#{kind}",
        "id": new_number(),
        "name": name.rpartition("/")[2],
        "creationTimestamp": now(),
        "selfLink": LINK + name,
    }


def _network(text: str, field: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        raise invalid_value(field, text, "Must be a CIDR address range that is contained in no other bits.") from None


def _check_labels(labels: Json) -> None:
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            text = "Label keys and values may hold lower-case letters, digits, underscores and hyphens, at most 63."
            raise invalid_value("labels", f"{key}={value}", text)


def _listed(records: list[Json], request: Request, prefix: str) -> Response:
    if request.query.get("filter"):
        raise LegacyError(400, "invalid", "The rehearsal knows no filter.")
    found = [one for one in records if one["selfLink"].startswith(LINK + prefix)]
    return Response(200, page(found, request, "items", 500))
