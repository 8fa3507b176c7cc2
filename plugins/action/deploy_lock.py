# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of deploy_lock: runs on the controller, whose ansible-playbook the lock belongs to."""

from __future__ import annotations

import json
import os
import pwd
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.state_store import Store, open_store
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A run, by the process that lives as long as it does.

    Attributes:
        user: name of the user that runs it.
        host: name of the machine.
        machine: id of the machine (machine-id(5)), since two can have one name; empty where it has none.
        boot: id of the machine's boot; processes of an earlier one are gone.
        processes: the namespace in which its process id counts; containers have one each.
        process: process id.
        started: when the process was started, in clock ticks since the boot, since ids are used again.
    """

    user: str
    host: str
    machine: str
    boot: str
    processes: str
    process: int
    started: int

    @classmethod
    def of(cls, process: int) -> Run:
        """The run of a process of this machine."""
        return cls(
            user=pwd.getpwuid(os.getuid()).pw_name,
            host=socket.gethostname(),
            machine=_machine(),
            boot=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            processes=str(Path("/proc/self/ns/pid").readlink()),
            process=process,
            started=_started(process) or 0,
        )

    @property
    def who(self) -> str:
        """User and host, as Terraform writes them into its own locks."""
        return f"{self.user}@{self.host}"

    def is_here(self, here: Run) -> bool:
        """Whether it runs, or ran, where another run can see its process."""
        return (self.host, self.machine, self.processes) == (here.host, here.machine, here.processes)

    def is_alive(self, here: Run) -> bool:
        """Whether its process lives. Of a run elsewhere nobody can tell, so it counts as alive."""
        if not self.is_here(here):
            return True
        return self.boot == here.boot and _started(self.process) == self.started


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text().strip()
    except OSError:
        return ""


def _started(process: int) -> int | None:
    """When a process was started, in clock ticks since the boot (proc(5): field 22 of stat), if it lives."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the program's name in parentheses, may hold anything.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


class Lock:
    """The lock of an app or network.

    Args:
        store: the bucket of the Terraform states.
        key: key of the lock's object.
        run: the run that wants it.
    """

    def __init__(self, store: Store, key: str, run: Run) -> None:
        self._store, self._key, self._run = store, key, run

    def acquire(self, force_unlock_holder: str) -> tuple[bool, str | None]:
        """Acquire the lock.

        Args:
            force_unlock_holder: user@host whose lock is taken over although it may be alive elsewhere.

        Returns:
            Whether it was acquired just now, and a sentence about the run it was taken over from, if any.

        Raises:
            ActionError: another run holds it.
        """
        if self._write(None):
            return True, None
        found = self._read()
        if found is None:
            # Released between the two calls; whoever was quicker holds it now.
            return self.acquire(force_unlock_holder)
        holder, since, version = found
        if holder == self._run:
            return False, None
        is_forced = holder.who == force_unlock_holder and not holder.is_here(self._run)
        if holder.is_alive(self._run) and not is_forced:
            raise ActionError(self._refusal(holder, since))
        if not self._write(version):
            return self.acquire(force_unlock_holder)
        return (
            True,
            f"An earlier run did not end: {holder.who}, process {holder.process}, at work since {since}",
        )

    def release(self) -> bool:
        """Delete the lock when this run holds it, and tell whether it did."""
        found = self._read()
        if found is None or found[0] != self._run:
            return False
        self._store.delete(self._key, found[2])
        return True

    def _read(self) -> tuple[Run, str, str] | None:
        """The run that holds the lock, since when, and the version of the object that says so."""
        found = self._store.read(self._key)
        if found is None:
            return None
        lock = json.loads(found.content)
        return Run(**lock["run"]), lock["since"], found.version

    def _write(self, version: str | None) -> bool:
        """Write the lock in the place of a version, and tell whether that was so."""
        lock = {"run": asdict(self._run), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S UTC}"}
        return bool(self._store.write(self._key, json.dumps(lock).encode(), version))

    def _refusal(self, holder: Run, since: str) -> str:
        name = f"{self._store.url}/{self._key}"
        what = f"Another run is at work: {holder.who}, process {holder.process}, holds {name} since {since}."
        if holder.is_here(self._run):
            return f"{what} Wait for it to end, or end it (kill {holder.process}), and run again."
        return (
            f"{what} Nobody can tell from here whether it is alive. Make sure that it is not, and run again "
            f"with -e slipway_force_unlock_holder={holder.who}"
        )


class ActionModule(AwsActionModule):
    """Acquires the lock for the ansible-playbook that runs this, or releases it."""

    PURPOSE = "reach the deploy lock"

    def act(self, session: Any, arguments: Json) -> Json:
        """Acquire or release the lock, and return whether that was to be done."""
        if self._task.check_mode:
            return {"changed": False}
        # A worker process runs one task and ends; its parent is ansible-playbook.
        store = open_store(arguments["store"], arguments["bucket"], lambda: session.client("s3"))
        lock = Lock(store, arguments["key"], Run.of(os.getppid()))
        if arguments["state"] == "absent":
            return {"changed": lock.release()}
        changed, unfinished = lock.acquire(arguments["force_unlock_holder"])
        return {
            "changed": changed,
            "unfinished": unfinished is not None,
            "warnings": [unfinished] if unfinished else [],
        }
