"""Inventory benchmarks: validation, and a run limited to one app, with 50 apps in the inventory over 6.

Run them on a quiet machine after `make deploy`, twice, so that nothing is left to change:

    . .build/env && python benchmarks/inventory.py

Copies of `inventories/dev` stand for the two; the larger one has apps of the group `ecs` more. Each figure is a ratio
within one call: the commands take turns, and the medians of their wall times are compared.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent
INVENTORY = PROJECT / "inventories" / "dev"
APPS = 6
MORE_APPS = 50
LIMIT = "tasks"


def inventory(folder: Path, more: int) -> Path:
    """A copy of the inventory with more apps, beside the application's source, as a project has it."""
    copy = folder / "inventories" / INVENTORY.name
    shutil.copytree(INVENTORY, copy)
    (folder / "app").symlink_to(PROJECT / "app")
    (folder / "Dockerfile").symlink_to(PROJECT / "Dockerfile")
    names = [f"app-{number:02}" for number in range(more)]
    hosts = copy / "hosts.yml"
    groups = yaml.safe_load(hosts.read_text())
    groups["all"]["children"]["apps"]["children"]["ecs"]["hosts"] |= dict.fromkeys(names)
    hosts.write_text(yaml.safe_dump(groups))
    for name in names:
        shutil.copytree(INVENTORY / "host_vars" / LIMIT, copy / "host_vars" / name)
        # Two apps cannot have one domain name.
        service = copy / "host_vars" / name / "service.yml"
        service.write_text(service.read_text().replace(f"{LIMIT}.", f"{name}."))
    return copy


def timed(playbook: str, where: Path, *arguments: str) -> float:
    """Wall time of a playbook in seconds.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    started = time.monotonic()
    subprocess.run(
        ["ansible-playbook", playbook, "-i", str(where), *arguments],
        cwd=PROJECT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds, after one that is not (default 3)")
    rounds = parser.parse_args().rounds
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(dir=PROJECT / ".build") as folder:
        few = inventory(Path(folder, "few"), 0)
        many = inventory(Path(folder, "many"), MORE_APPS - APPS)
        for number in range(rounds + 1):
            for name, where in (("few", few), ("many", many)):
                validated = timed("playbooks/validate.yml", where)
                limited = timed("site.yml", where, "--limit", LIMIT)
                print(f"round {number}, {name}: {validated:.1f} s, limited {limited:.1f} s", flush=True)
                if number:
                    figures.setdefault(f"validate, {name}", []).append(validated)
                    figures.setdefault(f"limited run, {name}", []).append(limited)
    medians = {name: statistics.median(seconds) for name, seconds in figures.items()}
    result = {
        "validation_of_50_over_6": round(medians["validate, many"] / medians["validate, few"], 2),
        "limited_run_of_50_over_6": round(medians["limited run, many"] / medians["limited run, few"], 2),
        "medians_seconds": {name: round(seconds, 2) for name, seconds in medians.items()},
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
