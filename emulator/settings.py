"""Where the rehearsal cloud listens and keeps its files."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

# What the rehearsal's EC2 instances are made of: images/instance, built by `make setup`.
MACHINE_IMAGE = "slipway-instance:1"


@dataclasses.dataclass(frozen=True)
class Settings:
    """Addresses, ports and folders of one rehearsal cloud.

    Attributes:
        project_directory: root of the checkout whose code runs.
        state_directory: folder of the process id and the log; made when missing.
        authority_directory: folder of the certificate authority, shared by all checkouts of a user
            so that the machine has to trust one certificate only (as mkcert does).
        gateway_port: TCP port of the AWS APIs and of the container registry, on loopback and on the
            containers' bridge.
        http_port: TCP port, on loopback, of the load balancers' listeners on port 80.
        https_port: TCP port, on loopback, of the load balancers' listeners on port 443.
        network_name: name of the Docker network every rehearsed container joins.
        subnet: its addresses. The host answers its containers at the second one; in 169.254.170.0/24 the AWS
            SDKs of an ECS task ask for credentials there (Amazon ECS developer guide, "Task IAM role").
        region: AWS region of requests that name none.
        google_port: TCP port of Google's APIs and of Artifact Registry's images, on loopback.
        google_project: the project whose service account has a key here.
    """

    project_directory: Path
    state_directory: Path
    authority_directory: Path
    gateway_port: int = 4566
    http_port: int = 80
    https_port: int = 443
    network_name: str = "slipway"
    subnet: str = "169.254.170.0/24"
    region: str = "us-east-1"
    google_port: int = 4567
    google_project: str = "slipway-rehearsal"

    @property
    def pid_file(self) -> Path:
        """The process id; the process keeps the file locked for as long as it lives."""
        return self.state_directory / "pid"

    @property
    def log_file(self) -> Path:
        """The log of the last start."""
        return self.state_directory / "log"

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

    @classmethod
    def of_checkout(cls) -> Settings:
        """The settings of this checkout and user; `XDG_DATA_HOME` moves the certificate authority."""
        project = Path(__file__).resolve().parent.parent
        data_home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        return cls(
            project_directory=project,
            state_directory=project / ".build" / "emulator",
            authority_directory=data_home / "slipway" / "rehearsal-authority",
        )

    def to_json(self) -> str:
        """All settings, for `from_json` in another process."""
        return json.dumps(dataclasses.asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """The settings that `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        for name in ("project_directory", "state_directory", "authority_directory"):
            values[name] = Path(values[name])
        return cls(**values)
