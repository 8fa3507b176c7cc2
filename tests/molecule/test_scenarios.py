"""Each Molecule scenario: converge, converge again unchanged, verify, clean up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.processes import kill_family
from tests.rehearsal import running_cloud

_PROJECT = Path(__file__).resolve().parents[2]
_SCENARIOS = sorted(file.parent.name for file in (_PROJECT / "molecule").glob("*/molecule.yml"))
# The end-to-end tests run every role with its default inputs, twice. Integration adds the scenarios of roles that do
# more than a deployment shows: refusals, repairs, dry runs.
_IN_INTEGRATION = ("database_access_default", "migration_default", "terraform_layer_default")
_PARAMETERS = [pytest.param(one, marks=[] if one in _IN_INTEGRATION else [pytest.mark.long]) for one in _SCENARIOS]
_TIMEOUT_SECONDS = 900
_SHOWN_LINES = 40
# Each scenario has names and a state of its own; what it waits for leaves room for another two.
_SIDE_BY_SIDE = 3

Run = Future[int]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the scenarios' logs, `<scenario>.log`, which are written while they run."""
    return tmp_path_factory.mktemp("molecule")


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest, logs: Path) -> Iterator[dict[str, Run]]:
    """The scenarios that were asked for, running, by name; a result is an exit status."""
    items = [
        item for item in request.session.items if isinstance(item, pytest.Function) and item.path == Path(__file__)
    ]
    names = [str(item.callspec.params["scenario"]) for item in items]
    with running_cloud(), ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        yield {name: pool.submit(_run, name, logs / f"{name}.log") for name in names}
        pool.shutdown(cancel_futures=True)


def _run(scenario: str, log: Path) -> int:
    # The programs beside this Python come first, as .build/env has it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    output = {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "PY_COLORS": "0", "ANSIBLE_FORCE_COLOR": "0"}
    with (
        log.open("w") as file,
        subprocess.Popen(
            ["molecule", "test", "--scenario-name", scenario],
            cwd=_PROJECT,
            env=os.environ | {"PATH": path} | output,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            return process.wait(_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            file.write(f"fatal: not at its end after {_TIMEOUT_SECONDS} s\n")
            # Not molecule alone: what it has started would go on.
            kill_family(process.pid)
            return process.wait()


@pytest.mark.parametrize("scenario", _PARAMETERS)
def test_scenario(scenario: str, runs: dict[str, Run], logs: Path) -> None:
    status = runs[scenario].result()
    assert status == 0, _failure(scenario, (logs / f"{scenario}.log").read_text())


def _failure(scenario: str, log: str) -> str:
    """What a person needs of a failed scenario's log: its last error, and how to see it all."""
    lines = log.splitlines()
    # Errors before it may have been expected.
    last = max((i for i, line in enumerate(lines) if line.startswith(("[ERROR]", "fatal:"))), default=len(lines))
    shown = "\n".join(lines[max(last - _SHOWN_LINES, 0) : last + _SHOWN_LINES])
    return f"{shown}\n\nTo run it alone: molecule test --scenario-name {scenario}"
