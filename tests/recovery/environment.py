"""An environment in an emulator of its own, and runs of ansible-playbook that can be killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.processes import family, kill_family
from tests.rehearsal import administrator

PROJECT = Path(__file__).resolve().parents[2]
NAME = "trec"
STATE_BUCKET = f"{NAME}-state"
# What is added to the ports of its cloud, in thousands.
THOUSANDS = 20
CLOUD_ENVIRONMENT = {
    "AWS_ENDPOINT_URL": f"http://127.0.0.1:{1000 * THOUSANDS + 4566}",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
# In the order in which they are destroyed.
LAYERS = ("data", "network")
POLL_SECONDS = 0.1
RUN_SECONDS = 600

Json = dict[str, Any]

_INVENTORY: Json = {
    "all": {
        "vars": {
            "slipway_environment": NAME,
            "slipway_environment_tag": "recovery",
            "slipway_account_id": "000000000000",
            "slipway_region": "us-east-1",
            "slipway_state_bucket": STATE_BUCKET,
            "slipway_network": "net",
            "slipway_cloud_environment": CLOUD_ENVIRONMENT,
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "terraform_layer_cli_config_file": str(PROJECT / ".build" / "terraform.rc"),
            "registry_outputs": {"repository_arn": "arn:aws:ecr:us-east-1:000000000000:repository/trec"},
            "network_nat_gateway_mode": "single",
            "data_bucket_force_destroy": True,
            "data_deletion_protection": False,
            "data_final_snapshot_enabled": False,
            "data_secret_recovery_days": 0,
        },
        "children": {
            "networks": {"hosts": {"net": {}}},
            "apps": {"children": {"ecs": {}}},
            "ecs": {
                "hosts": {
                    "app": {"data_database_name": "trecdb", "data_bucket_enabled": True},
                    "abandoned": {"data_bucket_enabled": True, "data_api_key_required": True},
                    "stopped": {"data_bucket_enabled": True, "data_api_key_required": True},
                    "locked": {"data_bucket_enabled": True},
                    "doomed": {"data_bucket_enabled": True, "data_api_key_required": True},
                    "reborn": {
                        "data_database_name": "reborndb",
                        "data_final_snapshot_enabled": True,
                        "data_secret_recovery_days": 7,
                    },
                    # One whose name begins with that, and that is never deployed.
                    "reborn-admin": {},
                }
            },
        },
    }
}


def client(service: str) -> Any:
    """A boto3 client of the emulator."""
    return administrator(CLOUD_ENVIRONMENT, service)


def has_state_bucket() -> bool:
    """Whether the environment has, or an interrupted test has left, a state bucket."""
    return STATE_BUCKET in [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]


def until(condition: Callable[[], Any], what: str, seconds: float = 240) -> Any:
    """Wait until a condition is truthy, and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(POLL_SECONDS)
    return value


@dataclass(frozen=True)
class Result:
    """What a run did.

    Attributes:
        status: its exit status.
        output: everything it printed.
    """

    status: int
    output: str

    def succeeded(self) -> Result:
        """Itself, when it succeeded."""
        assert self.status == 0, self.output[-6000:]
        return self

    @property
    def changed(self) -> int:
        """Number of changed tasks in the recap."""
        return sum(int(count) for count in re.findall(r"changed=(\d+)", self.output))

    @property
    def tasks(self) -> str:
        """The output on one line, for sentences that were wrapped."""
        return " ".join(self.output.split())


class Run:
    """A running ansible-playbook.

    Args:
        arguments: its command line.
        log: file for its output.
    """

    def __init__(self, arguments: list[str], log: Path) -> None:
        self._log = log
        with log.open("w") as file:
            self._process = subprocess.Popen(
                arguments,
                cwd=PROJECT,
                env={
                    **os.environ,
                    "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
                    "ANSIBLE_FORCE_COLOR": "0",
                    # Each line is in the log when it is said.
                    "PYTHONUNBUFFERED": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def process(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self._log.read_text()

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until a condition is truthy while the run is at work, and return what it gave."""

        def check() -> Any:
            assert self._process.poll() is None, f"ended before {what}:\n{self.output[-6000:]}"
            return condition()

        return until(check, what)

    def terraform(self) -> int:
        """Id of its process that applies."""
        return next(int(one.pid) for one in family(self.process) if one.name() == "terraform")

    def signal(self, number: signal.Signals, *processes: int) -> None:
        """Send a signal to some of its processes; to ansible-playbook where none is named."""
        for process in processes or (self.process,):
            os.kill(process, number)

    def kill_everything(self) -> None:
        """SIGKILL for ansible-playbook and all it has started, and wait for their end."""
        kill_family(self.process)
        self._process.wait(RUN_SECONDS)

    def end(self) -> Result:
        """Wait for its end, and that of all it has started."""
        _, *started = family(self.process)
        status = self._process.wait(RUN_SECONDS)
        _, alive = psutil.wait_procs(started, RUN_SECONDS)
        assert not alive, alive
        return Result(status, self.output)


class Environment:
    """The environment.

    Args:
        folder: a folder for the inventory, working files and logs.
        inventory: its networks and apps.
    """

    def __init__(self, folder: Path, inventory: Json = _INVENTORY) -> None:
        self._folder = folder
        self._runs = 0
        self.hold = folder / "hold"
        (folder / "hosts.json").write_text(json.dumps(inventory))

    def start(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        """Start a playbook of this folder."""
        self._runs += 1
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        extra = {
            "terraform_layer_build_directory": str(self._folder / "build"),
            "hold": str(self.hold),
            **variables,
        }
        command = [program, f"tests/recovery/{playbook}", "-i", str(self._folder / "hosts.json")]
        return Run([*command, *arguments, "-e", json.dumps(extra)], self._folder / f"{self._runs:02}.log")

    def apply(self, host: str, **variables: Any) -> Run:
        """Start to apply the layer of a host."""
        return self.start("playbook.yml", "--limit", host, **variables)

    def destroy(self) -> None:
        """Destroy the layers that have a state, and the state bucket."""
        s3 = client("s3")
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=STATE_BUCKET).get("Contents", [])]
        owners = {layer: [key.split("/")[1] for key in keys if key.endswith(f"/{layer}")] for layer in LAYERS}
        for layer in LAYERS:
            if owners[layer]:
                self.apply(",".join(owners[layer]), terraform_layer_state="absent").end().succeeded()
        versions = s3.list_object_versions(Bucket=STATE_BUCKET)
        for version in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=STATE_BUCKET, Key=version["Key"], VersionId=version["VersionId"])
        s3.delete_bucket(Bucket=STATE_BUCKET)
