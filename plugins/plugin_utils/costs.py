# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What an inventory costs a month: counts from the inputs of its layers, and prices from terraform/prices.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.slipway.provision.plugins.plugin_utils.inventory import Host, read_yaml
from ansible_collections.slipway.provision.plugins.plugin_utils.inventory_problems import inputs_of_layers
from jinja2 import Environment, StrictUndefined, UndefinedError

Json = dict[str, Any]
_ENVIRONMENT = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - expressions, not pages


class CostsError(Exception):
    """A price is missing, or an item cannot be computed."""


class Cost(NamedTuple):
    """What one item of a host costs.

    Attributes:
        host: app or network.
        item: what it is, in the singular.
        number: how many there are.
        usd: what one of them costs a month, in US dollars.
    """

    host: str
    item: str
    number: int
    usd: float

    @property
    def total(self) -> float:
        """What all of them cost a month, in US dollars."""
        return self.number * self.usd


class Prices:
    """The table of prices.

    Args:
        file: `terraform/prices.yml`.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        table = read_yaml(file)
        self.hours = int(table["hours_per_month"])
        self._prices: Json = table["prices"]

    def __call__(self, name: str) -> float:
        """A price in US dollars.

        Raises:
            CostsError: the table has no such price.
        """
        if name not in self._prices:
            raise CostsError(
                f"there is no price {name} in {self._file.parent.name}/{self._file.name}; add it there, with its date "
                "and its source"
            )
        return float(self._prices[name]["usd"])


def monthly_costs(hostvars: Mapping[str, Any], project: Path) -> list[Cost]:
    """What the apps and networks of an inventory cost a month while nothing happens, without what costs nothing.

    Args:
        hostvars: variables of all hosts, by host. Validation has found nothing wrong with them.
        project: the project's folder.

    Returns:
        The items, in the order of the inventory.

    Raises:
        CostsError: a price is missing, or a quantity depends on what only a run knows.
    """
    prices = Prices(project / "terraform/prices.yml")
    found = []
    for host, layers in inputs_of_layers(hostvars, project):
        for root, inputs in layers:
            found += [cost for cost in _items(host, root, inputs, prices) if cost.total]
    return found


def _items(host: Host, root: Path, inputs: Json, prices: Prices) -> list[Cost]:
    """The items of one layer of a host."""
    file = root / "costs.yml"
    known = inputs | {"database": bool(host.values.get("data_database_name")), "hours": prices.hours, "price": prices}
    found = []
    for item in read_yaml(file) if file.is_file() else []:
        try:
            if "each" in item:
                elements = _value(item["each"], known)
                each = [(f"{item['item']} {key}", known | {"each": elements[key]}) for key in sorted(elements)]
            else:
                each = [(item["item"], known)]
            for name, its in each:
                number = int(_value(item["count"], its))
                # Where there is none, its price may be missing.
                usd = float(_value(item["usd"], its)) if number else 0.0
                found.append(Cost(host.name, name, number, usd))
        except (TypeError, ValueError, UndefinedError) as error:
            raise CostsError(
                f"{host.name}: {item['item']} of {file.parent.name} cannot be computed: {error}"
            ) from error
        except CostsError as error:
            raise CostsError(f"{host.name}: {item['item']}: {error}") from error
    return found


def _value(expression: object, known: Json) -> Any:
    """The value of an expression of costs.yml."""
    return _ENVIRONMENT.compile_expression(str(expression), undefined_to_none=False)(known)


def as_table(costs: list[Cost]) -> str:
    """The items as a table in Markdown, with the sum of each host and of all.

    Args:
        costs: in the order they are shown in.
    """
    lines = ["| app or network | what | number | US dollars a month |", "|---|---|---|---|"]
    for host in dict.fromkeys(cost.host for cost in costs):
        its = [cost for cost in costs if cost.host == host]
        lines += [f"| `{host}` | {cost.item} | {cost.number} | {cost.total:.2f} |" for cost in its]
        lines.append(f"| **`{host}`** | | | **{sum(cost.total for cost in its):.2f}** |")
    lines.append(f"| **all** | | | **{sum(cost.total for cost in costs):.2f}** |")
    return "\n".join(lines)
