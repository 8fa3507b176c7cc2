# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Lookup that reads what is true of platforms."""

from __future__ import annotations

DOCUMENTATION = r"""
name: platforms
short_description: Read what is true of platforms
description:
  - Reads the files C(terraform/layers/<cloud>/service_<platform>/platform.yml) of this collection.
options:
  _terms:
    description: Names of inventory groups; those that are no platform are left out. Without any, all are read.
    type: list
    elements: str
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Show where the images of an app are kept
  ansible.builtin.debug:
    msg: "{{ lookup('slipway.provision.platforms', *group_names).image_registry }}"
"""

RETURN = r"""
_raw:
  description:
    - The keys of the platform's file, with the defaults of those it lacks.
    - Besides C(name), C(cloud), the folder of its Terraform roots, and C(layers), the root of each layer of an app
      below C(terraform/layers), by layer.
  type: list
  elements: dict
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.slipway.provision.plugins.plugin_utils.platforms import read_platforms

_LAYERS = Path(__file__).parents[2] / "terraform/layers"


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[str], **_: Any) -> list[dict[str, Any]]:
        """Return the platforms, sorted by name."""
        return [
            {key: value for key, value in asdict(platform).items() if key != "root"}
            | {"layers": {layer: str(root.relative_to(_LAYERS)) for layer, root in platform.layers.items()}}
            for platform in read_platforms(_LAYERS, terms or None).values()
        ]
