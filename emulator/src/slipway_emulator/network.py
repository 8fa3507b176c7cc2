"""The Docker network that every rehearsed container joins, and the addresses handed out on it."""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import threading
import zlib
from collections.abc import Callable
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

# What an engine that is busy or gone answers with.
ENGINE_ERRORS = (DockerException, requests.RequestException)

# Ports that Docker publishes for containers of this network stay on loopback (Docker Engine,
# "Bridge network driver", option host_binding_ipv4).
_OPTIONS = {"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}

# "Public" addresses are loopback addresses of their own: a task's port is published there, and its
# URL opens from this machine and from nowhere else. 127.0.113.0/24 recalls TEST-NET-3, 203.0.113.0/24.
_PUBLIC_ADDRESSES = ipaddress.ip_network("127.0.113.0/24")

# What this machine is to a security group: the address that load balancers put into X-Forwarded-For for it.
MACHINE_ADDRESS = "127.0.0.1"


class NetworkError(Exception):
    """The network cannot be had; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Member:
    """What is in a VPC network of Google.

    Attributes:
        address: of the container.
        vpc: the network's name.
        port: where others of the network reach it; 0 where they do not.
    """

    address: str
    vpc: str
    port: int


class ContainerNetwork:
    """The bridge between the host and the rehearsed containers.

    Docker gives the lower half of the addresses to containers. In the upper half are those that the emulator itself
    speaks from, so that a firewall tells it from other programs of this machine.

    Attributes:
        name: of the Docker network.
        gateway: the host's address.
        bridge: name of the host's network interface.
        edge_address: where requests to App Runner and Cloud Run come from.
        balancer_addresses: for load balancers.
        changed: is called when a container has been given an address, or has lost it.
        is_enforced: whether a firewall holds; load balancers speak from their own addresses then.

    Args:
        client: a client of a running Docker Engine.
        name: name of the network; it is made when missing.
        subnet: its addresses; the host has the second one.

    Raises:
        NetworkError: the subnet is taken, or a network of that name has another one.
    """

    def __init__(self, client: docker.DockerClient, name: str, subnet: str) -> None:
        self.name = name
        self._client = client
        self._range = ipaddress.ip_network(subnet)
        self.gateway = str(self._range[2])
        lower, upper = self._range.subnets()
        self.edge_address, *self.balancer_addresses = map(str, upper)
        self._outside: dict[str, str] = {}
        self._connected: dict[str, tuple[str, dict[str, Any]]] = {}
        self._members: dict[str, Member] = {}
        self.changed: Callable[[], None] = lambda: None
        self.is_enforced = False
        try:
            existing = client.networks.get(name)
            found = existing.attrs["IPAM"]["Config"]
            if found != [{"Subnet": subnet, "IPRange": str(lower), "Gateway": self.gateway}]:
                raise NetworkError(
                    f"the Docker network {name} is not the rehearsal's: it has {found}, "
                    f"not {subnet} with the range {lower} and the gateway {self.gateway}. "
                    f"Remove it: docker network rm {name}"
                )
        except NotFound:
            pool = docker.types.IPAMPool(subnet=subnet, iprange=str(lower), gateway=self.gateway)
            addresses = docker.types.IPAMConfig(pool_configs=[pool])
            # Docker does not refuse it where a range is given.
            taken = self._network_with(client)
            try:
                if not taken:
                    existing = client.networks.create(name, driver="bridge", options=_OPTIONS, ipam=addresses)
            except APIError as error:
                taken = str(error.explanation)
            if taken:
                raise NetworkError(
                    f"the Docker network {name} ({subnet}) cannot be made: {taken}. "
                    "See who has them: ip -4 address; docker network ls"
                ) from None
        # Docker's name of a bridge that is given none.
        self.bridge = f"br-{existing.id[:12]}"
        self._lock = threading.Lock()
        # Emulators beside each other begin at different ones.
        first = 1 + zlib.crc32(name.encode()) % 254
        self._numbers = itertools.cycle([*range(first, 255), *range(1, first)])
        self._in_use: set[str] = set()

    def _network_with(self, client: docker.DockerClient) -> str:
        """Which Docker network has some of the addresses; empty where none has."""
        for other in client.networks.list():
            for pool in other.attrs["IPAM"]["Config"] or []:
                theirs = ipaddress.ip_network(pool["Subnet"])
                if theirs.version == self._range.version and theirs.overlaps(self._range):
                    return f"the network {other.name} has {theirs}"
        return ""

    def has(self, address: str) -> bool:
        """Whether an address is one of a container."""
        return ipaddress.ip_address(address) in self._range and address != self.gateway

    def containers(self) -> dict[str, str]:
        """The addresses of all containers that run on the network, by the containers' ids.

        Raises:
            docker.errors.DockerException: the engine does not answer.
        """
        found = self._client.api.inspect_network(self.name)["Containers"]
        return {identifier: one["IPv4Address"].partition("/")[0] for identifier, one in found.items()}

    @property
    def outside(self) -> dict[str, str]:
        """Addresses of the containers outside of every VPC, which only the edge reaches, by the containers' ids."""
        return dict(self._outside)

    @property
    def connected(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Addresses of those of them that connect through a VPC, by the containers' ids, with their VPC connectors."""
        return dict(self._connected)

    @property
    def members(self) -> dict[str, Member]:
        """What is in a VPC network of Google, by the containers' ids."""
        return dict(self._members)

    @property
    def source(self) -> tuple[str, int] | None:
        """Where the edge connects from, as Python's sockets take it; None for any address."""
        return (self.edge_address, 0) if self.is_enforced else None

    def put_outside(self, container: Any, connector: dict[str, Any] | None = None) -> str:
        """Note a container that is in no VPC: the edge reaches it, and it reaches the internet.

        Args:
            container: docker-py's, with its address.
            connector: the VPC connector of App Runner that its own connections go through: what they reach is what the
                connector's groups and subnets let them.

        Returns:
            The address; empty where the container has ended already.
        """
        address: str = container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"]
        if address:
            self._outside[container.id] = address
            if connector:
                self._connected[container.id] = address, connector
            self.changed()
        return address

    def join(self, container: Any, vpc: str) -> str:
        """Note a container that the edge reaches, and whose own connections also reach what is in a VPC network.

        Args:
            container: docker-py's, with its address.
            vpc: the network's name.

        Returns:
            The address; empty where the container has ended already.
        """
        address = container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"]
        if address:
            self._members[container.id] = Member(address, vpc, 0)
        return self.put_outside(container)

    def serve(self, container: Any, vpc: str, port: int) -> str:
        """Note a container that is reached from a VPC network, at one port, and that reaches nothing itself.

        Args:
            container: docker-py's, with its address.
            vpc: the network's name.
            port: the port.

        Returns:
            The address.
        """
        address: str = container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"]
        self._members[container.id] = Member(address, vpc, port)
        self.changed()
        return address

    def leave(self, container: Any) -> None:
        """Forget one that `serve` has noted."""
        if self._members.pop(container.id, None):
            self.changed()

    def forget_outside(self, container: Any) -> None:
        """Forget one that has ended; others are ignored."""
        self._members.pop(container.id, None)
        self._connected.pop(container.id, None)
        if self._outside.pop(container.id, None):
            self.changed()

    def allocate_public_address(self) -> str:
        """A loopback address that no running task has.

        Raises:
            RuntimeError: all 254 addresses are taken.
        """
        with self._lock:
            for number in itertools.islice(self._numbers, 254):
                address = str(_PUBLIC_ADDRESSES[number])
                if address not in self._in_use:
                    self._in_use.add(address)
                    return address
        raise RuntimeError(f"no address left in {_PUBLIC_ADDRESSES}")

    def release_public_address(self, address: str) -> None:
        """Make an address available again; unknown addresses are ignored."""
        with self._lock:
            self._in_use.discard(address)
