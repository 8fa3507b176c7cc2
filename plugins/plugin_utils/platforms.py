# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""The layers, which are the folders of `terraform/layers`, and what is true of the platforms: the file `platform.yml`
beside the root of each one's service layer."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load

Json = dict[str, Any]

_SERVICE = "service_"
# Layers that no app has: an administrator applies the one, and a network is a host of its own.
BOOTSTRAP = "bootstrap"
LAYERS_OF_NO_APP = (BOOTSTRAP, "network")


@dataclass(frozen=True)
class Platform:
    """What an app can run on. The attributes after `cloud` are the keys of platform.yml; docs/architecture.md
    describes them.

    Attributes:
        name: its name, which is an inventory group's too.
        root: folder of the Terraform root of its service layer.
        cloud: whose cloud it is: the folder of its Terraform roots.
    """

    name: str
    root: Path
    cloud: str
    image_registry: str
    comparison: dict[str, str]
    behind_proxy: bool = False
    data_layer_for: list[str] = field(default_factory=list)
    deprecated: Json = field(default_factory=dict)
    internal_unless: dict[str, str] = field(default_factory=dict)
    left_over_log_groups: str = ""
    left_over_task_definitions: str = ""
    nat_gateway: str = ""
    private_unless: str = ""
    reserved_environment_variables: dict[str, str] = field(default_factory=dict)
    reserved_paths: list[str] = field(default_factory=list)
    service_linked_roles: list[str] = field(default_factory=list)
    unsupported_variables: dict[str, str] = field(default_factory=dict)

    @property
    def layers(self) -> dict[str, Path]:
        """Roots of the layers that an app may have, by layer: those of its cloud, without what no app has."""
        return {
            layer: root
            for root in _roots(self.root.parent, "*")
            if (layer := _layer_of(root)) not in LAYERS_OF_NO_APP and (layer != "service" or root == self.root)
        }


def layer_names(layers: Path) -> list[str]:
    """Names of all layers, sorted. The one that has a root for each platform is called `service`.

    Args:
        layers: the folder `terraform/layers` of a project.
    """
    return sorted({_layer_of(root) for root in _roots(layers, "*/*")})


def roots_of_layer(layers: Path, layer: str) -> list[Path]:
    """Terraform roots of a layer: one for each cloud, of `service` one for each platform; sorted by path.

    Args:
        layers: the folder `terraform/layers` of a project.
        layer: name of the layer.
    """
    return [root for root in _roots(layers, "*/*") if _layer_of(root) == layer]


def _roots(folder: Path, pattern: str) -> list[Path]:
    return sorted(file.parent for file in folder.glob(f"{pattern}/variables.tf"))


def _layer_of(root: Path) -> str:
    return "service" if root.name.startswith(_SERVICE) else root.name


def platform_roots(layers: Path) -> dict[str, Path]:
    """Terraform roots of the service layer, by platform.

    Args:
        layers: the folder `terraform/layers` of a project.
    """
    roots = sorted(roots_of_layer(layers, "service"), key=lambda root: root.name)
    return {root.name.removeprefix(_SERVICE): root for root in roots}


@functools.cache
def read_platform(root: Path) -> Platform:
    """What is true of the platform that a root is of.

    Raises:
        TypeError: the file lacks a key, or has one that nothing reads.
    """
    facts: Json = yaml_load((root / "platform.yml").read_text())
    return Platform(name=root.name.removeprefix(_SERVICE), root=root, cloud=root.parent.name, **facts)


def read_platforms(layers: Path, groups: Iterable[str] | None = None) -> dict[str, Platform]:
    """All platforms, or those that are among some groups, by name.

    Args:
        layers: the folder `terraform/layers` of a project.
        groups: names of inventory groups.
    """
    return {
        name: read_platform(root) for name, root in platform_roots(layers).items() if groups is None or name in groups
    }
