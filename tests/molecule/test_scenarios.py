"""Each Molecule scenario: converge, converge again unchanged, verify, clean up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROJECT = Path(__file__).resolve().parents[2]
_SCENARIOS = sorted(file.parent.name for file in (_PROJECT / "molecule").glob("*/molecule.yml"))
_TIMEOUT_SECONDS = 900
_SHOWN_LINES = 80


@pytest.mark.parametrize("scenario", _SCENARIOS)
def test_scenario(scenario: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    # The programs beside this Python come first, as .build/env has it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("w") as output:
        result = subprocess.run(
            ["molecule", "test", "--scenario-name", scenario],
            cwd=_PROJECT,
            env=os.environ | {"PATH": path, "NO_COLOR": "1", "PY_COLORS": "0", "ANSIBLE_FORCE_COLOR": "0"},
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    assert result.returncode == 0, _failure(scenario, log.read_text())


def _failure(scenario: str, log: str) -> str:
    """What a person needs of a failed scenario's log: from the first error on, and how to see it all."""
    lines = log.splitlines()
    errors = (i for i, line in enumerate(lines) if line.startswith(("[ERROR]", "fatal:", "CRITICAL")))
    first = max(next(errors, len(lines) - _SHOWN_LINES) - 5, 0)
    shown = "\n".join(lines[first : first + _SHOWN_LINES])
    return f"{shown}\n\nTo run it alone: molecule test --scenario-name {scenario}"
