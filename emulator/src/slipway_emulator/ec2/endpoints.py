"""Where what an instance asks for is answered."""

from __future__ import annotations

from slipway_emulator.ec2.engine import InstanceEngine
from slipway_emulator.ec2.metadata import MetadataService
from slipway_emulator.endpoints import Endpoint
from slipway_emulator.parts import Parts


def endpoints(parts: Parts) -> list[Endpoint]:
    """The container engine and the metadata service of each instance."""
    return [
        InstanceEngine(parts.client, parts.instances, parts.registry_address, parts.roles, parts.firewall),
        MetadataService(parts.roles),
    ]
