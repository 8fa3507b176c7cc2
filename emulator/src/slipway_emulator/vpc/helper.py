"""The container that holds the table of a firewall, and its removal.

It is in the host's network and may do nothing but change that, so that a user of Docker needs no right but Docker's.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import subprocess
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound, NotFound

from slipway_emulator.images import NETWORK_IMAGE
from slipway_emulator.network import NetworkError

LABEL = "slipway.firewall"
_STOP_SECONDS = 10

_logger = logging.getLogger(__name__)


class Helper:
    """Runs commands in the engine's network namespace; with it ends the table.

    Args:
        client: a client of the engine.
        network: name of the network that the table is for.

    Raises:
        NetworkError: its image is missing.
    """

    def __init__(self, client: docker.DockerClient, network: str) -> None:
        try:
            client.images.get(NETWORK_IMAGE)
        except ImageNotFound:
            raise NetworkError(
                f"the image {NETWORK_IMAGE}, which enforces security groups, is missing. Build it: "
                "slipway-emulator images. Or start without: --no-enforce-network"
            ) from None
        options = ["--network=host", "--cap-drop=ALL", "--cap-add=NET_ADMIN", "--read-only"]
        self._process = subprocess.Popen(
            ["docker", "run", "--rm", "--interactive", *options, f"--label={LABEL}={network}", NETWORK_IMAGE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            # An interrupt is for the emulator, which ends this in order.
            start_new_session=True,
        )
        self._write(["nft", "delete", "table", "inet", table_name(network)], "")

    def run(self, *arguments: str, given: str = "") -> None:
        """Run a command.

        Args:
            arguments: the command.
            given: its standard input.

        Raises:
            NetworkError: it fails; says what the engine needs.
        """
        self._write(list(arguments), given)
        line = self._process.stdout.readline() if self._process.stdout else ""
        answer: dict[str, Any] = json.loads(line) if line else {"status": 1, "output": "its container has ended"}
        if answer["status"]:
            raise NetworkError(
                f"the engine does not let security groups be enforced ({' '.join(arguments)}: "
                f"{answer['output'].strip()}). It needs nftables, and containers in the host's network with the "
                "capability NET_ADMIN (no rootless engine). Or start without: --no-enforce-network"
            )

    def _write(self, arguments: list[str], given: str) -> None:
        try:
            if self._process.stdin:
                self._process.stdin.write(json.dumps({"arguments": arguments, "input": given}) + "\n")
        except BrokenPipeError:
            # Whoever waits for the answer is told.
            return

    def close(self) -> None:
        """End it, and the table with it."""
        if self._process.stdin:
            # What could not be written to one that has ended is written again here.
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()


def table_name(network: str) -> str:
    """The name of the table of a network; nftables takes letters, digits and underscores."""
    return f"slipway_{re.sub('[^a-zA-Z0-9]', '_', network)}"


def remove(client: docker.DockerClient, network: str) -> None:
    """Remove what an emulator has left that was killed: its table, and the containers that held it.

    Args:
        client: a client of the engine.
        network: name of its network.
    """
    for container in client.containers.list(all=True, sparse=True, filters={"label": f"{LABEL}={network}"}):
        try:
            container.remove(force=True)
        except NotFound:
            continue
    # Added first: it need not be there.
    name = table_name(network)
    command = ["nft", f"add table inet {name}; delete table inet {name}"]
    try:
        client.containers.run(
            NETWORK_IMAGE, command, remove=True, network_mode="host", cap_drop=["ALL"], cap_add=["NET_ADMIN"]
        )
    except DockerException as error:
        _logger.warning("the firewall's table %s may be left: %s", name, error)
