#!/usr/local/bin/python3
"""What runs inside a rehearsed EC2 instance in place of its firmware, cloud-init and systemd.

It gives the instance its metadata service, runs the user data once as cloud-init does ("Run commands on your Linux
instance at launch"), and keeps the units running that the user data writes (systemd.service(5)). What it does not
know of a unit file is an error: a rehearsal must not accept what it then leaves out.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

METADATA_ADDRESS = ("169.254.169.254", 80)
CONTROL_SOCKET = "/run/systemd/private"
UNIT_DIRECTORIES = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
CLOUD_INIT_DIRECTORY = Path("/var/lib/cloud")
CLOUD_INIT_LOG = Path("/var/log/cloud-init-output.log")

# Without meaning here: what user-written units come after is there from the start.
_IGNORED = {
    "Unit": {"After", "Before", "Description", "Documentation", "Requires", "Wants"},
    "Install": {"WantedBy"},
}
_UNIT = {"OnFailure", "StartLimitBurst", "StartLimitIntervalSec"}
_SERVICE = {
    "ExecStart",
    "ExecStartPre",
    "ExecStop",
    "Restart",
    "RestartSec",
    "StandardError",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Type",
}
_DEFAULTS = {
    "OnFailure": "",
    "Restart": "no",
    "RestartSec": "0.1",
    "StartLimitBurst": "5",
    "StartLimitIntervalSec": "10",
    "TimeoutStartSec": "90",
    "TimeoutStopSec": "90",
    "Type": "simple",
}


def say(text: str) -> None:
    """Write a line to the console."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


# -- the metadata service ---------------------------------------------------------------------------------


class MetadataLink(socketserver.BaseRequestHandler):
    """Hands the bytes of one connection to the emulator, which knows the instance by its address."""

    def handle(self) -> None:
        """Copy in both directions until both have ended."""
        gateway = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
        with socket.create_connection((gateway.hostname, gateway.port)) as upstream:
            back = threading.Thread(target=_copy, args=(upstream, self.request))
            back.start()
            _copy(self.request, upstream)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _LinkServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def metadata(path: str) -> bytes:
    """What the metadata service (IMDSv2) has at a path below `/latest/`.

    Raises:
        urllib.error.HTTPError: it has nothing there.
    """
    base = f"http://{METADATA_ADDRESS[0]}/latest"
    lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    request = urllib.request.Request(f"{base}/api/token", method="PUT", headers=lifetime)  # noqa: S310  (always http)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  (always http)
        token = answer.read().decode()
    request = urllib.request.Request(f"{base}/{path}", headers={"X-aws-ec2-metadata-token": token})  # noqa: S310  (http)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  (always http)
        content: bytes = answer.read()
        return content


# -- units ------------------------------------------------------------------------------------------------


class UnitError(Exception):
    """A unit cannot be loaded or started; the message says why."""


def parse_unit(text: str) -> dict[str, list[str]]:
    """The settings of a unit file that have a meaning here, each with its values in order.

    Raises:
        UnitError: a section, a setting or a value is not known here.
    """
    settings: dict[str, list[str]] = {}
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            section = line.strip("[]")
            if section not in (*_IGNORED, "Service"):
                raise UnitError(f"unknown section {line}")
            continue
        name, assigned, value = line.partition("=")
        name, value = name.strip(), value.strip()
        known = _SERVICE if section == "Service" else _UNIT if section == "Unit" else set()
        if not assigned or name not in known | _IGNORED.get(section, set()):
            raise UnitError(f"unknown key {name!r} in section [{section}]")
        if name in known:
            settings.setdefault(name, []).append(value)
    for name, value in _DEFAULTS.items():
        settings.setdefault(name, [value])
    if len(settings.get("ExecStart", [])) != 1:
        raise UnitError("a service needs one ExecStart=")
    if settings["Type"][-1] != "simple" or settings["Restart"][-1] not in ("no", "always", "on-failure"):
        raise UnitError("only Type=simple and Restart=no, always or on-failure are known")
    return settings


class Unit:
    """One service and its process.

    Args:
        name: its name, with `.service`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.settings = self._load()
        self.state = "inactive"
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._supervisor: threading.Thread | None = None
        self._starts: list[float] = []

    @property
    def on_failure(self) -> str:
        """Name of the unit that is started when this one has failed and is not started again; empty for none."""
        return self.settings["OnFailure"][-1]

    def _load(self) -> dict[str, list[str]]:
        for directory in UNIT_DIRECTORIES:
            file = directory / self.name
            if file.is_file():
                try:
                    return parse_unit(file.read_text())
                except UnitError as error:
                    raise UnitError(f"{file}: {error}") from None
        raise UnitError(f"Unit {self.name} not found.")

    def _seconds(self, name: str) -> float:
        return float(self.settings[name][-1].removesuffix("s"))

    def start(self, failed: Callable[[], None]) -> None:
        """Start it, unless it runs; returns when its main process has started.

        Args:
            failed: is called when it has failed and is not started again.

        Raises:
            UnitError: a command before the main one failed. The unit is tried again where `Restart=` says so.
        """
        if self.state in ("active", "activating"):
            return
        self._stopping.clear()
        started = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, args=(started, failed), daemon=True)
        self.state = "activating"
        self._supervisor.start()
        started.wait()
        if self.state != "active":
            raise UnitError(f"Job for {self.name} failed because the control process exited with error code.")

    def _supervise(self, started: threading.Event, failed: Callable[[], None]) -> None:
        succeeded = False
        while not self._stopping.is_set():
            if not self._may_start():
                say(f"systemd[1]: {self.name}: Start request repeated too quickly.")
                succeeded = False
                break
            succeeded = self._run_once(started)
            started.set()
            again = self.settings["Restart"][-1]
            if self._stopping.is_set() or again == "no" or (again == "on-failure" and succeeded):
                break
            say(f"systemd[1]: {self.name}: Scheduled restart job.")
            self._stopping.wait(self._seconds("RestartSec"))
            self.state = "activating"
        self.state = "inactive" if self._stopping.is_set() or succeeded else "failed"
        if self.state == "failed":
            failed()

    def _may_start(self) -> bool:
        """Whether it was started less often than `StartLimitBurst=` in the last `StartLimitIntervalSec=`; notes it."""
        now = time.monotonic()
        self._starts = [one for one in self._starts if one > now - self._seconds("StartLimitIntervalSec")]
        if len(self._starts) >= int(self.settings["StartLimitBurst"][-1]):
            return False
        self._starts.append(now)
        return True

    def _run_once(self, started: threading.Event) -> bool:
        """Run the unit's commands until its main process has ended; whether it succeeded."""
        try:
            self._run_commands("ExecStartPre", "TimeoutStartSec")
            self._process = subprocess.Popen(
                shlex.split(self.settings["ExecStart"][-1]),
                stdout=subprocess.DEVNULL,
                stderr=self._errors(),
                start_new_session=True,
            )
        except (OSError, UnitError) as error:
            self.state = "failed"
            say(f"systemd[1]: {self.name}: {error}")
            return False
        self.state = "active"
        say(f"systemd[1]: Started {self.name}.")
        started.set()
        status = self._process.wait()
        # What it has left behind ends with it (KillMode=control-group).
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self.state = "failed" if status else "inactive"
        say(f"systemd[1]: {self.name}: Main process exited, status={status}")
        return status == 0

    def _errors(self) -> int | None:
        """Where commands write errors to: the journal, which nobody reads here, or the console as well."""
        return None if "console" in self.settings.get("StandardError", [""])[-1] else subprocess.DEVNULL

    def _run_commands(self, setting: str, timeout: str) -> None:
        for line in self.settings.get(setting, []):
            tolerated, command = line.startswith("-"), shlex.split(line.lstrip("-"))
            try:
                status = subprocess.run(
                    command,
                    timeout=self._seconds(timeout),
                    check=False,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors(),
                ).returncode
            except subprocess.TimeoutExpired:
                status = -signal.SIGKILL
            if status and not tolerated:
                raise UnitError(f"{setting}={line} exited, status={status}")

    def stop(self) -> None:
        """Stop it: its own commands first, then SIGTERM, then SIGKILL."""
        if self.state in ("inactive", "failed") and not self._stopping.is_set() and self._supervisor is None:
            return
        self._stopping.set()
        process = self._process
        if process and process.poll() is None:
            try:
                self._run_commands("ExecStop", "TimeoutStopSec")
            except (OSError, UnitError) as error:
                say(f"systemd[1]: {self.name}: {error}")
            if self.settings.get("ExecStop"):
                # What ExecStop asked to end is given its time to do so.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
            process.terminate()
            try:
                process.wait(self._seconds("TimeoutStopSec"))
            except subprocess.TimeoutExpired:
                process.kill()
        if self._supervisor:
            self._supervisor.join()
        say(f"systemd[1]: Stopped {self.name}.")


class Manager:
    """The units of this instance, as `systemctl` asks for them.

    Args:
        power_off: switches the instance off.
    """

    def __init__(self, power_off: Callable[[], None]) -> None:
        self._power_off = power_off
        self._units: dict[str, Unit] = {}
        self._lock = threading.Lock()

    def call(self, arguments: list[str]) -> tuple[int, str]:
        """Carry out one systemctl command; its exit status and what it prints."""
        options = {argument for argument in arguments if argument.startswith("-")}
        verb, *names = [argument for argument in arguments if argument not in options] or [""]
        names = [name if "." in name else f"{name}.service" for name in names]
        if options - {"--now", "--quiet"} or verb not in (
            "daemon-reload",
            "enable",
            "is-active",
            "poweroff",
            "restart",
            "start",
            "stop",
        ):
            return 1, f"systemctl: {' '.join(arguments)}: not known by the rehearsal\n"
        try:
            return self._do(verb, names, "--now" in options)
        except UnitError as error:
            return 1, f"{error}\n"

    def _do(self, verb: str, names: list[str], now: bool) -> tuple[int, str]:
        if verb == "poweroff":
            self._power_off()
            return 0, ""
        with self._lock:
            for name in names:
                running = self._units.get(name)
                if verb == "is-active":
                    state = running.state if running else "inactive"
                    return (0 if state == "active" else 3), f"{state}\n"
                if running and verb in ("restart", "stop"):
                    running.stop()
                if verb in ("restart", "start") or (verb == "enable" and now):
                    if running is None or running.state not in ("active", "activating"):
                        self._units[name] = Unit(name)
                    unit = self._units[name]
                    unit.start(partial(self._failed, unit))
                elif verb == "enable":
                    Unit(name)
        return 0, ""

    def _failed(self, unit: Unit) -> None:
        if unit.on_failure:
            say(f"systemd[1]: {unit.name}: Triggering OnFailure= dependencies.")
            status, output = self.call(["start", unit.on_failure])
            if status:
                say(output)

    def shut_down(self) -> None:
        """Stop every unit, the last one started first."""
        for unit in reversed(list(self._units.values())):
            unit.stop()


class _Control(socketserver.StreamRequestHandler):
    manager: Manager

    def handle(self) -> None:
        status, output = self.manager.call(json.loads(self.rfile.readline()))
        self.wfile.write(json.dumps([status, output]).encode())


class _ControlServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


# -- the first boot ---------------------------------------------------------------------------------------


def run_user_data() -> None:
    """Run the user data as cloud-init does, with its output on the console and in cloud-init's log."""
    directory = CLOUD_INIT_DIRECTORY / "instance" / "scripts"
    directory.mkdir(parents=True)
    (CLOUD_INIT_DIRECTORY / "data").mkdir()
    (CLOUD_INIT_DIRECTORY / "data" / "instance-id").write_bytes(metadata("meta-data/instance-id") + b"\n")
    try:
        user_data = metadata("user-data")
    except urllib.error.HTTPError:
        return
    if not user_data.startswith(b"#!"):
        say("cloud-init: Unhandled non-multipart (text/x-not-multipart) userdata")
        return
    script = directory / "part-001"
    script.write_bytes(user_data)
    script.chmod(0o700)
    with CLOUD_INIT_LOG.open("a") as log:
        for line in _output_of(script):
            say(line)
            log.write(f"{line}\n")


def _output_of(script: Path) -> Iterator[str]:
    started = time.monotonic()
    reading, writing = os.pipe()
    with os.fdopen(reading) as output:
        process = subprocess.Popen([str(script)], stdout=writing, stderr=writing)
        os.close(writing)
        for line in output:
            yield line.rstrip("\n")
        status = process.wait()
    if status:
        yield f"cloud-init: WARNING: Failed to run {script}: exit status {status}"
    yield f"cloud-init: finished, {time.monotonic() - started:.1f} seconds"


def main() -> int:
    """Run the instance until it is told to shut down."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    Path(CONTROL_SOCKET).parent.mkdir(parents=True, exist_ok=True)
    manager = Manager(over.set)
    _Control.manager = manager
    servers = [_LinkServer(METADATA_ADDRESS, MetadataLink), _ControlServer(CONTROL_SOCKET, _Control)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=run_user_data, daemon=True).start()
    over.wait()
    say("systemd[1]: Shutting down.")
    manager.shut_down()
    return 0


if __name__ == "__main__":
    sys.exit(main())
