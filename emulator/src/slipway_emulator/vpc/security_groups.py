"""What security groups allow ("Security group rules", Amazon VPC User Guide): a connection is allowed where a rule of
each side has the other side, the protocol and the port; nothing else is."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from slipway_emulator.vpc.interfaces import Interface, Network

Json = dict[str, Any]

_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_HIGHEST_PROTOCOL, _HIGHEST_PORT = 255, 65535
ANYWHERE = Network("0.0.0.0/0")


@dataclass(frozen=True, order=True)
class Ports:
    """A range of ports of one protocol, or all of all protocols.

    Attributes:
        protocol: its number; None for every protocol.
        first: the first port.
        last: the last port.
    """

    protocol: int | None = None
    first: int = 0
    last: int = _HIGHEST_PORT

    def intersect(self, other: Ports) -> Ports | None:
        """What both have; None where that is nothing."""
        if self.protocol is None or other.protocol is None:
            return other if self.protocol is None else self
        first, last = max(self.first, other.first), min(self.last, other.last)
        return Ports(self.protocol, first, last) if self.protocol == other.protocol and first <= last else None

    @property
    def protocols(self) -> str:
        """The protocol as a range, as nftables has it."""
        return f"0-{_HIGHEST_PROTOCOL}" if self.protocol is None else str(self.protocol)


def ports_of(permission: Json) -> Ports:
    """The ports of a security group's permission; those of a protocol without ports are all.

    MiniStack stores malformed ones, too, which AWS refuses: they are of the protocol that nobody speaks.
    """
    name = str(permission["IpProtocol"])
    if name == "-1":
        return Ports()
    protocol = _PROTOCOLS[name] if name in _PROTOCOLS else int(name) if name.isdecimal() else _HIGHEST_PROTOCOL
    if protocol not in (_PROTOCOLS["tcp"], _PROTOCOLS["udp"]):
        return Ports(min(protocol, _HIGHEST_PROTOCOL))
    first, last = max(permission.get("FromPort", 0), 0), permission.get("ToPort", _HIGHEST_PORT)
    last = last if last >= 0 else _HIGHEST_PORT
    return Ports(protocol, first, last) if first <= last <= _HIGHEST_PORT else Ports(_HIGHEST_PROTOCOL)


def ranges_of(permission: Json) -> list[Network]:
    """The IPv4 ranges of a permission; MiniStack stores malformed ones, too, which are none."""
    found = []
    for one in permission.get("IpRanges", []):
        with contextlib.suppress(ValueError):
            found.append(Network(one["CidrIp"], strict=False))
    return found


def between(source: Interface, destination: Interface) -> set[Ports]:
    """Where one interface may connect to another of its VPC."""
    if source.vpc != destination.vpc:
        return set()
    out = [ports_of(rule) for rule in source.egress if _names(rule, destination)]
    allowed = [ports_of(rule) for rule in destination.ingress if _names(rule, source)]
    return {both for one in out for other in allowed if (both := one.intersect(other))}


def from_internet(address: str, destination: Interface) -> set[Ports]:
    """Where an address of the internet may connect to an interface."""
    if not destination.is_public:
        return set()
    asking = ipaddress.IPv4Address(address)
    return {ports_of(rule) for rule in destination.ingress if any(asking in one for one in ranges_of(rule))}


def to_internet(source: Interface) -> Iterator[tuple[Network, Ports]]:
    """Where an interface may connect to outside of its VPC."""
    if source.leads_out:
        for rule in source.egress:
            for one in ranges_of(rule):
                yield one, ports_of(rule)


def merged(ports: set[Ports]) -> list[Ports]:
    """The same without overlaps."""
    found: list[Ports] = []
    if Ports() in ports:
        return [Ports()]
    for one in sorted(ports, key=lambda p: (p.protocol or 0, p.first)):
        last = found[-1] if found else None
        if last and last.protocol == one.protocol and one.first <= last.last + 1:
            found[-1] = Ports(one.protocol, last.first, max(last.last, one.last))
        else:
            found.append(one)
    return found


def _names(rule: Json, peer: Interface) -> bool:
    """Whether a rule is for an interface: by one of its groups, its subnets or its addresses."""
    # With the account in front where the rule names it.
    if any(str(pair.get("GroupId", "")).rpartition("/")[2] in peer.groups for pair in rule.get("UserIdGroupPairs", [])):
        return True
    addresses = [ipaddress.IPv4Address(address) for address in peer.addresses]
    return any(
        all(subnet.subnet_of(one) for subnet in peer.ranges) or (addresses and all(a in one for a in addresses))
        for one in ranges_of(rule)
    )
