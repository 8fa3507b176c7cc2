# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filters about files with the authorities that sign the certificates of databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# The file travels as an environment variable, in Base64, beside those of the application, and a task definition may
# have 64 KB ("Amazon ECS service quotas"). A region's file has 5 KB, that of all regions 160 KB.
_MOST_BYTES = 30_000
_FOLDER = Path(__file__).resolve().parents[2] / "playbooks/files/rds_ca"


def rds_ca_file(region: str) -> str:
    """Path of the PEM file with the authorities that sign the certificates of Amazon RDS in a region.

    Args:
        region: the AWS region. One that RDS opened after the files were written has none.
    """
    return str(_FOLDER / f"{region}.pem")


def ca_file_problem(file: str) -> str:
    """What is wrong with a file of authorities, such as "is no file"; empty if nothing is.

    Args:
        file: its path.
    """
    if not Path(file).is_file():
        return "is no file"
    held = Path(file).read_bytes()
    if len(held) > _MOST_BYTES:
        return (
            f"has {len(held)} bytes; {_MOST_BYTES} fit into a task definition. Take the authorities of one region, not "
            "those of all"
        )
    return "" if b"-----BEGIN CERTIFICATE-----" in held else "holds no certificate in PEM"


class FilterModule:
    """The filters, by the names playbooks use."""

    def filters(self) -> dict[str, Any]:
        return {"ca_file_problem": ca_file_problem, "rds_ca_file": rds_ca_file}
