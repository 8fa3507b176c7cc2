"""Runs of the site against environments of their own: copies of inventories/dev with other names."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import EndpointConnectionError
from google.auth.exceptions import GoogleAuthError

from emulator.tests.stack import wait_until
from tests.e2e.http import ask
from tests.processes import kill_family
from tests.rehearsal import administrator

PROJECT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 1500
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
# Who signs the certificates of the emulator's databases.
RDS_AUTHORITY = PROJECT / ".build/emulator/rds-ca.pem"

_RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)
_DECOLOUR = re.compile(r"\x1b\[[0-9;]*m")

# The user's, without what belongs to an account.
USER_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
CLOUD_ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
# What the shell of a person has who uses the emulator as a cloud, and the jobs of a pipeline.
ENDPOINTS = dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"), CLOUD_ENVIRONMENT["AWS_ENDPOINT_URL"])
# Whether runs are only to be recorded: make policies writes the deployer's policies from the record.
RECORDS_POLICIES = bool(os.environ.get("SLIPWAY_RECORD_POLICIES"))


def aws_client(service: str) -> Any:
    """A boto3 client of the emulator, with the credentials of its account's administrator."""
    return administrator(CLOUD_ENVIRONMENT, service)


@dataclass(frozen=True)
class Run:
    """What one `ansible-playbook` did.

    Attributes:
        status: its exit status.
        output: everything it printed.
        recap: host to its counts `ok`, `changed`, `unreachable` and `failed`.
    """

    status: int
    output: str
    recap: dict[str, dict[str, int]]

    @property
    def changed(self) -> dict[str, int]:
        """Hosts with changes, and how many."""
        return {host: counts["changed"] for host, counts in self.recap.items() if counts["changed"]}


class Site:
    """An environment that is deployed, looked at and destroyed.

    Args:
        folder: a folder for the inventory, the working files and the logs.
        environment: its name, which is the first part of every name in the cloud.
        apps: the apps that it has, or of each the platform, which may be another one than in dev; by default as in dev.
    """

    def __init__(self, folder: Path, environment: str, apps: Collection[str] | None = None) -> None:
        self.folder = folder
        self.environment = environment
        self._is_everything_allowed = False
        self.inventory = folder / "inventories" / environment
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        shutil.copytree(PROJECT / "inventories" / "dev", self.inventory)
        self.source = folder / "app"
        shutil.copytree(PROJECT / "app", self.source, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        shutil.copy(PROJECT / "Dockerfile", folder / "Dockerfile")
        settings = self.inventory / "group_vars" / "all" / "environment.yml"
        text = settings.read_text()
        text = text.replace("slipway_environment: dev\n", f"slipway_environment: {environment}\n")
        text = text.replace("slipway-dev-state", f"slipway-{environment}-state")
        settings.write_text(text)
        # The emulator has put its files where the project is.
        self.build.parent.mkdir()
        (self.build.parent / "emulator").symlink_to(PROJECT / ".build/emulator")
        # A developer's own file, with profiles of the same names; those of the inventory count.
        self.credentials = folder / "credentials"
        self.credentials.write_text(
            "".join(
                f"[{name}]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = unknown\n"
                for name in ("administrator", "deployer", "planner")
            )
        )
        profiles = self.inventory / "aws.cfg"
        profiles.write_text(profiles.read_text().replace("/slipway/dev-", f"/slipway/{environment}-"))
        google = self.inventory / "group_vars" / "gcp" / "cloud.yml"
        google.write_text(google.read_text().replace("slipway-dev-gcp-state", f"slipway-{environment}-gcp-state"))
        if apps is not None:
            hosts = self.inventory / "hosts.yml"
            groups = yaml.safe_load(hosts.read_text())
            children = groups["all"]["children"]
            platforms = children["apps"]["children"]
            of_dev = {app: platform for platform, group in platforms.items() for app in group["hosts"] if app in apps}
            chosen = apps if isinstance(apps, Mapping) else of_dev
            for platform, group in platforms.items():
                group["hosts"] = {app: None for app in chosen if chosen[app] == platform}
            if not platforms["cloud_run"]["hosts"]:
                del children["networks"]["hosts"]["main-gcp"], children["gcp"]["hosts"]
            hosts.write_text(yaml.safe_dump(groups))

    @property
    def build(self) -> Path:
        """Folder of the environment's working files."""
        return self.folder / ".build" / self.environment

    def set(self, host: str, **variables: Any) -> None:
        """Give a host of the inventory variables, in a file that is read after its others."""
        (self.inventory / "host_vars" / host / "test.yml").write_text(json.dumps(variables))

    def cloud_environment(self, **values: str) -> dict[str, str]:
        """What the inventory gives every cloud call, with some other values."""
        settings = yaml.safe_load((self.inventory / "group_vars" / "all" / "environment.yml").read_text())
        given: dict[str, str] = settings["slipway_cloud_environment"]
        return given | values

    def command(self, playbook: str, *arguments: str) -> list[str]:
        """The command line of one playbook."""
        return [str(ANSIBLE_PLAYBOOK), str(PROJECT / playbook), "-i", str(self.inventory), *arguments]

    def variables(self) -> dict[str, str]:
        """The environment variables of a run: the user's, and the project's ansible.cfg."""
        own = {
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_FORCE_COLOR": "0",
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
        }
        return os.environ | own

    def run(self, playbook: str = "site.yml", *arguments: str, **variables: Any) -> Run:
        """Run a playbook to its end.

        Args:
            playbook: path from the project's root.
            arguments: more arguments of `ansible-playbook`.
            variables: extra variables.
        """
        if RECORDS_POLICIES:
            self._allow_everything()
        extra = ["-e", json.dumps(variables)] if variables else []
        command = self.command(playbook, *arguments, *extra)
        return run_to_its_end(command, self.variables(), self.next_log(Path(playbook).stem))

    def next_log(self, name: str) -> Path:
        """File for the output of another run."""
        return self.logs / f"{len(list(self.logs.iterdir())) + 1:02}-{name}.log"

    def _allow_everything(self) -> None:
        """Let the deployer do everything, so that the emulator's record says what it does."""
        if self._is_everything_allowed:
            return
        self._is_everything_allowed = True
        succeeded(self.run("playbooks/bootstrap.yml"))
        aws_client("iam").put_role_policy(
            RoleName=f"{self.environment}-deployer",
            PolicyName="everything",
            PolicyDocument=json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
        )

    def destroy(self, *hosts: str) -> Run:
        """Destroy some hosts, or all; those that are not deployed are no error."""
        limit = ["--limit", ",".join(hosts)] if hosts else []
        return succeeded(self.run("playbooks/destroy.yml", *limit, slipway_confirm=self.environment))

    @contextmanager
    def changed_source(self, file: str, text: str) -> Iterator[None]:
        """The application with more text at the end of one of its files, which may be a new one.

        Args:
            file: its name in the package.
            text: what is added.
        """
        path = self.source / "slipway_app" / file
        original = path.read_text() if path.exists() else None
        path.write_text(f"{original or ''}\n{text}")
        try:
            yield
        finally:
            if original is None:
                path.unlink()
            else:
                path.write_text(original)

    def summary(self) -> dict[str, dict[str, Any]]:
        """The environment's summary.json, by app."""
        entries = json.loads((self.build / "summary.json").read_text())
        return {entry["app"]: entry for entry in entries}

    def served(self, app: str) -> str:
        """Digest of the image that an app says it is."""
        return str(ask(f"{self.summary()[app]['url']}/version").document["image_digest"])


class Account:
    """An account of the emulator that has nothing in it, and the people who use it.

    Args:
        number: its id, which is the access key of its administrator, too.
        environment: the environment that is deployed to it.
        folder: a folder for profiles and logs.
    """

    def __init__(self, number: str, environment: str, folder: Path) -> None:
        self._number = number
        self._logs = folder / f"logs-{environment}"
        self._logs.mkdir()
        self._profiles = folder / f"{environment}.cfg"
        self._profiles.write_text(
            f"[profile administrator]\naws_access_key_id = {number}\naws_secret_access_key = test\n"
            f"[profile deployer]\nrole_arn = arn:aws:iam::{number}:role/slipway/{environment}-deployer\n"
            "source_profile = administrator\n"
        )

    def client(self, service: str) -> Any:
        """A boto3 client with the administrator's credentials.

        Args:
            service: as boto3 names it.
        """
        return administrator(CLOUD_ENVIRONMENT | {"AWS_ACCESS_KEY_ID": self._number}, service)

    def run(self, playbook: str, inventory: Path, profile: str, *arguments: str) -> Run:
        """Run a playbook to its end as a person would; it must succeed.

        Args:
            playbook: path from the project's root.
            inventory: a folder.
            profile: administrator or deployer.
            arguments: more arguments of `ansible-playbook`.
        """
        variables = {
            "AWS_CONFIG_FILE": str(self._profiles),
            "AWS_PROFILE": profile,
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_FORCE_COLOR": "0",
        }
        # Whose certificates the emulator's databases have; Amazon's would be known.
        authority = json.dumps({"slipway_database_ca_file": str(RDS_AUTHORITY)})
        program = [str(ANSIBLE_PLAYBOOK), str(PROJECT / playbook), "-i", str(inventory), "-e", authority]
        log = self._logs / f"{len(list(self._logs.iterdir())) + 1:02}-{Path(playbook).stem}.log"
        return succeeded(run_to_its_end([*program, *arguments], USER_ENVIRONMENT | ENDPOINTS | variables, log))


def run_to_its_end(command: list[str], environment: Mapping[str, str], log: Path) -> Run:
    """What became of a run of Ansible.

    Args:
        command: its command line.
        environment: its environment variables.
        log: file for its output.
    """
    with log.open("w") as output:
        result = subprocess.run(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            check=False,
        )
    text = log.read_text()
    return Run(result.returncode, text, recap(text))


def _filters(name: str, platform: str, kind: str) -> list[str]:
    """What `docker ps` finds the containers of an app's service by."""
    if platform == "app_runner":
        return [f"label=com.amazonaws.apprunner.service-name={name}"]
    if platform == "cloud_run":
        return [f"label=run.googleapis.com/{kind}={name}"]
    if platform != "ec2":
        return [f"label=com.amazonaws.ecs.task-definition-family={name}"]
    # Instances, and what runs on them, have the instance's id in their names.
    reservations = aws_client("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])[
        "Reservations"
    ]
    return [f"name={one['InstanceId']}" for item in reservations for one in item["Instances"]]


def containers(name: str, platform: str, kind: str = "service") -> list[str]:
    """Ids of the running containers of an app's service.

    Args:
        name: of the app in the cloud.
        platform: what it runs on.
        kind: on Cloud Run, of what: "service" or "worker-pool".
    """
    if not (filters := _filters(name, platform, kind)):
        return []
    arguments = [word for one in filters for word in ("--filter", one)]
    return subprocess.run(["docker", "ps", "-q", *arguments], capture_output=True, text=True, check=True).stdout.split()


def environments(name: str, platform: str, kind: str = "service") -> list[dict[str, str]]:
    """The environment variables of each running container of an app's service.

    Args:
        name: of the app in the cloud.
        platform: what it runs on.
        kind: on Cloud Run, of what: "service" or "worker-pool".
    """
    found = []
    for container in containers(name, platform, kind):
        command = ["docker", "inspect", "--format", "{{json .Config.Env}}", container]
        lines = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        found.append(dict(line.split("=", 1) for line in lines))
    return found


def recap(output: str) -> dict[str, dict[str, int]]:
    """The PLAY RECAP of an output."""
    names = ("ok", "changed", "unreachable", "failed")
    found = _RECAP.findall(_DECOLOUR.sub("", output))
    return {host: dict(zip(names, map(int, counts), strict=True)) for host, *counts in found}


def succeeded(run: Run) -> Run:
    """The run, when it succeeded on every host."""
    assert run.status == 0, run.output[-6000:]
    assert all(not counts["failed"] and not counts["unreachable"] for counts in run.recap.values()), run.recap
    return run


def failed(run: Run) -> Run:
    """The run, when it failed."""
    assert run.status != 0, run.output[-6000:]
    return run


def killed(site: Site, is_time: Callable[[str], object], playbook: str, *arguments: str) -> None:
    """Kill a run and everything it has started.

    Args:
        site: its environment.
        is_time: whether to kill it now, told what it has printed so far.
        playbook: path from the project's root.
        arguments: more arguments of `ansible-playbook`.
    """
    interrupted(site, is_time, lambda process: kill_family(process.pid), playbook, *arguments)


def interrupted(
    site: Site,
    is_time: Callable[[str], object],
    interrupt: Callable[[subprocess.Popen[bytes]], object],
    playbook: str,
    *arguments: str,
) -> Run:
    """A run that something is done to in its middle.

    Args:
        site: its environment.
        is_time: whether to do it now, told what the run has printed so far.
        interrupt: does it, to the process or to something else.
        playbook: path from the project's root.
        arguments: more arguments of `ansible-playbook`.
    """
    log = site.next_log("interrupted")
    with log.open("w") as output:
        process = subprocess.Popen(
            site.command(playbook, *arguments),
            cwd=PROJECT,
            env={**site.variables(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def is_time_or_over() -> object:
        assert process.poll() is None, log.read_text()[-6000:]
        try:
            return is_time(log.read_text())
        except (EndpointConnectionError, GoogleAuthError, OSError):
            # The run has not started the emulator yet, which makes the key of Google's half too.
            return False

    try:
        wait_until(is_time_or_over, RUN_SECONDS)
        interrupt(process)
        process.wait(RUN_SECONDS)
    finally:
        if process.poll() is None:
            kill_family(process.pid)
            process.wait()
    text = log.read_text()
    return Run(process.returncode, text, recap(text))
