# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filter that makes the page of what runs of a deployment did."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.provision.plugins.plugin_utils.action import MissingLibraryError
from ansible_collections.slipway.provision.plugins.plugin_utils.drawing import draw
from jinja2 import Environment, StrictUndefined

Json = dict[str, Any]

# Ansible's own templates escape nothing.
_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def report_page(parts: list[Json], run: Json, template: str) -> str:
    """The report of an environment, a page in HTML that loads nothing.

    Args:
        parts: what the last run of each app and network did, `report_of_host` of playbooks/vars/report.yml.
        run: the run that writes the report, `report_of_run` of the same file.
        template: the page in Jinja2. What it inserts is escaped.

    Raises:
        AnsibleFilterError: the library that draws is missing.
    """
    hosts = sorted(parts, key=lambda part: (part["kind"] != "app", part["name"]))
    try:
        drawings = {part["name"]: _drawing(number, part) for number, part in enumerate(hosts)}
    except MissingLibraryError as error:
        raise AnsibleFilterError(str(error)) from None
    return str(_ENVIRONMENT.from_string(template).render(hosts=hosts, run=run, drawings=drawings))


def _drawing(number: int, part: Json) -> str:
    network = {"network": f"network {part['network']}"} if part["network"] else {}
    return str(draw(f"drawing{number}", part["layers"], network))


class FilterModule:
    """The filter, by the name playbooks use."""

    def filters(self) -> Json:
        return {"report_page": report_page}
