"""The Docker network that every rehearsed container joins, and the addresses handed out on it."""

from __future__ import annotations

import ipaddress
import itertools
import threading
import zlib

import docker
from docker.errors import APIError, NotFound

# Ports that Docker publishes for containers of this network stay on loopback (Docker Engine,
# "Bridge network driver", option host_binding_ipv4).
_OPTIONS = {"com.docker.network.bridge.host_binding_ipv4": "127.0.0.1"}

# "Public" addresses are loopback addresses of their own: a task's port is published there, and its
# URL opens from this machine and from nowhere else. 127.0.113.0/24 recalls TEST-NET-3, 203.0.113.0/24.
_PUBLIC_ADDRESSES = ipaddress.ip_network("127.0.113.0/24")


class NetworkError(Exception):
    """The network cannot be had; the message says what to do."""


class ContainerNetwork:
    """The bridge between the host and the rehearsed containers.

    Args:
        client: a client of a running Docker Engine.
        name: name of the network; it is made when missing.
        subnet: its addresses; the host has the second one.

    Raises:
        NetworkError: the subnet is taken, or a network of that name has another one.
    """

    def __init__(self, client: docker.DockerClient, name: str, subnet: str) -> None:
        self.name = name
        self.gateway = str(ipaddress.ip_network(subnet)[2])
        try:
            found = client.networks.get(name).attrs["IPAM"]["Config"]
            if found != [{"Subnet": subnet, "Gateway": self.gateway}]:
                raise NetworkError(
                    f"the Docker network {name} is not the rehearsal's: it has {found}, "
                    f"not {subnet} with the gateway {self.gateway}. Remove it: docker network rm {name}"
                )
        except NotFound:
            pool = docker.types.IPAMPool(subnet=subnet, gateway=self.gateway)
            addresses = docker.types.IPAMConfig(pool_configs=[pool])
            try:
                client.networks.create(name, driver="bridge", options=_OPTIONS, ipam=addresses)
            except APIError as error:
                raise NetworkError(
                    f"the Docker network {name} ({subnet}) cannot be made: {error.explanation}. "
                    "See who has them: ip -4 address; docker network ls"
                ) from None
        self._lock = threading.Lock()
        # Emulators beside each other begin at different ones.
        first = 1 + zlib.crc32(name.encode()) % 254
        self._numbers = itertools.cycle([*range(first, 255), *range(1, first)])
        self._in_use: set[str] = set()

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
