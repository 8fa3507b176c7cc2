# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What a Terraform state says about its resources without their attributes, which may be secret."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

Json = dict[str, Any]


class Resource(NamedTuple):
    """A resource of a state, whatever its `count` or `for_each`.

    Attributes:
        address: as in the configuration, such as `module.load_balancer.aws_lb.this`.
        type: such as `aws_lb`.
        name: such as `this`.
        instances: how many there are of it.
        needs: addresses of resources of the same state that it depends on, also by way of others; sorted.
    """

    address: str
    type: str
    name: str
    instances: int
    needs: list[str]


def resources_of(state: Json) -> list[Resource]:
    """The resources that a state manages, sorted by address. Only their types, names and dependencies are read.

    Args:
        state: a state of version 4, as a backend keeps it.
    """
    needs: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    kinds: dict[str, tuple[str, str]] = {}
    for entry in state.get("resources", []):
        if entry["mode"] != "managed":
            continue
        # An instance of a module has its key in the state, and none in dependencies.
        module = re.sub(r"\[[^]]*\]", "", entry.get("module", ""))
        address = ".".join(filter(None, [module, entry["type"], entry["name"]]))
        kinds[address] = (entry["type"], entry["name"])
        counts[address] = counts.get(address, 0) + len(entry["instances"])
        found = needs.setdefault(address, set())
        for instance in entry["instances"]:
            found.update(instance.get("dependencies", []))
    return [
        Resource(address, *kinds[address], counts[address], sorted(_reached(address, needs)))
        for address in sorted(needs)
        if counts[address]
    ]


def _reached(start: str, needs: dict[str, set[str]]) -> set[str]:
    """Addresses that one leads to. Terraform lists all of them, other writers of states those next to it."""
    reached: set[str] = set()
    to_visit = [start]
    while to_visit:
        for address in needs.get(to_visit.pop(), set()) - reached:
            reached.add(address)
            to_visit.append(address)
    return {address for address in reached if address in needs and address != start}
