# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filter that finds the authorities of Amazon RDS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[2] / "playbooks/files/rds_ca"


def rds_ca_file(region: str) -> str:
    """Path of the PEM file with the authorities that sign the certificates of Amazon RDS in a region.

    Args:
        region: the AWS region. One that RDS opened after the files were written has none.
    """
    return str(_FOLDER / f"{region}.pem")


class FilterModule:
    """The filter, by the name playbooks use."""

    def filters(self) -> dict[str, Any]:
        return {"rds_ca_file": rds_ca_file}
