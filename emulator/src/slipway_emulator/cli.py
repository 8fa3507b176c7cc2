"""The command line: `slipway-emulator start | stop | status | run | images | overrides`."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import fcntl
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound

from slipway_emulator import images, leftovers, overrides
from slipway_emulator.acm.authority import Authority, TrustError
from slipway_emulator.application import IDENTITY_PATH, create
from slipway_emulator.images import MACHINE_IMAGE, ImageError
from slipway_emulator.network import ContainerNetwork, NetworkError
from slipway_emulator.overrides import IncompatibleError, check_version
from slipway_emulator.settings import Settings, SettingsError

_START_SECONDS = 60
_STOP_SECONDS = 120
_NEEDED_MEMORY_MIB = 1024


class UnavailableError(Exception):
    """Something the emulator needs is missing; the message says what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when done, 1 when something is missing (said on standard error), 3 when `status` finds nothing, when
        `images --check` finds something to do and when `overrides` finds what would break.
    """
    parser = argparse.ArgumentParser(prog="slipway-emulator", description="AWS and Google Cloud on this machine.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    commands: dict[str, tuple[Callable[[Settings], int], str]] = {
        "start": (start, "start in the background and return when it answers"),
        "stop": (stop, "stop it and remove every container it started"),
        "status": (status, "say whether it runs"),
        "run": (run, "run in the foreground, with the log on standard error"),
    }
    try:
        for name, (_, text) in commands.items():
            _add_options(subparsers.add_parser(name, help=text, description=text))
        _add_images(subparsers)
        _add_overrides(subparsers)
        parsed = parser.parse_args(arguments)
        if parsed.command == "images":
            logs = Settings.of_user().state_directory
            return 0 if images.ensure(logs, rebuild=parsed.rebuild, only_check=parsed.check) else 3
        if parsed.command == "overrides":
            return _overrides(parsed.ministack)
        return commands[parsed.command][0](_settings(parsed))
    except (UnavailableError, IncompatibleError, TrustError, NetworkError, ImageError, SettingsError) as error:
        print(f"slipway-emulator: {error}", file=sys.stderr)
        return 1


def _add_images(subparsers: Any) -> None:
    text = "pull or build the container images that databases, instances and applications are made of"
    parser = subparsers.add_parser("images", help=text, description=text)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="only say what there is to do; exit with 3 if anything")
    modes.add_argument("--rebuild", action="store_true", help="build again what was built here, with Debian's updates")


def _add_overrides(subparsers: Any) -> None:
    text = "list what of MiniStack is replaced, and what of it a version of MiniStack would break"
    parser = subparsers.add_parser("overrides", help=text, description=text)
    parser.add_argument(
        "--ministack", type=Path, help="wheel of a MiniStack, or the folder it is in (default: the one installed)"
    )


def _overrides(place: Path | None) -> int:
    """Print the tables; 3 where a version of MiniStack would break anything."""
    sources = overrides.Sources(place) if place else overrides.installed_sources()
    broken = 0
    for service, table in overrides.tables().items():
        print(f"{service}: MiniStack's own ...")
        for row in table:
            problem = overrides.problem(row, sources)
            broken += bool(problem)
            print(f"  {'BROKEN' if problem else 'fits  '} {row.module}.{row.name} {problem}".rstrip())
            print(f"         {row.reason}")
    for module, name, file in overrides.missing_names(sources):
        broken += 1
        print(f"BROKEN {module}.{name} is gone; {file} uses it")
    return 3 if broken else 0


_OPTIONS = {
    "state_directory": "folder of the process id, the log and Google's key (default: $SLIPWAY_EMULATOR_STATE, else %s)",
    "authority_directory": "folder of the certificate authority (default: %s)",
    "gateway_port": "port of the AWS APIs and their image registry (default: %s)",
    "http_port": "port of the load balancers' HTTP listeners (default: %s)",
    "https_port": "port of the load balancers' HTTPS listeners (default: %s)",
    "network_name": "Docker network of the containers (default: %s)",
    "subnet": "its addresses (default: %s)",
    "region": "AWS region of requests that name none (default: %s)",
    "account_plan": "plan of the AWS accounts, paid or free: the latter refuses what AWS refuses it (default: %s)",
    "google_port": "port of Google's APIs and their image registry (default: %s)",
    "google_project": "Google project that has a service account's key (default: %s)",
    "late_seconds": (
        "seconds for which new tasks, services, roles and policies of roles, changes of services, and Google APIs that "
        "are switched on, are not seen yet; what is deleted is listed for an hour then "
        "(default: $SLIPWAY_EMULATOR_LATE_SECONDS, else 0; now %s)"
    ),
    "enforce_quotas": "refuse what exceeds AWS's default quotas of VPCs and their gateways and addresses (default: %s)",
    "enforce_iam": "let IAM's policies decide what is allowed (default: %s)",
}


_CHOICES = {"account_plan": ("paid", "free")}


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting; `status` and `stop` take those of the last start where none is given."""
    defaults = dataclasses.asdict(Settings.of_user())
    for name, text in _OPTIONS.items():
        option, kind, text = f"--{name.replace('_', '-')}", type(defaults[name]), text % defaults[name]
        if kind is bool:
            parser.add_argument(option, action=argparse.BooleanOptionalAction, help=text)
        else:
            kind = Path if issubclass(kind, Path) else kind
            parser.add_argument(option, type=kind, choices=_CHOICES.get(name), help=text)


def _settings(parsed: argparse.Namespace) -> Settings:
    given = {name: value for name in _OPTIONS if (value := getattr(parsed, name)) is not None}
    for name in ("state_directory", "authority_directory"):
        if name in given:
            # The process in the background may be started from another folder.
            given[name] = given[name].absolute()
    settings = Settings.of_user()
    if parsed.command in ("status", "stop"):
        directory = given.get("state_directory", settings.state_directory)
        settings = dataclasses.replace(settings, state_directory=directory).of_last_start()
    return dataclasses.replace(settings, **given)


def start(settings: Settings) -> int:
    """Start in the background, unless it runs already, and wait until it answers."""
    if _is_started_by_another(settings):
        return 0
    _check_machine(settings)
    settings.state_directory.mkdir(parents=True, exist_ok=True)
    # Another start at this very moment may have opened it, too.
    with settings.log_file.open("a") as log:
        log.truncate(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "slipway_emulator", "run", *settings.options()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    problem = f"no answer after {_START_SECONDS} s"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            if _is_started_by_another(settings):
                return 0
            problem = "it ended while starting"
            break
        if _is_ready(settings):
            print(f"started at {settings.gateway_url}, log in {settings.log_file}")
            return 0
        time.sleep(0.1)
    process.terminate()
    raise UnavailableError(f"{problem}. The end of {settings.log_file}:\n{_log_tail(settings)}")


def _is_started_by_another(settings: Settings) -> bool:
    """Whether it runs already; somebody else may have started it just now, and then it is waited for.

    Raises:
        UnavailableError: its process does not answer, or has other settings.
    """
    deadline = time.monotonic() + _START_SECONDS
    while running := running_process(settings):
        if settings.of_last_start() != settings:
            raise UnavailableError(
                f"process {running} runs already, with other settings ({settings.settings_file}). Stop it first: "
                f"{_stop_command(settings.state_directory)}"
            )
        if _is_ready(settings):
            print(f"already running at {settings.gateway_url}")
            return True
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"process {running} runs but does not answer; see {settings.log_file}. "
                f"{_how_to_stop(settings, running)}"
            )
        time.sleep(0.1)
    return False


def stop(settings: Settings) -> int:
    """Stop it; its containers and its network go with it, and those of one that was killed."""
    process = running_process(settings)
    if process is None:
        print(f"not running{_remove_leftovers(settings)}")
        return 0
    os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while not _has_ended(process):
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"process {process} still runs {_STOP_SECONDS} s after SIGTERM; see {settings.log_file}. "
                f"{_how_to_stop(settings, process)}"
            )
        time.sleep(0.1)
    print("stopped")
    return 0


def status(settings: Settings) -> int:
    """Say whether it runs and answers."""
    process = running_process(settings)
    if process and _is_ready(settings):
        print(f"running at {settings.gateway_url}, process {process}, log in {settings.log_file}")
        return 0
    print("not running" if process is None else f"process {process} runs but does not answer")
    return 3


def run(settings: Settings) -> int:
    """Run in the foreground until SIGTERM or SIGINT."""
    check_version()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO, force=True)
    with _process_file(settings):
        # MiniStack begins by removing the containers of whoever had its port before: nobody may have it now.
        _check_ports(settings)
        client = _engine()
        network = ContainerNetwork(client, settings.network_name, settings.subnet)
        try:
            asyncio.run(_serve(settings, client, network))
        finally:
            leftovers.remove(client, settings)
    return 0


async def _serve(settings: Settings, client: docker.DockerClient, network: ContainerNetwork) -> None:
    application = create(settings, client, network)
    from hypercorn.asyncio import serve

    from slipway_emulator.elbv2.listeners import EdgeConfig

    config = EdgeConfig(Authority(settings.authority_directory))
    config.bind = [f"127.0.0.1:{settings.https_port}"]
    config.insecure_bind = [
        f"127.0.0.1:{settings.gateway_port}",
        f"{network.gateway}:{settings.gateway_port}",
        f"127.0.0.1:{settings.http_port}",
        f"127.0.0.1:{settings.google_port}",
    ]
    config.keep_alive_timeout = 75
    config.errorlog = "-"
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serve(application, config, shutdown_trigger=stopping.wait)


@contextmanager
def _process_file(settings: Settings) -> Iterator[None]:
    """Hold the file that says which process runs; its lock ends with the process, however that ends."""
    settings.state_directory.mkdir(parents=True, exist_ok=True)
    with settings.pid_file.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnavailableError(f"it runs already; {settings.pid_file} names its process") from None
        file.truncate(0)
        settings.settings_file.write_text(settings.to_json())
        file.write(str(os.getpid()))
        file.flush()
        yield
        settings.settings_file.unlink(missing_ok=True)
        settings.pid_file.unlink(missing_ok=True)


def running_process(settings: Settings) -> int | None:
    """Process id of the emulator of this state directory, or None when it does not run."""
    try:
        with settings.pid_file.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
    except (FileNotFoundError, ValueError):
        return None
    return None


def _how_to_stop(settings: Settings, process: int) -> str:
    # What no longer answers may not see SIGTERM either; `stop` removes the containers that are left.
    return f"Stop it: kill -9 {process} && {_stop_command(settings.state_directory)}"


def _stop_command(state_directory: Path | str) -> str:
    return f"slipway-emulator stop --state-directory {state_directory}"


def _has_ended(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    # A zombie waits for its parent only.
    return state == "Z"


def _check_machine(settings: Settings) -> None:
    """Say what is missing before anything is started."""
    check_version()
    engine = _engine()
    _check_ports(settings)
    available = _available_memory_mib()
    if available < _NEEDED_MEMORY_MIB:
        raise UnavailableError(
            f"{available} MiB of memory are available, {_NEEDED_MEMORY_MIB} MiB are needed. "
            "Stop something, or give the machine more"
        )
    if Authority(settings.authority_directory).trust():
        print("the machine now trusts the emulator's certificates")
    try:
        engine.images.get(MACHINE_IMAGE)
    except ImageNotFound:
        # All else works without it.
        print(
            f"the image {MACHINE_IMAGE} is missing: no EC2 instance will start. Build it with: slipway-emulator images"
        )


def _check_ports(settings: Settings) -> None:
    parts = {
        settings.gateway_port: "the AWS APIs and their image registry",
        settings.google_port: "Google's APIs and their image registry",
        settings.http_port: "the load balancers' HTTP",
        settings.https_port: "the load balancers' HTTPS",
    }
    for port, part in parts.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except PermissionError:
                raise UnavailableError(
                    f"this user may not listen on port {port}, for {part}. Allow it with: "
                    f"sudo sysctl net.ipv4.ip_unprivileged_port_start={port}"
                ) from None
            except OSError as error:
                other = _identity(settings)
                if other:
                    raise UnavailableError(
                        f"port {port} on 127.0.0.1 has the emulator of {other['state_directory']} "
                        f"(process {other['process']}). Stop it: {_stop_command(other['state_directory'])}"
                    ) from None
                raise UnavailableError(
                    f"port {port} on 127.0.0.1 is not free ({error.strerror}); it is for {part}. "
                    f"See who has it: ss -ltnp 'sport = :{port}'"
                ) from None


def _remove_leftovers(settings: Settings) -> str:
    """Remove what a killed emulator left; what to say of it."""
    other = _identity(settings)
    if other:
        return f" here; the one of {other['state_directory']} is (process {other['process']})"
    try:
        count = leftovers.remove(_engine(), settings)
    except UnavailableError:
        # Where no engine runs, no container does.
        return ""
    return f"; removed {count} containers that one had left" if count else ""


def _engine() -> docker.DockerClient:
    """A client of the Docker Engine that `DOCKER_HOST` names, or the local one."""
    try:
        client = docker.from_env(timeout=20)
        client.ping()
    except DockerException as error:
        raise UnavailableError(
            f"no Docker Engine answers ({error}). Start it (`make setup` does so, or: "
            "sudo systemctl start docker) and see that this user may use it: docker version"
        ) from None
    return client


def _identity(settings: Settings) -> dict[str, Any] | None:
    """What the emulator on the gateway's port says of itself, or None when there is none."""
    try:
        identity: dict[str, Any] = json.loads(_get(settings, IDENTITY_PATH))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return identity


def _is_ready(settings: Settings) -> bool:
    try:
        _get(settings, "/_ministack/ready")
    except (OSError, http.client.HTTPException):
        return False
    return True


def _get(settings: Settings, path: str) -> bytes:
    """The body at a path of the gateway; OSError where it is not answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", settings.gateway_port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(f"{path}: {answer.status}")
        return answer.read()
    finally:
        connection.close()


def _available_memory_mib() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise UnavailableError("/proc/meminfo does not say how much memory is available")


def _log_tail(settings: Settings) -> str:
    return "\n".join(settings.log_file.read_text().splitlines()[-15:])
