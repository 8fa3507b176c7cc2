# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""A Terraform root module: the folder of a layer."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any


def fingerprint(root: str, backend: dict[str, Any]) -> str:
    """A digest of everything that `terraform init` reads: sources, modules, lock file and backend.

    Args:
        root: folder of the root module, below a folder `terraform`.
        backend: the backend's configuration.
    """
    digest = hashlib.sha256(repr(sorted(backend.items())).encode())
    path = Path(root).resolve()
    terraform = next((p for p in path.parents if p.name == "terraform"), path)
    for file in sorted([*path.glob("*.tf"), *path.glob(".terraform.lock.hcl"), *terraform.glob("modules/**/*.tf")]):
        digest.update(str(file.relative_to(terraform)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
