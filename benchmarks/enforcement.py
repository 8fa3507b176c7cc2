"""Benchmark of enforcement: a deployment with IAM's policies, security groups and routes enforced, over one without.

Run it on a quiet machine; each round takes about twenty minutes:

    . .build/env && python -m benchmarks.enforcement

It stops the emulator and removes `.build/dev` before each deployment. The emulator is started and its account
bootstrapped before the time begins.
"""

from __future__ import annotations

import argparse
import json
import statistics

from benchmarks.deploy import ENVIRONMENT, emulator, forget, said, site, timed

# An app on ECS and one on EC2, with load balancers and databases.
HOSTS = ("main", "tasks", "web")
_WITHOUT = ("--no-enforce-iam", "--no-enforce-network")
# The emulator is started here, with other options than a run would give it.
_STARTED = ["-e", json.dumps({"slipway_rehearsal": False})]


def measure(*options: str) -> tuple[float, list[float]]:
    """Seconds of a deployment from nothing, and of two runs after it that change nothing.

    Args:
        options: of the emulator.
    """
    forget()
    emulator("start", *options)
    inventory = ["-i", f"inventories/{ENVIRONMENT}"]
    timed(["ansible-playbook", "playbooks/bootstrap.yml", *inventory, "--limit", HOSTS[0], *_STARTED])
    what = "without enforcement" if options else "with enforcement"
    run = [*site(*HOSTS), *_STARTED]
    return (
        said(f"{what}, from nothing", timed(run)),
        [said(f"{what}, no change", timed(run)) for _ in range(2)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="rounds of both, in turns (default 1)")
    nothing: dict[bool, list[float]] = {True: [], False: []}
    unchanged: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(parser.parse_args().rounds):
        for enforced in (False, True):
            first, others = measure(*(() if enforced else _WITHOUT))
            nothing[enforced].append(first)
            unchanged[enforced] += others
    ratios = {
        what: round(statistics.median(seconds[True]) / statistics.median(seconds[False]), 2)
        for what, seconds in (("from_nothing", nothing), ("no_change", unchanged))
    }
    print(json.dumps(ratios, indent=2))


if __name__ == "__main__":
    main()
