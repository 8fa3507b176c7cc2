"""Command line of the rehearsal cloud: `python -m emulator start | stop | status | run`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from docker.errors import DockerException

from emulator import network as networks
from emulator.application import create, engine
from emulator.certificates import Authority, TrustError
from emulator.settings import Settings

_START_SECONDS = 60
_STOP_SECONDS = 120
_NEEDED_MEMORY_MIB = 1024


class Unavailable(Exception):
    """Something the rehearsal cloud needs is missing; the message says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when done, 1 when something is missing (said on standard error), 3 when `status` finds nothing.
    """
    parser = argparse.ArgumentParser(prog="python -m emulator", description="The rehearsal cloud of this checkout.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    commands: dict[str, tuple[Callable[[Settings], int], str]] = {
        "start": (start, "start in the background and return when it answers"),
        "stop": (stop, "stop it and remove every container it started"),
        "status": (status, "say whether it runs"),
        "run": (run, "run in the foreground, with the log on standard error"),
    }
    for name, (_, text) in commands.items():
        subparsers.add_parser(name, help=text)
    command, _ = commands[parser.parse_args(arguments).command]
    try:
        return command(Settings.from_environment())
    except Unavailable as error:
        print(f"rehearsal cloud: {error}", file=sys.stderr)
        return 1


def start(settings: Settings) -> int:
    """Start in the background, unless it runs already, and wait until it answers."""
    if running_process(settings):
        print(f"already running at {settings.gateway_url}")
        return 0
    _check_machine(settings)
    settings.state_directory.mkdir(parents=True, exist_ok=True)
    with settings.log_file.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulator", "run"],
            cwd=settings.project_directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(f"it ended while starting. The end of {settings.log_file}:\n{_log_tail(settings)}")
        if _answers(settings):
            print(f"started at {settings.gateway_url}, log in {settings.log_file}")
            return 0
        time.sleep(0.1)
    process.terminate()
    raise Unavailable(f"no answer after {_START_SECONDS} s. The end of {settings.log_file}:\n{_log_tail(settings)}")


def stop(settings: Settings) -> int:
    """Stop it; its containers and its network go with it."""
    process = running_process(settings)
    if process is None:
        print("not running")
        return 0
    os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while running_process(settings):
        if time.monotonic() > deadline:
            raise Unavailable(f"process {process} still runs {_STOP_SECONDS} s after SIGTERM; see {settings.log_file}")
        time.sleep(0.1)
    print("stopped")
    return 0


def status(settings: Settings) -> int:
    """Say whether it runs and answers."""
    process = running_process(settings)
    if process and _answers(settings):
        print(f"running at {settings.gateway_url}, process {process}, log in {settings.log_file}")
        return 0
    print("not running" if process is None else f"process {process} runs but does not answer")
    return 3


def run(settings: Settings) -> int:
    """Run in the foreground until SIGTERM or SIGINT."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO, force=True)
    client = _engine()
    network = networks.ContainerNetwork(client, settings.network_name)
    application = create(settings, network)
    from hypercorn.asyncio import serve

    from emulator.edge import EdgeConfig

    config = EdgeConfig(Authority(settings.authority_directory))
    config.bind = [f"127.0.0.1:{settings.https_port}"]
    config.insecure_bind = [
        f"127.0.0.1:{settings.gateway_port}",
        f"{network.gateway}:{settings.gateway_port}",
        f"127.0.0.1:{settings.http_port}",
    ]
    config.keep_alive_timeout = 75
    config.errorlog = "-"

    async def serve_until_stopped() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await serve(application, config, shutdown_trigger=stopping.wait)  # type: ignore[arg-type]  # ASGI by hand

    settings.state_directory.mkdir(parents=True, exist_ok=True)
    settings.pid_file.write_text(str(os.getpid()))
    try:
        asyncio.run(serve_until_stopped())
        networks.remove(client, settings.network_name)
    finally:
        settings.pid_file.unlink(missing_ok=True)
    return 0


def running_process(settings: Settings) -> int | None:
    """Process id of this checkout's rehearsal cloud, or None when it does not run."""
    try:
        process = int(settings.pid_file.read_text())
        command = open(f"/proc/{process}/cmdline").read().split("\0")
    except (OSError, ValueError):
        return None
    return process if "emulator" in command else None


def _check_machine(settings: Settings) -> None:
    """Say what is missing before anything is started."""
    gateway = networks.ContainerNetwork(_engine(), settings.network_name).gateway
    for address, port in (
        ("127.0.0.1", settings.gateway_port),
        (gateway, settings.gateway_port),
        ("127.0.0.1", settings.http_port),
        ("127.0.0.1", settings.https_port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except PermissionError:
                raise Unavailable(
                    f"this user may not listen on port {port}. Allow it with: "
                    f"sudo sysctl net.ipv4.ip_unprivileged_port_start={settings.http_port}"
                ) from None
            except OSError as error:
                raise Unavailable(
                    f"port {port} on {address} is not free ({error.strerror}). "
                    f"See who has it: ss -ltnp 'sport = :{port}'"
                ) from None
    available = _available_memory_mib()
    if available < _NEEDED_MEMORY_MIB:
        raise Unavailable(
            f"{available} MiB of memory are available, {_NEEDED_MEMORY_MIB} MiB are needed. "
            "Stop something, or give the machine more"
        )
    try:
        if Authority(settings.authority_directory).trust():
            print("the machine now trusts the rehearsal's certificates")
    except TrustError as error:
        raise Unavailable(str(error)) from None


def _engine():  # type: ignore[no-untyped-def]  # docker-py has no types
    try:
        return engine()
    except DockerException as error:
        raise Unavailable(
            f"no Docker Engine answers ({error}). Start it (`make setup` does so, or: sudo systemctl start docker) "
            "and see that this user may use it: docker version"
        ) from None


def _answers(settings: Settings) -> bool:
    try:
        with urllib.request.urlopen(f"{settings.gateway_url}/_ministack/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _available_memory_mib() -> int:
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    raise Unavailable("/proc/meminfo does not say how much memory is available")


def _log_tail(settings: Settings) -> str:
    return "\n".join(settings.log_file.read_text().splitlines()[-15:])


if __name__ == "__main__":
    sys.exit(main())
