"""Deploy benchmarks: what all apps cost over the slowest alone, and a run that changes nothing over bare Terraform.

Run them on a quiet machine; they take about half an hour:

    . .build/env && python benchmarks/deploy.py

They stop the rehearsal cloud and remove `.build/dev` first, and again before each deployment from nothing. Each figure
is a ratio within one call.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
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
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        seconds: wall time.
        memory_mib: the most that it and all its processes held at once, pages that several share counted once.
    """

    seconds: float
    memory_mib: float


def measured(arguments: list[str], folder: Path = PROJECT, environment: dict[str, str] | None = None) -> Cost:
    """Run a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        arguments, cwd=folder, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL
    )
    peak, ended = 0.0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not ended.wait(_LOOK_SECONDS):
            peak = max(peak, _memory_mib(process.pid))

    watcher = threading.Thread(target=look)
    watcher.start()
    status = process.wait()
    seconds = time.monotonic() - started
    ended.set()
    watcher.join()
    if status:
        raise subprocess.CalledProcessError(status, arguments)
    return Cost(seconds, peak)


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


def site(*limits: str) -> Cost:
    """A run of the site, limited to some hosts."""
    limit = ["--limit", ",".join(limits)] if limits else []
    return measured(["ansible-playbook", "site.yml", "-i", f"inventories/{ENVIRONMENT}", *limit])


def from_nothing(*limits: str) -> Cost:
    """A run of the site in a new cloud. The engine keeps its base images, and layers of builds."""
    subprocess.run([sys.executable, "-m", "emulator", "stop"], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(PROJECT / ".build" / ENVIRONMENT, ignore_errors=True)
    return site(*limits)


def bare_plans() -> float:
    """Summed wall time of `terraform plan` of COMPARED's layers, in seconds, in their working folders."""
    total = 0.0
    for layer, root in ROOTS.items():
        work = PROJECT / ".build" / ENVIRONMENT / COMPARED / layer
        total += measured(
            ["terraform", "plan", "-input=false", "-detailed-exitcode", f"-var-file={work}/terraform.tfvars.json"],
            PROJECT / "terraform" / "layers" / "aws" / root,
            {**CLOUD_ENVIRONMENT, "TF_DATA_DIR": f"{work}/data"},
        ).seconds
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


def said(what: str, cost: Cost) -> Cost:
    """Print a cost when it is known."""
    print(f"{what}: {cost.seconds:.1f} s, {cost.memory_mib:.0f} MiB", flush=True)
    return cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the runs that change nothing (default 3)")
    rounds = parser.parse_args().rounds
    names = apps()
    alone = {name: said(f"{name} from nothing", from_nothing("main", name)) for name in names}
    together = said("all from nothing", from_nothing())
    # What the first run has left to say.
    site()
    unchanged = {name: said(f"{name}, no change", site(name)) for name in names}
    slowest = max(unchanged, key=lambda name: unchanged[name].seconds)
    turns: dict[str, list[float]] = {"all": [], "slowest": [], "compared": [], "bare plans": []}
    memory = 0.0
    for number in range(rounds):
        everything = said(f"round {number + 1}, all, no change", site())
        memory = max(memory, everything.memory_mib)
        turns["all"].append(everything.seconds)
        turns["slowest"].append(site(slowest).seconds)
        turns["compared"].append(site(COMPARED).seconds)
        turns["bare plans"].append(bare_plans())
    medians = {name: statistics.median(seconds) for name, seconds in turns.items()}
    result = {
        "apps": len(names),
        "slowest_unchanged": slowest,
        "from_nothing_over_slowest_alone": round(together.seconds / max(cost.seconds for cost in alone.values()), 2),
        "no_change_over_slowest_alone": round(medians["all"] / medians["slowest"], 2),
        "no_change_peak_memory_mib": round(memory),
        f"no_change_{COMPARED}_over_bare_plans": round(medians["compared"] / medians["bare plans"], 2),
        "medians_seconds": {name: round(seconds, 1) for name, seconds in medians.items()},
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
