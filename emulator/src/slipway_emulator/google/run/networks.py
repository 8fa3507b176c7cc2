"""The VPC network that connections of a revision or a task go through ("Direct VPC egress with a VPC network")."""

from __future__ import annotations

from slipway_emulator.google.api import ApiError, Json, invalid
from slipway_emulator.google.compute.api import Compute
from slipway_emulator.google.dns.api import Dns
from slipway_emulator.google.iam.access import Access
from slipway_emulator.google.iam.policies import run_agent

# "Subnet size": /26 or larger.
_LONGEST_PREFIX = 26
_USE = "compute.subnetworks.use"


class Networks:
    """Knows them, and which of their subnets services, jobs and worker pools take addresses of.

    Args:
        access: knows what Cloud Run's own account may do.
        compute: knows networks and subnets.
        dns: knows the names in them.
    """

    def __init__(self, access: Access, compute: Compute, dns: Dns) -> None:
        self._access = access
        self._compute = compute
        self._dns = dns
        # Subnets by the whole names of the services, jobs and worker pools.
        self._held: dict[str, str] = {}

    def check(self, template: Json, project: str, location: str, path: str) -> None:
        """Refuse a network that a revision or a task cannot be in.

        Args:
            template: its template, with `vpcAccess` as `complete_network` leaves it.
            project: of the revision or task.
            location: its region.
            path: of the template in the request.

        Raises:
            ApiError: it cannot.
        """
        if "vpcAccess" not in template:
            return
        found = self.subnet(template, project, location)
        field = f"{path}.vpc_access.network_interfaces[0]"
        if not found:
            raise invalid(field, f"{field}: The subnetwork was not found in {location}.")
        network = template["vpcAccess"]["networkInterfaces"][0].get("network")
        if network and self._compute.find_network(network, project) != self._compute.network_of(found):
            raise invalid(field, f"{field}: The subnetwork is not in the network {network}.")
        if self._compute.prefix_length(found) > _LONGEST_PREFIX:
            raise invalid(
                field, f"{field}: The subnetwork must have the prefix length {_LONGEST_PREFIX} or a shorter one."
            )
        owner = found.split("/")[1]
        if not self._access.allows(run_agent(project), _USE, owner, found):
            raise ApiError(
                "PERMISSION_DENIED", f"Permission '{_USE}' denied on resource '{found}' (or it may not exist)."
            )

    def subnets(self) -> set[str]:
        """The subnets that are in use."""
        return set(self._held.values())

    def subnet(self, template: Json, project: str, location: str) -> str:
        """The subnet that a revision or a task takes addresses of, as Compute finds it; empty without one."""
        interfaces = template.get("vpcAccess", {}).get("networkInterfaces", [])
        # With the network alone, the subnet of the same name.
        links = [one.get("subnetwork") or one.get("network", "").rpartition("/")[2] for one in interfaces]
        return self._compute.find_subnet(links[0], project, location) if links else ""

    def reached(self, record: Json) -> tuple[str, dict[str, str]]:
        """The network that a revision or a task reaches, and the addresses of the names in it; empty without one."""
        _, project, _, location, *_ = record["name"].split("/")
        subnet = self.subnet(record, project, location)
        if not subnet:
            return "", {}
        network = self._compute.network_of(subnet)
        return network, self._dns.addresses(network)

    def hold(self, name: str, template: Json) -> None:
        """A service, a job or a worker pool has this template now, and the addresses of its subnet are in use."""
        _, project, _, location, *_ = name.split("/")
        self._held[name] = self.subnet(template, project, location)

    def let_go(self, name: str) -> None:
        """One has gone, and releases its addresses late."""
        if subnet := self._held.pop(name, ""):
            self._compute.let_go(subnet)
