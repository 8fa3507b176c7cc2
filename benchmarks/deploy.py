"""Deploy benchmarks: what a run that changes nothing costs over bare Terraform, and three apps over one.

Run them on a quiet machine after `make deploy`, twice, so that nothing is left to change:

    . .build/env && python benchmarks/deploy.py

Each figure is a ratio within one call: the commands take turns, and the medians of their wall times are
compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
ENVIRONMENT = "dev"
ROOTS = {"registry": "registry", "data": "data", "service": "service_ecs"}
CLOUD_ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def timed(arguments: list[str], folder: Path = PROJECT, environment: dict[str, str] | None = None) -> float:
    """Wall time of a command in seconds.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    started = time.monotonic()
    subprocess.run(
        arguments, cwd=folder, env={**os.environ, **(environment or {})}, check=True, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - started


def site(*limits: str) -> float:
    """Wall time of the site, limited to some hosts, in seconds."""
    limit = ["--limit", ",".join(limits)] if limits else []
    return timed(["ansible-playbook", "site.yml", "-i", f"inventories/{ENVIRONMENT}", *limit])


def bare_plans(app: str) -> float:
    """Summed wall time of `terraform plan` of an app's layers, in seconds, in their working folders."""
    total = 0.0
    for layer, root in ROOTS.items():
        work = PROJECT / ".build" / ENVIRONMENT / app / layer
        total += timed(
            ["terraform", "plan", "-input=false", "-detailed-exitcode", f"-var-file={work}/terraform.tfvars.json"],
            PROJECT / "terraform" / "layers" / "aws" / root,
            {**CLOUD_ENVIRONMENT, "TF_DATA_DIR": f"{work}/data"},
        )
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description="Ratios of runs that change nothing.")
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds, after one that is not (default 3)")
    rounds = parser.parse_args().rounds
    figures: dict[str, list[float]] = {"site --limit tasks": [], "bare plans of tasks": [], "site, three apps": []}
    for number in range(rounds + 1):
        measured = (site("tasks"), bare_plans("tasks"), site())
        print(f"round {number}: " + ", ".join(f"{seconds:.1f} s" for seconds in measured), flush=True)
        if number:
            for name, seconds in zip(figures, measured, strict=True):
                figures[name].append(seconds)
    one, bare, three = (statistics.median(seconds) for seconds in figures.values())
    result = {
        "medians_seconds": {name: round(statistics.median(seconds), 2) for name, seconds in figures.items()},
        "no_change_run_over_bare_plans": round(one / bare, 2),
        "three_apps_over_one": round(three / one, 2),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
