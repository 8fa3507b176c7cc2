"""Where the rehearsal cloud listens and keeps its files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Addresses, ports and folders of one rehearsal cloud.

    Attributes:
        project_directory: root of this checkout.
        authority_directory: folder of the certificate authority, shared by all checkouts of a user
            so that the machine has to trust one certificate only (as mkcert does).
        gateway_port: TCP port of the AWS APIs and of the container registry, on loopback and on the
            containers' bridge.
        http_port: TCP port of the load balancers' plain listeners, on loopback.
        https_port: TCP port of the load balancers' TLS listeners, on loopback.
        network_name: name of the Docker network every rehearsed container joins.
        region: AWS region of requests that name none.
    """

    project_directory: Path
    authority_directory: Path
    gateway_port: int = 4566
    http_port: int = 80
    https_port: int = 443
    network_name: str = "slipway"
    region: str = "us-east-1"

    @property
    def state_directory(self) -> Path:
        """Folder of the process id and the log; made when missing."""
        return self.project_directory / ".build" / "emulator"

    @property
    def pid_file(self) -> Path:
        return self.state_directory / "pid"

    @property
    def log_file(self) -> Path:
        return self.state_directory / "log"

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this checkout and user; `XDG_DATA_HOME` moves the certificate authority."""
        project = Path(__file__).resolve().parent.parent
        data_home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        return cls(
            project_directory=project,
            authority_directory=data_home / "slipway" / "rehearsal-authority",
        )
