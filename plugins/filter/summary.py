# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filters that put a run's result together."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_COLUMNS = ["app", "platform", "url", "version", "image_digest"]


def merge_summary(entries: list[Json], earlier: list[Json], apps: list[str]) -> list[Json]:
    """The summary of an environment after a run, sorted by app.

    Args:
        entries: what this run deployed, an entry for each app.
        earlier: the summary before it; apps this run left alone keep their entry.
        apps: all apps of the inventory; entries of others are dropped.
    """
    merged = {entry["app"]: entry for entry in [*earlier, *entries]}
    return [merged[app] for app in sorted(merged) if app in apps]


def summary_table(entries: list[Json], columns: list[str] = _COLUMNS) -> list[str]:
    """Lines of a table of apps, for a person to read.

    Args:
        entries: objects with a member for each column.
        columns: names of the members.
    """
    rows = [[column.replace("_", " ") for column in columns]]
    rows += [[str(entry[column]) for column in columns] for entry in entries]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


class FilterModule:
    """The filters, by the names playbooks use."""

    def filters(self) -> Json:
        return {"merge_summary": merge_summary, "summary_table": summary_table}
