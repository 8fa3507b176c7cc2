"""Cloud DNS API v1: private zones of VPC networks, and the addresses of the names in them."""

from __future__ import annotations

import ipaddress
import re
import secrets

from slipway_emulator.google.api import Json, LegacyError, Request, Response, Routes, now, page
from slipway_emulator.google.compute.api import Compute
from slipway_emulator.google.iam.access import Access, denied
from slipway_emulator.google.iam.permissions import Need
from slipway_emulator.google.messages import ANY, BOOL, INT32, INT64, STRING, Enum, Map, check

_ZONES = "/dns/v1/projects/{project}/managedZones"
_ZONE = f"{_ZONES}/{{zone}}"
_ZONE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(r"([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.)+")
_NETWORKS = {"kind": STRING, "networks": [{"kind": STRING, "networkUrl": STRING}], "gkeClusters": ANY}
_SHAPE = {
    "kind": STRING, "name": STRING, "dnsName": STRING, "description": STRING, "id": INT64, "nameServers": [STRING],
    "creationTime": STRING, "visibility": Enum("dns.Visibility", ("public", "private")), "labels": Map(STRING),
    "privateVisibilityConfig": _NETWORKS, "dnssecConfig": ANY, "forwardingConfig": ANY, "peeringConfig": ANY,
    "cloudLoggingConfig": {"kind": STRING, "enableLogging": BOOL}, "reverseLookupConfig": ANY,
    "serviceDirectoryConfig": ANY, "nameServerSet": STRING,
}  # fmt: skip
# What a rehearsal has no use for, and would have to act on.
_UNKNOWN = ("dnssecConfig", "forwardingConfig", "peeringConfig", "reverseLookupConfig", "serviceDirectoryConfig")
_RECORD = {
    "kind": STRING, "name": STRING, "type": STRING, "ttl": INT32, "rrdatas": [STRING], "signatureRrdatas": [STRING],
    "routingPolicy": ANY,
}  # fmt: skip
_CHANGE = {"kind": STRING, "additions": [_RECORD], "deletions": [_RECORD]}
_SERVER = "ns-gcp-private.googledomains.com."


class Dns:
    """The private zones of each project.

    Args:
        routes: where they are asked for.
        access: knows who may bind a network to a zone.
        compute: knows the networks.
    """

    def __init__(self, routes: Routes, access: Access, compute: Compute) -> None:
        # By project and name.
        self._zones: dict[tuple[str, str], Json] = {}
        # By project, zone, name and type.
        self._records: dict[tuple[str, str, str, str], Json] = {}
        self._changes: dict[tuple[str, str, str], Json] = {}
        self._access = access
        self._compute = compute
        routes.add("POST", _ZONES, self._create)
        routes.add("GET", _ZONES, self._list)
        routes.add("GET", _ZONE, self._get)
        routes.add("PUT", _ZONE, self._update)
        routes.add("DELETE", _ZONE, self._delete)
        routes.add("GET", f"{_ZONE}/rrsets", self._list_records)
        routes.add("POST", f"{_ZONE}/changes", self._change)
        routes.add("GET", f"{_ZONE}/changes/{{change}}", self._get_change)

    def addresses(self, network: str) -> dict[str, str]:
        """The addresses that names have in a network, as Compute finds it, for a file of hosts."""
        zones = [key for key, zone in self._zones.items() if network in self._bound(zone)]
        return {
            asked: record["rrdatas"][0]
            for (project, zone, name, kind), record in self._records.items()
            if (project, zone) in zones and kind == "A"
            # Which has them as they are asked for, with the dot at the end or without it.
            for asked in (name, name.removesuffix("."))
        }

    def _bound(self, zone: Json) -> list[str]:
        networks = zone.get("privateVisibilityConfig", {}).get("networks", [])
        return [self._compute.find_network(one["networkUrl"], "") for one in networks]

    def _find(self, project: str, zone: str) -> Json:
        if (project, zone) not in self._zones:
            text = f"The 'parameters.managedZone' resource named '{zone}' does not exist."
            raise LegacyError(404, "notFound", text)
        return self._zones[project, zone]

    def _create(self, request: Request, project: str) -> Response:
        body = self._checked(request, project)
        name = body["name"]
        if (project, name) in self._zones:
            raise LegacyError(409, "alreadyExists", f"The resource 'entity.managedZone' named '{name}' already exists")
        zone = self._zones[project, name] = body | {
            "kind": "dns#managedZone",
            "id": str(secrets.randbits(62)),
            "nameServers": [_SERVER],
            "creationTime": now(),
        }
        start = f"{_SERVER} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"
        for kind, ttl, data in (("NS", 21600, _SERVER), ("SOA", 21600, start)):
            self._records[project, name, body["dnsName"], kind] = _record(body["dnsName"], kind, ttl, [data])
        return Response(200, zone)

    def _checked(self, request: Request, project: str, known: str = "") -> Json:
        """The zone of a request, once nothing is wrong with it.

        Args:
            request: it.
            project: of the zone.
            known: the name of the zone that is to be changed.
        """
        body: Json = check(_SHAPE, request.json(), "entity.managedZone")
        name, dns_name = body.get("name", ""), body.get("dnsName", "")
        if not _ZONE_NAME.fullmatch(name):
            raise _invalid("name", name)
        if not _DNS_NAME.fullmatch(dns_name):
            raise _invalid("dnsName", dns_name)
        unknown = [field for field in _UNKNOWN if body.get(field)]
        networks = body.get("privateVisibilityConfig", {}).get("networks", [])
        if body.get("visibility") != "private" or unknown or not networks:
            text = "The rehearsal knows private zones of networks alone, without forwarding, peering and DNSSEC."
            raise LegacyError(400, "invalid", text)
        for one in networks:
            network = self._compute.find_network(one["networkUrl"], "")
            if not network:
                raise _invalid("privateVisibilityConfig.networks", one["networkUrl"])
            need = Need("dns", "dns.networks.bindPrivateDNSZone")
            if not self._access.allows(request.principal, need.permission, network.split("/")[1], network):
                raise denied(request.principal, need, network)
            for (owner, other), zone in self._zones.items():
                same = zone["dnsName"] == dns_name and network in self._bound(zone)
                if same and (owner, other) != (project, known):
                    text = f"The network '{one['networkUrl']}' is already bound to the zone '{other}' of '{dns_name}'."
                    raise LegacyError(409, "alreadyExists", text)
        return body

    def _list(self, request: Request, project: str) -> Response:
        zones = [zone for (owner, _), zone in sorted(self._zones.items()) if owner == project]
        return Response(200, page(zones, request, "managedZones"))

    def _get(self, _: Request, project: str, zone: str) -> Response:
        return Response(200, self._find(project, zone))

    def _update(self, request: Request, project: str, zone: str) -> Response:
        found = self._find(project, zone)
        body = self._checked(request, project, zone)
        if (body["name"], body["dnsName"]) != (zone, found["dnsName"]):
            raise _invalid("dnsName", body["dnsName"])
        kept = {field: found[field] for field in ("kind", "id", "nameServers", "creationTime")}
        self._zones[project, zone] = body | kept
        return Response(200, {"kind": "dns#operation", "id": secrets.token_hex(8), "status": "done", "type": "update"})

    def _delete(self, _: Request, project: str, zone: str) -> Response:
        found = self._find(project, zone)
        own = [key for key in self._records if key[:2] == (project, zone)]
        if any(key[2:] not in ((found["dnsName"], "NS"), (found["dnsName"], "SOA")) for key in own):
            text = (
                f"The resource named '{zone}' cannot be deleted because it contains one or more 'resource record sets'."
            )
            raise LegacyError(400, "containerNotEmpty", text)
        for key in own:
            del self._records[key]
        del self._zones[project, zone]
        return Response(200, {})

    def _list_records(self, request: Request, project: str, zone: str) -> Response:
        self._find(project, zone)
        wanted = {"name": request.query.get("name"), "type": request.query.get("type")}
        records = [
            record
            for key, record in sorted(self._records.items())
            if key[:2] == (project, zone) and all(value in (None, record[field]) for field, value in wanted.items())
        ]
        return Response(200, page(records, request, "rrsets"))

    def _change(self, request: Request, project: str, zone: str) -> Response:
        found = self._find(project, zone)
        body = check(_CHANGE, request.json(), "entity.change")
        after = dict(self._records)
        for position, record in enumerate(body.get("deletions", [])):
            key = (project, zone, record.get("name", ""), record.get("type", ""))
            if _compared(after.get(key, {})) != _compared(record):
                text = f"Precondition not met for 'entity.change.deletions[{position}]'"
                raise LegacyError(412, "conditionNotMet", text)
            del after[key]
        for position, record in enumerate(body.get("additions", [])):
            name, kind = record.get("name", ""), record.get("type", "")
            where = f"entity.change.additions[{position}]"
            inside = name == found["dnsName"] or name.endswith(f".{found['dnsName']}")
            if not inside or not _DNS_NAME.fullmatch(name):
                raise LegacyError(400, "invalid", f"Invalid value for '{where}.name': '{name}'")
            if kind != "A" or "routingPolicy" in record or len(record.get("rrdatas", [])) != 1:
                raise LegacyError(400, "invalid", f"Invalid value for '{where}': the rehearsal knows single addresses.")
            try:
                ipaddress.IPv4Address(record["rrdatas"][0])
            except ValueError:
                text = f"Invalid value for '{where}.rrdata[0]': '{record['rrdatas'][0]}'"
                raise LegacyError(400, "invalid", text) from None
            if (project, zone, name, kind) in after:
                text = f"The resource '{where}' named '{name} ({kind})' already exists"
                raise LegacyError(409, "alreadyExists", text)
            after[project, zone, name, kind] = _record(name, kind, record.get("ttl", 0), record["rrdatas"])
        self._records = after
        number = str(len(self._changes) + 1)
        change = {"kind": "dns#change", "id": number, "startTime": now(), "status": "done"} | body
        self._changes[project, zone, number] = change
        # It is done when it is first looked at.
        return Response(200, change | {"status": "pending"})

    def _get_change(self, _: Request, project: str, zone: str, change: str) -> Response:
        if (project, zone, change) not in self._changes:
            text = f"The 'parameters.changeId' resource named '{change}' does not exist."
            raise LegacyError(404, "notFound", text)
        return Response(200, self._changes[project, zone, change])


def _record(name: str, kind: str, ttl: int, data: list[str]) -> Json:
    return {"kind": "dns#resourceRecordSet", "name": name, "type": kind, "ttl": ttl, "rrdatas": data}


def _compared(record: Json) -> Json:
    return {field: record.get(field) for field in ("name", "type", "ttl", "rrdatas")}


def _invalid(field: str, value: str) -> LegacyError:
    return LegacyError(400, "invalid", f"Invalid value for 'entity.managedZone.{field}': '{value}'")
