"""Puts the stand-in where Terraform finds it: a provider mirror, beside the schema and the program that answers.

DIRECTORY/mirror/registry.terraform.io/hashicorp/google/VERSION/PLATFORM/terraform-provider-google_vVERSION
DIRECTORY/schema/   the real provider's schema, read once out of the published bindings
DIRECTORY/serve     what the program of the mirror runs
"""

from __future__ import annotations

import hashlib
import platform
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from slipway_emulator.google_provider import VERSION, bindings, schema

_HERE = Path(__file__).parent
_PROGRAM = _HERE / "terraform-provider-google"
_BINDINGS = _HERE / "bindings.txt"
# As Terraform names them.
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class InstallationError(Exception):
    """The bindings cannot be had; the message ends with what pip says."""


def is_complete(directory: Path) -> bool:
    """Whether `install` would change nothing.

    Args:
        directory: where it puts everything.
    """
    return _has_schema(directory) and all(_holds(path, text) for path, text in _programs(directory).items())


def install(directory: Path) -> None:
    """Make or renew what is missing or of another version.

    Args:
        directory: where to put everything.

    Raises:
        InstallationError: pip cannot download the bindings.
        slipway_emulator.google_provider.bindings.UnreadableError: they are not what they were.
    """
    if not _has_schema(directory):
        with tempfile.TemporaryDirectory() as download:
            schema.write(bindings.read_wheel(_download(Path(download))), directory / "schema")
        (directory / "schema" / "stamp").write_text(_stamp())
    for path, text in _programs(directory).items():
        if not _holds(path, text):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)


def _has_schema(directory: Path) -> bool:
    return _holds(directory / "schema" / "stamp", _stamp())


def _stamp() -> str:
    """Changes with everything that the schema is made of."""
    sources = (_BINDINGS, Path(bindings.__file__), Path(schema.__file__))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _programs(directory: Path) -> dict[Path, str]:
    machine = platform.machine()
    place = f"mirror/registry.terraform.io/hashicorp/google/{VERSION}/{sys.platform}_{_MACHINES.get(machine, machine)}"
    command = [sys.executable, "-P", "-m", "slipway_emulator.google_provider", "serve", str(directory / "schema")]
    # The package that installs is the one that serves, whichever this Python would find by itself.
    path = shlex.quote(str(_HERE.parent.parent))
    return {
        directory / place / f"terraform-provider-google_v{VERSION}": _PROGRAM.read_text(),
        directory / "serve": f"#!/bin/sh\nPYTHONPATH={path} exec {shlex.join(command)}\n",
    }


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


def _download(directory: Path) -> Path:
    command = ["pip", "download", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    options = ["--requirement", str(_BINDINGS), "--dest", str(directory)]
    result = subprocess.run([sys.executable, "-m", *command, *options], capture_output=True, text=True, check=False)
    if result.returncode:
        raise InstallationError(f"pip could not download the bindings:\n{result.stdout}{result.stderr}")
    (wheel,) = directory.glob("*.whl")
    return wheel
