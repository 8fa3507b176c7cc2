"""What an emulator leaves behind in the Docker Engine, and its removal."""

from __future__ import annotations

import docker
from docker.errors import NotFound

from slipway_emulator.settings import Settings
from slipway_emulator.vpc import helper


def remove(client: docker.DockerClient, settings: Settings) -> int:
    """Remove the containers of an emulator that does not run, and its network.

    Returns:
        How many containers there were.

    Raises:
        docker.errors.DockerException: the engine refuses.
    """
    # MiniStack's mark on everything it starts: the host name it was told, and its port.
    mark = f"ministack.instance={settings.network_name}:{settings.gateway_port}"
    containers = client.containers.list(all=True, sparse=True, filters={"label": mark})
    for container in containers:
        try:
            container.remove(v=True, force=True)
        except NotFound:
            continue
    try:
        network = client.networks.get(settings.network_name)
    except NotFound:
        return len(containers)
    if [pool.get("Subnet") for pool in network.attrs["IPAM"]["Config"] or []] != [settings.subnet]:
        # Somebody else's, of the same name.
        return len(containers)
    for container_id in network.attrs["Containers"]:
        # Somebody else's, connected by hand.
        network.disconnect(container_id, force=True)
    network.remove()
    if settings.enforce_network:
        helper.remove(client, settings.network_name)
    return len(containers)
