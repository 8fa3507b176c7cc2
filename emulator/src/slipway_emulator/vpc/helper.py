"""The container that holds the table of a firewall, and its removal.

It is in the host's network and may do nothing but change that, so that a user of Docker needs no right but Docker's.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import selectors
import subprocess
import threading
import time
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from slipway_emulator.images import NETWORK_IMAGE
from slipway_emulator.network import NetworkError

LABEL = "slipway.firewall"
# A table of hundreds of interfaces takes less than a second, and the start of a container what the machine has to do.
_ANSWER_SECONDS = 60.0
_STOP_SECONDS = 10
_PAUSE_SECONDS = 1.0
_CHUNK_BYTES = 65536

_logger = logging.getLogger(__name__)


class _EndedError(Exception):
    """The container has ended, or does not answer; the message says which."""


class Helper:
    """Runs commands in the engine's network namespace; with it ends the table.

    Another container takes the place of one that ends or does not answer, and runs the same commands.

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
        self._client = client
        self._network = network
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._held: dict[str, tuple[tuple[str, ...], str]] = {}
        self._process = self._start()
        threading.Thread(target=self._watch, name="firewall-helper", daemon=True).start()

    def hold(self, name: str, *arguments: str, given: str = "") -> None:
        """Run a command now, and in each container that takes the place of this one.

        Args:
            name: of what the command sets; the last command of a name holds.
            arguments: the command.
            given: its standard input.

        Raises:
            NetworkError: it fails; says what the engine needs.
        """
        with self._lock:
            try:
                self._run(arguments, given)
                self._held[name] = (arguments, given)
            except _EndedError as error:
                self._held[name] = (arguments, given)
                self._replace(str(error))

    def close(self) -> None:
        """End it, and the table with it."""
        self._is_closed.set()
        with self._lock:
            if self._process.stdin:
                # What could not be written to one that has ended is written again here.
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        options = ["--network=host", "--cap-drop=ALL", "--cap-add=NET_ADMIN", "--read-only"]
        process = subprocess.Popen(
            ["docker", "run", "--rm", "--interactive", *options, f"--label={LABEL}={self._network}", NETWORK_IMAGE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            # An interrupt is for the emulator, which ends this in order.
            start_new_session=True,
        )
        if process.stdin:
            process.stdin.write(_line(["nft", "delete", "table", "inet", table_name(self._network)], ""))
            # One that takes nothing more is not waited for.
            os.set_blocking(process.stdin.fileno(), False)
        return process

    def _replace(self, reason: str) -> None:
        """Start another container and have it run what holds.

        Raises:
            NetworkError: that fails, too.
        """
        _logger.warning("the container that enforces security groups %s; another takes its place", reason)
        # The container goes before its client does: it would delete the table that the next one makes.
        _remove_containers(self._client, self._network)
        self._process.kill()
        self._process.wait()
        self._process = self._start()
        for arguments, given in self._held.values():
            try:
                self._run(arguments, given)
            except _EndedError as error:
                raise _refused(arguments, f"its container {error}") from None

    def _watch(self) -> None:
        """Replace a container that ends while nobody has a command for it."""
        while not self._is_closed.is_set():
            process = self._process
            process.wait()
            with self._lock:
                if self._is_closed.is_set() or process is not self._process:
                    continue
                try:
                    self._replace("has ended")
                except (NetworkError, DockerException, OSError):
                    _logger.exception("security groups may not be enforced")
            self._is_closed.wait(_PAUSE_SECONDS)

    def _run(self, arguments: tuple[str, ...], given: str) -> None:
        answer = _ask(self._process, list(arguments), given)
        if answer["status"]:
            raise _refused(arguments, answer["output"].strip())


def _line(arguments: list[str], given: str) -> bytes:
    return (json.dumps({"arguments": arguments, "input": given}) + "\n").encode()


def _ask(process: subprocess.Popen[bytes], arguments: list[str], given: str) -> dict[str, Any]:
    """What a command is answered.

    Raises:
        _EndedError: it is not.
    """
    stdin, stdout = process.stdin, process.stdout
    if not (stdin and stdout):
        raise _EndedError("has no standard input and output")
    deadline, rest, line = time.monotonic() + _ANSWER_SECONDS, _line(arguments, given), b""
    with selectors.DefaultSelector() as selector:
        selector.register(stdin, selectors.EVENT_WRITE)
        selector.register(stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _EndedError(f"has not answered for {_ANSWER_SECONDS:g} s")
            for key, _ in ready:
                if key.fileobj is stdout:
                    chunk = stdout.read(_CHUNK_BYTES)
                    if not chunk:
                        raise _EndedError("has ended")
                    line += chunk
                    continue
                try:
                    rest = rest[stdin.write(rest) or 0 :]
                except BrokenPipeError:
                    raise _EndedError("has ended") from None
                if not rest:
                    selector.unregister(stdin)
    answer: dict[str, Any] = json.loads(line)
    return answer


def _refused(arguments: tuple[str, ...], said: str) -> NetworkError:
    return NetworkError(
        f"the engine does not let security groups be enforced ({' '.join(arguments)}: {said}). It needs nftables, and "
        "containers in the host's network with the capability NET_ADMIN (no rootless engine). Or start without: "
        "--no-enforce-network"
    )


def table_name(network: str) -> str:
    """The name of the table of a network; nftables takes letters, digits and underscores."""
    return f"slipway_{re.sub('[^a-zA-Z0-9]', '_', network)}"


def remove(client: docker.DockerClient, network: str) -> None:
    """Remove what an emulator has left that was killed: its table, and the containers that held it.

    Args:
        client: a client of the engine.
        network: name of its network.
    """
    _remove_containers(client, network)
    # Added first: it need not be there.
    name = table_name(network)
    command = ["nft", f"add table inet {name}; delete table inet {name}"]
    try:
        client.containers.run(
            NETWORK_IMAGE, command, remove=True, network_mode="host", cap_drop=["ALL"], cap_add=["NET_ADMIN"]
        )
    except DockerException as error:
        _logger.warning("the firewall's table %s may be left: %s", name, error)


def _remove_containers(client: docker.DockerClient, network: str) -> None:
    for container in client.containers.list(all=True, sparse=True, filters={"label": f"{LABEL}={network}"}):
        try:
            container.remove(force=True)
        except APIError as error:
            # It is gone, or goes now.
            if error.status_code not in (404, 409):
                raise
