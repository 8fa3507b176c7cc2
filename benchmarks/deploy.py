"""Deploy benchmarks: what all apps cost over the slowest alone, and a run that changes nothing over bare Terraform.

Run them on a quiet machine; they take about half an hour:

    . .build/env && python benchmarks/deploy.py

They stop the emulator and remove `.build/dev` first, and again before each deployment from nothing; with
`--unchanged` they leave out what begins with nothing, and need an environment that is deployed. Each figure is a ratio
within one call. Memory is that of a run of its own, since looking at it takes time: what `ansible-playbook` and all it
has started hold at once, without the emulator, the engine and its containers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

PROJECT = Path(__file__).resolve().parent.parent
ENVIRONMENT = "dev"
# The app whose runs are compared with bare plans, and the roots of its layers.
COMPARED = "tasks"
ROOTS = {"registry": "registry", "data": "data", "service": "service_ecs"}
CLOUD_ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_LOOK_SECONDS = 0.5


def timed(arguments: list[str], folder: Path = PROJECT, environment: dict[str, str] | None = None) -> float:
    """Wall time of a command in seconds.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    started = time.monotonic()
    environment = {**os.environ, **(environment or {})}
    subprocess.run(arguments, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


def peak_memory_mib(arguments: list[str]) -> float:
    """The most that a command and all its processes hold at once; pages that several share are counted once.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    process = subprocess.Popen(arguments, cwd=PROJECT, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _memory_mib(process.pid))
        time.sleep(_LOOK_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return peak


def _memory_mib(process: int) -> float:
    """Memory of a process and of all that it has started."""
    total = 0
    try:
        root = psutil.Process(process)
        for one in (root, *root.children(recursive=True)):
            try:
                total += one.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    return total / 2**20


def site(*limits: str) -> list[str]:
    """The command line of a run of the site, limited to some hosts."""
    limit = ["--limit", ",".join(limits)] if limits else []
    return ["ansible-playbook", "site.yml", "-i", f"inventories/{ENVIRONMENT}", *limit]


def emulator(*arguments: str) -> None:
    """Run a command of the emulator.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    subprocess.run(
        [sys.executable, "-m", "slipway_emulator", *arguments], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL
    )


def forget() -> None:
    """Stop the emulator, and remove what was kept of the environment. The engine keeps images, and layers of builds."""
    emulator("stop")
    if (folder := PROJECT / ".build" / ENVIRONMENT).exists():
        shutil.rmtree(folder)


def from_nothing(*limits: str) -> float:
    """Wall time of a run of the site in a new cloud."""
    forget()
    return timed(site(*limits))


def bare_plans() -> float:
    """Summed wall time of `terraform plan` of COMPARED's layers, in seconds, in their working folders."""
    total = 0.0
    for layer, root in ROOTS.items():
        work = PROJECT / ".build" / ENVIRONMENT / COMPARED / layer
        total += timed(
            ["terraform", "plan", "-input=false", "-detailed-exitcode", f"-var-file={work}/terraform.tfvars.json"],
            PROJECT / "terraform" / "layers" / "aws" / root,
            {**CLOUD_ENVIRONMENT, "TF_DATA_DIR": f"{work}/data"},
        )
    return total


def apps() -> list[str]:
    """The environment's apps."""
    listed = subprocess.run(
        ["ansible-inventory", "-i", f"inventories/{ENVIRONMENT}", "--list"],
        cwd=PROJECT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    groups: dict[str, Any] = json.loads(listed.stdout)
    return [host for group in groups["apps"]["children"] for host in groups[group]["hosts"]]


def said(what: str, seconds: float) -> float:
    """Print a time when it is known."""
    print(f"{what}: {seconds:.1f} s", flush=True)
    return seconds


def measure_from_nothing(names: list[str]) -> dict[str, Any]:
    """Each app in a cloud of its own, and all in one."""
    alone = {name: said(f"{name} from nothing", from_nothing("main", name)) for name in names}
    together = said("all from nothing", from_nothing())
    # What the first run has left to say.
    timed(site())
    return {"from_nothing_over_slowest_alone": round(together / max(alone.values()), 2)}


def measure_unchanged(names: list[str], rounds: int) -> dict[str, Any]:
    """Runs that change nothing, in turns."""
    unchanged = {name: said(f"{name}, no change", timed(site(name))) for name in names}
    slowest = max(unchanged, key=lambda name: unchanged[name])
    turns: dict[str, list[float]] = {"all": [], "slowest": [], "compared": [], "bare plans": []}
    for number in range(rounds):
        turns["all"].append(said(f"round {number + 1}, all, no change", timed(site())))
        turns["slowest"].append(said(f"round {number + 1}, {slowest}", timed(site(slowest))))
        turns["compared"].append(said(f"round {number + 1}, {COMPARED}", timed(site(COMPARED))))
        turns["bare plans"].append(said(f"round {number + 1}, bare plans of {COMPARED}", bare_plans()))
    medians = {name: statistics.median(seconds) for name, seconds in turns.items()}
    return {
        "slowest_unchanged": slowest,
        "no_change_over_slowest_alone": round(medians["all"] / medians["slowest"], 2),
        "no_change_peak_memory_mib": round(peak_memory_mib(site())),
        f"no_change_{COMPARED}_over_bare_plans": round(medians["compared"] / medians["bare plans"], 2),
        "medians_seconds": {name: round(seconds, 1) for name, seconds in medians.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the runs that change nothing (default 3)")
    parser.add_argument("--unchanged", action="store_true", help="only the runs that change nothing")
    arguments = parser.parse_args()
    names = apps()
    result: dict[str, Any] = {"apps": len(names)}
    if not arguments.unchanged:
        result |= measure_from_nothing(names)
    print(json.dumps(result | measure_unchanged(names, arguments.rounds), indent=2))


if __name__ == "__main__":
    main()
