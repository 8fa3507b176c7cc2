"""Security groups and routes enforced: one nftables table in the engine's network namespace.

A container with `NET_ADMIN` in the host's network holds it, so that a user of Docker needs no right but that. What a
table does not allow is dropped, as in AWS: nobody answers. Connections that exist live on ("Security group connection
tracking", Amazon EC2 User Guide).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import docker
from ministack.core.responses import request_scope

from slipway_emulator.images import NETWORK_IMAGE
from slipway_emulator.network import MACHINE_ADDRESS, ContainerNetwork, Member, NetworkError
from slipway_emulator.vpc import interfaces, routes, security_groups
from slipway_emulator.vpc.helper import LABEL, Helper, table_name
from slipway_emulator.vpc.interfaces import Interface
from slipway_emulator.vpc.security_groups import ANYWHERE, Ports, from_internet, ports_of, ranges_of

_PROBE_SECONDS = 0.5
# A new container may ask before its interface is known.
_KNOWN_SECONDS = 10.0
_TICK_SECONDS = 0.1
_FOLLOW_SECONDS = 1.0
# What a container asks before it has any right: its credentials and metadata, and the engine of an instance.
_LOCAL_PATHS = ("/v2/credentials/", "/v4/", "/latest/", "/_slipway/")
_SCOPE = re.compile(r"Credential=[^/]+/[0-9]+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# Where the name in a signature is not that of the endpoint.
_ENDPOINTS = {"ecr": "ecr.api"}
_TCP, _HTTPS = 6, 443

_logger = logging.getLogger(__name__)


class Firewall:
    """Lets containers be reached by what their security groups allow, and by nothing else.

    Args:
        client: a client of the engine that runs the containers.
        network: the network that they join.
        gateway_port: port of the AWS APIs on the network's gateway.

    Raises:
        NetworkError: this engine does not let it; says what to do.
    """

    def __init__(self, client: docker.DockerClient, network: ContainerNetwork, gateway_port: int) -> None:
        self._client = client
        self._network = network
        self._gateway_port = gateway_port
        self._table = table_name(network.name)
        self._lock = threading.Lock()
        self._rules = ""
        self._interfaces: dict[str, Interface] = {}
        self._outside: set[str] = set()
        self._members: list[Member] = []
        self._balancers: dict[str, str] = {}
        self._denied: set[tuple[str, str]] = set()
        self._is_closed = False
        self._helper = Helper(client, network.name)
        try:
            self._hold_address(network.edge_address)
            self._apply([], set())
            self._prove()
            network.is_enforced = True
            threading.Thread(target=self._follow, name="firewall-follow", daemon=True).start()
        except BaseException:
            self.close()
            raise

    # -- what holds --

    def refresh(self) -> None:
        """Let what the security groups and routes say now hold."""
        with self._lock:
            if self._is_closed:
                return
            containers = self._network.containers()
            present = interfaces.present(self._address_of, containers)
            connected = {
                address: interfaces.of_connector(connector, address)
                for one, (address, connector) in self._network.connected.items()
                if containers.get(one) == address
            }
            present += filter(None, connected.values())
            self._members = [one for key, one in self._network.members.items() if containers.get(key) == one.address]
            self._interfaces = {address: one for one in present for address in one.addresses}
            reached = {address for one, address in self._network.outside.items() if containers.get(one) == address}
            self._outside = reached - connected.keys()
            self._apply(present, reached)

    def _follow(self) -> None:
        """Have each container that ends lose what it was allowed, whoever ended it."""
        filters = {"type": "network", "event": "disconnect", "network": self._network.name}
        while not self._is_closed:
            try:
                ended = self._client.events(decode=True, filters=filters)
                self.refresh()
                for _ in ended:
                    self.refresh()
            except Exception:
                # Whatever it is: the next one that ends has to be seen.
                _logger.exception("whether containers end is not known")
            # An engine that has ended starts again.
            time.sleep(_FOLLOW_SECONDS)

    def address_of_load_balancer(self, arn: str) -> str:
        """The address that a load balancer speaks from; a new one has to wait for the engine."""
        if known := self._balancers.get(arn):
            return known
        with self._lock:
            return self._address_of(arn)

    def _address_of(self, arn: str) -> str:
        if arn not in self._balancers:
            live = {balancer["LoadBalancerArn"] for balancer in interfaces.load_balancers()}
            self._balancers = {one: address for one, address in self._balancers.items() if one in live}
            address = next(a for a in self._network.balancer_addresses if a not in self._balancers.values())
            self._hold_address(address)
            self._balancers[arn] = address
        return self._balancers[arn]

    def _hold_address(self, address: str) -> None:
        self._helper.hold(address, "ip", "address", "replace", f"{address}/32", "dev", self._network.bridge)

    def _apply(self, present: list[Interface], reached: set[str]) -> None:
        rules = self._text(present, reached)
        if rules != self._rules:
            self._helper.hold("table", "nft", "-f", "-", given=rules)
            self._rules = rules

    def _text(self, present: list[Interface], reached: set[str]) -> str:
        """The table, in place of the one that there was.

        Args:
            present: what is in a VPC, or connects through one.
            reached: addresses that the edge reaches.
        """
        bridge, gateway, name = self._network.bridge, self._network.gateway, self._table
        allowed = "\n".join(sorted(self._allowed(present, reached)))
        leave = "\n".join(sorted(_leave(present, self._outside)))
        elements = f"elements = {{\n{allowed}\n}}" if allowed else ""
        # The resolver of a VPC answers whatever the security groups say ("DNS attributes for your VPC").
        return f"""
table inet {name}
delete table inet {name}
table inet {name} {{
  set allowed {{
    type ipv4_addr . ipv4_addr . inet_proto . inet_service
    flags interval
    {elements}
  }}
  chain edge {{
    ct state established,related accept
    ip saddr . ip daddr . meta l4proto . th dport @allowed accept
    drop
  }}
  chain leave {{
    ct state established,related accept
    meta l4proto {{ tcp, udp }} th dport 53 accept
    {leave}
    drop
  }}
  chain api {{
    ip daddr {gateway} tcp dport {self._gateway_port} accept
    jump leave
  }}
  chain forward {{
    type filter hook forward priority -5; policy accept;
    oifname "{bridge}" jump edge
    iifname "{bridge}" jump leave
  }}
  chain output {{
    type filter hook output priority -5; policy accept;
    oifname "{bridge}" jump edge
  }}
  chain input {{
    type filter hook input priority -5; policy accept;
    iifname "{bridge}" jump api
  }}
}}
"""

    def _allowed(self, present: list[Interface], reached: set[str]) -> Iterable[str]:
        for source, destination in itertools.permutations(present, 2):
            found = security_groups.merged(security_groups.between(source, destination))
            for one, other in itertools.product(source.addresses, destination.addresses):
                yield from (_element(one, other, ports) for ports in found)
        for destination in present:
            found = security_groups.merged(security_groups.from_internet(MACHINE_ADDRESS, destination))
            for address in destination.addresses:
                # Docker forwards what comes to a public address from the gateway.
                yield from (_element(self._network.gateway, address, ports) for ports in found)
        for address in reached:
            yield _element(self._network.edge_address, address, Ports())
        # VPC networks of Google let everything out, and what is peered with them in where it serves.
        for member, peer in itertools.permutations(self._members, 2):
            if member.vpc == peer.vpc and peer.port:
                yield _element(member.address, peer.address, Ports(_TCP, peer.port, peer.port))

    # -- requests to the APIs --

    async def allows(self, address: str, path: str, query: str, headers: Mapping[str, str]) -> bool:
        """Whether a request of a container reaches the APIs of AWS.

        Args:
            address: who asks.
            path: of the request.
            query: of its URL, as it came.
            headers: with names in lower case.
        """
        if not self._network.has(address):
            return True
        # In the query of a presigned URL.
        signed = _SCOPE.search(headers.get("authorization", "")) or _SCOPE.search(unquote(query))
        if path.startswith(_LOCAL_PATHS) and not signed:
            return True
        deadline = asyncio.get_running_loop().time() + _KNOWN_SECONDS
        while address not in self._interfaces and address not in self._outside:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_TICK_SECONDS)
        if address in self._outside:
            return True
        service, region = (signed["service"], signed["region"]) if signed else ("", "")
        allowed = self.reaches(self._interfaces[address], _ENDPOINTS.get(service, service), region)
        if not allowed and (address, service) not in self._denied:
            self._denied.add((address, service))
            _logger.warning("no way from %s to %s: see its route table and its groups' egress", address, service)
        return allowed

    def allows_to_listener(self, arn: str, port: int) -> bool:
        """Whether this machine reaches a port of a load balancer, as one on the internet does."""
        # Those that there are have an address: whoever asks here waits for nothing.
        balancer = self._interfaces.get(self._balancers.get(arn, ""))
        wanted = Ports(_TCP, port, port)
        return bool(balancer and any(one.intersect(wanted) for one in from_internet(MACHINE_ADDRESS, balancer)))

    @staticmethod
    def reaches(source: Interface, service: str, region: str) -> bool:
        """Whether an interface reaches an API of AWS: through the internet, or through an endpoint of its VPC.

        Args:
            source: the interface.
            service: the last part of the service name that an endpoint would have, such as `s3`; empty for what has
                none.
            region: of the API; an endpoint leads to those of its own.
        """
        https = Ports(_TCP, _HTTPS, _HTTPS)
        account, own_region, vpc = source.vpc
        has_endpoints = bool(service) and region == own_region
        with request_scope(account, own_region):
            if has_endpoints and (private := routes.private_endpoints(vpc, service)):
                # The name leads there and nowhere else ("Private DNS names", AWS PrivateLink Guide).
                there = [one for one in map(interfaces.of_endpoint, private) if one]
                return any(ports.intersect(https) for one in there for ports in security_groups.between(source, one))
            gateway = has_endpoints and all(routes.has_gateway_endpoint(subnet, service) for subnet in source.subnets)
            # Of public addresses, too ("Gateway endpoints"): a rule names all of them, or the service's list.
            addresses = routes.prefix_list(service) if has_endpoints else ""
        return (gateway or source.leads_out) and any(
            ANYWHERE in ranges_of(rule)
            or any(one["PrefixListId"] == addresses for one in rule.get("PrefixListIds") or [])
            for rule in source.egress
            if ports_of(rule).intersect(https)
        )

    # -- its beginning and end --

    def close(self) -> None:
        """Let everybody reach everybody again."""
        with self._lock:
            self._is_closed = True
            self._helper.close()

    def _prove(self) -> None:
        """Try what the table forbids.

        Raises:
            NetworkError: it is possible.
        """
        options = {"labels": {LABEL: self._network.name}, "network": self._network.name, "detach": True}
        closed = self._client.containers.run(NETWORK_IMAGE, ["sleep", "60"], **options)
        asking = None
        try:
            closed.reload()
            address = closed.attrs["NetworkSettings"]["Networks"][self._network.name]["IPAddress"]
            with socket.socket() as probe:
                probe.settimeout(_PROBE_SECONDS)
                from_machine = _is_answered(probe, address)
            # A port that nobody listens at answers, too, if it is asked.
            code = (
                "import socket, sys; s = socket.socket(); s.settimeout(float(sys.argv[2]))\n"
                "try: s.connect((sys.argv[1], 1))\n"
                "except TimeoutError: sys.exit(0)\n"
                "except ConnectionError: sys.exit(1)"
            )
            asking = self._client.containers.run(
                NETWORK_IMAGE, ["python3", "-c", code, address, str(_PROBE_SECONDS)], **options
            )
            from_container = asking.wait(timeout=60)["StatusCode"] != 0
        finally:
            for container in filter(None, (closed, asking)):
                container.remove(force=True)
        if from_machine or from_container:
            who = "this machine" if from_machine else "another container (the engine's bridge passes by the firewall)"
            raise NetworkError(
                f"security groups cannot be enforced: {who} reaches a container that nothing may reach. Let the "
                "firewall see the bridge: sudo modprobe br_netfilter && sudo sysctl "
                "net.bridge.bridge-nf-call-iptables=1. Or start without: --no-enforce-network"
            )


def _is_answered(probe: socket.socket, address: str) -> bool:
    try:
        probe.connect((address, 1))
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def _element(source: str, destination: str, ports: Ports) -> str:
    return f"{source} . {destination} . {ports.protocols} . {ports.first}-{ports.last},"


def _leave(present: list[Interface], outside: set[str]) -> Iterable[str]:
    for source in present:
        for address, (destination, ports) in itertools.product(source.addresses, security_groups.to_internet(source)):
            protocol = "" if ports.protocol is None else f"meta l4proto {ports.protocol} "
            port = f"th dport {ports.first}-{ports.last} " if ports.protocol in (6, 17) else ""
            yield f"ip saddr {address} ip daddr {destination} {protocol}{port}accept"
    yield from (f"ip saddr {address} accept" for address in outside)
