"""Where the emulator listens and keeps its files."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any


class SettingsError(Exception):
    """A setting has no value that it may have; the message says which it may have."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Addresses, ports and folders of one emulator.

    Attributes:
        state_directory: folder of the process id and the log; made when missing.
        authority_directory: folder of the certificate authority, shared by all emulators of a user
            so that the machine has to trust one certificate only (as mkcert does).
        gateway_port: TCP port of the AWS APIs and of the container registry, on loopback and on the
            containers' bridge.
        http_port: TCP port, on loopback, of the load balancers' listeners on port 80.
        https_port: TCP port, on loopback, of the load balancers' listeners on port 443.
        network_name: name of the Docker network that every container joins.
        subnet: its addresses. The host answers its containers at the second one; in 169.254.170.0/24 the AWS
            SDKs of an ECS task ask for credentials there (Amazon ECS developer guide, "Task IAM role").
        region: AWS region of requests that name none.
        account_plan: the plan of the AWS accounts, `paid` or `free` ("Choosing an AWS Free Tier plan").
        google_port: TCP port of Google's APIs and of Artifact Registry's images, on loopback.
        google_project: the project whose service account has a key here.
        late_seconds: for how long a change is not seen yet, and a Google API refuses that was switched on; what was
            deleted is listed for an hour then. 0 where each change is seen at once.
        enforce_quotas: whether AWS's default quotas of VPCs, internet gateways, addresses and NAT gateways hold.
        enforce_iam: whether IAM's policies decide what is allowed; everything is without.
    """

    state_directory: Path
    authority_directory: Path
    gateway_port: int = 4566
    http_port: int = 80
    https_port: int = 443
    network_name: str = "slipway"
    subnet: str = "169.254.170.0/24"
    region: str = "us-east-1"
    account_plan: str = "paid"
    google_port: int = 4567
    google_project: str = "slipway-rehearsal"
    late_seconds: int = 0
    enforce_quotas: bool = False
    enforce_iam: bool = True

    @property
    def pid_file(self) -> Path:
        """The process id; the process keeps the file locked for as long as it lives."""
        return self.state_directory / "pid"

    @property
    def log_file(self) -> Path:
        """The log of the last start."""
        return self.state_directory / "log"

    @property
    def decisions_file(self) -> Path:
        """What IAM decided since the last start, each decision once: a JSON object a line."""
        return self.state_directory / "iam-decisions.jsonl"

    @property
    def settings_file(self) -> Path:
        """The settings of the last start, by which `status` and `stop` find what it started."""
        return self.state_directory / "settings.json"

    @property
    def gateway_url(self) -> str:
        """Where this machine reaches the AWS APIs."""
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def registry_address(self) -> str:
        """Host and port of the container registry, as image names begin with it."""
        return f"127.0.0.1:{self.gateway_port}"

    @property
    def google_url(self) -> str:
        """Where this machine reaches Google's APIs."""
        return f"http://127.0.0.1:{self.google_port}"

    @property
    def google_registry_address(self) -> str:
        """Host and port of Artifact Registry, as image names begin with it."""
        return f"127.0.0.1:{self.google_port}"

    @property
    def google_credentials_file(self) -> Path:
        """The service account's key, as google-auth reads it; a new one with each start."""
        return self.state_directory / "google-credentials.json"

    @property
    def rds_ca_file(self) -> Path:
        """The authority of the databases' certificates, PEM; a new one with each start."""
        return self.state_directory / "rds-ca.pem"

    @classmethod
    def of_user(cls) -> Settings:
        """The defaults of this user.

        `SLIPWAY_EMULATOR_STATE` names the state directory; without it, `XDG_STATE_HOME` moves it and `XDG_DATA_HOME`
        moves the certificate authority, as the XDG Base Directory Specification has them.
        `SLIPWAY_EMULATOR_LATE_SECONDS` sets `late_seconds`.

        Raises:
            SettingsError: a variable has no value that it may have.
        """
        share = Path.home() / ".local"
        state = os.environ.get("SLIPWAY_EMULATOR_STATE")
        state_home = Path(os.environ.get("XDG_STATE_HOME") or share / "state")
        data_home = Path(os.environ.get("XDG_DATA_HOME") or share / "share")
        return cls(
            state_directory=Path(state).absolute() if state else state_home / "slipway-emulator",
            authority_directory=data_home / "slipway" / "rehearsal-authority",
            late_seconds=_whole_number("SLIPWAY_EMULATOR_LATE_SECONDS"),
        )

    def of_last_start(self) -> Settings:
        """The settings that the last start in this state directory had; these, where there was none."""
        try:
            return Settings.from_json(self.settings_file.read_text())
        except FileNotFoundError:
            return self

    def options(self) -> list[str]:
        """The options of the command line that give these settings."""
        options = []
        for name, value in dataclasses.asdict(self).items():
            option = name.replace("_", "-")
            if isinstance(value, bool):
                options.append(f"--{option}" if value else f"--no-{option}")
            else:
                options.append(f"--{option}={value}")
        return options

    def to_json(self) -> str:
        """All settings, for `from_json`."""
        return json.dumps(dataclasses.asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """The settings that `to_json` wrote, without those that only another version had."""
        known = {field.name for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in known}
        for name in ("state_directory", "authority_directory"):
            values[name] = Path(values[name])
        return cls(**values)


def _whole_number(variable: str) -> int:
    text = os.environ.get(variable) or "0"
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{variable} is {text!r}; it must be a whole number of seconds")
    return int(text)
