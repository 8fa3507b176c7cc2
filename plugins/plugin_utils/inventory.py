# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What an inventory holds, what the project says it may hold, and the list of what is wrong with it."""

from __future__ import annotations

import functools
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.provision.plugins.plugin_utils.platforms import (
    Platform,
    layer_names,
    read_platforms,
    roots_of_layer,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_files import declared_variables

Json = dict[str, Any]

LAYERS = layer_names(Path(__file__).parents[2] / "terraform/layers")


@dataclass(frozen=True)
class Host:
    """A host of the inventory.

    Attributes:
        groups: its groups, without `all`.
        folder: the inventory's folder.
        hosts_file: the file that lists the hosts.
        values: its variables, by name, as far as they can be known before a run.
        given: names of all its variables.
    """

    name: str
    groups: list[str]
    folder: Path
    hosts_file: str
    values: Json
    given: list[str]

    @property
    def cloud_name(self) -> str:
        """What the names of all its cloud resources begin with."""
        return f"{self.values.get('slipway_environment')}-{self.name}"

    def file_of(self, variable: str, otherwise: str) -> str:
        """The file to edit.

        Args:
            variable: name of the variable.
            otherwise: where it belongs in the inventory's folder, for when it stands in no file yet.
        """
        groups = (f"group_vars/{group}" for group in [*self.groups, "all"])
        return self._file_in([f"host_vars/{self.name}", *groups, "hosts"], variable) or short_path(
            self.folder / otherwise
        )

    def own_file_of(self, variable: str, platform: str | None) -> str | None:
        """The file of this very host, or of its platform or kind, that a variable stands in; None when it is another's.

        Args:
            variable: name of the variable.
            platform: what the app runs on; None for a network.
        """
        group = platform or "networks"
        own = self._file_in([f"host_vars/{self.name}", f"group_vars/{group}"], variable)
        return own or (self.hosts_file if variable in self._listed_with(group) else None)

    def _listed_with(self, group: str) -> set[str]:
        """Names of the variables that the file which lists the hosts, in YAML, has for this one or for its group."""
        file = Path(self.hosts_file)
        is_yaml = file.suffix in (".yml", ".yaml") and file.is_file()
        return set(_variables_of(_composed(file), self.name, group)) if is_yaml else set()

    def _file_in(self, owners: Iterable[str], variable: str) -> str | None:
        endings = ("", ".yml", ".yaml", ".json")
        places = [self.folder / f"{owner}{ending}" for owner in owners for ending in endings]
        # In YAML or in JSON, which Ansible takes, too.
        name = re.escape(variable)
        names_it = re.compile(rf"""^\s*["']?{name}["']?\s*:|[{{,]\s*"{name}"\s*:""", re.MULTILINE)
        # Last read, first found: of two files, Ansible takes the later one.
        for place in places:
            files = [place] if place.is_file() else sorted(filter(Path.is_file, place.rglob("*")), reverse=True)
            for file in files:
                if names_it.search(file.read_text(errors="replace")):
                    return short_path(file)
        return None


class Problems:
    """What is wrong, each thing said once for all hosts it is true of."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[str, str], list[str]] = defaultdict(list)

    def add(self, hosts: Iterable[str], text: str, remedy: str) -> None:
        """Add a problem.

        Args:
            hosts: names of the hosts it is true of.
            text: what is wrong, and what would be right.
            remedy: what to do, as a sentence without its full stop.
        """
        known = self._hosts[text, remedy]
        known += [host for host in hosts if host not in known]

    def lines(self, order: list[str]) -> list[str]:
        """A line for each problem, those of one host together.

        Args:
            order: names of the hosts; those of other hosts come first.
        """
        ranks = {host: rank for rank, host in enumerate(order)}
        found = sorted(self._hosts.items(), key=lambda problem: ranks.get(problem[1][0], -1))
        return [f"{', '.join(hosts)}: {text}. {remedy}." for (text, remedy), hosts in found]


class Project:
    """What the project's own files say an inventory may hold.

    Attributes:
        platforms: what an app can run on, by name.
        roles: argument specifications, by role and variable.
        host_variables: argument specifications of what every app and network may be given.
        app_variables: the same of what only apps may be given.
        shared: variables the project sets itself, whatever an inventory says, with the file that does.
        renamed: new names of variables, by the old ones.
    """

    def __init__(self, folder: Path) -> None:
        self._layers = folder / "terraform/layers"
        self.platforms = read_platforms(self._layers)
        self.roles: dict[str, Json] = {
            file.parts[-3]: {
                name: option
                for entry_point in read_yaml(file)["argument_specs"].values()
                for name, option in entry_point["options"].items()
            }
            for file in sorted(folder.glob("roles/*/meta/argument_specs.yml"))
        }
        variables = read_yaml(folder / "playbooks/files/inventory_variables.yml")["argument_specs"]
        self.host_variables: Json = variables["hosts"]["options"]
        self.app_variables: Json = variables["apps"]["options"]
        self.shared = {
            variable: str(file.relative_to(folder))
            for file in sorted(folder.glob("playbooks/vars/*.yml"))
            for variable in read_yaml(file)
        }
        # Names of variables that every application is given, as far as it has what they are about.
        application = read_yaml(folder / "playbooks/vars/application_environment.yml")
        self.environment = set(application["platform_environment"])
        self.renamed: dict[str, str] = read_yaml(folder / "playbooks/files/renamed_variables.yml")

    def role_of(self, variable: str) -> str | None:
        """The role that a variable's prefix names; None when it names none."""
        return next((role for role in self.roles if variable.startswith(f"{role}_")), None)

    def own_options(self, layer: str) -> set[str]:
        """Variables with a layer's prefix that are for its role and no input of its Terraform roots."""
        inputs = {f"{layer}_{variable}" for root in self.roots_of(layer) for variable in declared_variables(root)}
        return set(self.roles[layer]) - inputs

    def roots_of(self, layer: str) -> list[Path]:
        """Terraform roots of a layer, one for each cloud."""
        found: list[Path] = roots_of_layer(self._layers, layer)
        return found

    def layers_of(self, host: Host) -> dict[str, Path]:
        """Terraform roots that are applied for a host, by layer; none for an app without its one platform.

        What its account is bootstrapped with is among them where the inventory says something of it.
        """
        layers = dict(self.possible_layers_of(host))
        platform = self.platform_of(host)
        # What cannot be read before a run may ask for it.
        asking = platform.data_layer_for if platform else []
        if asking and not any(host.values.get(name, name in host.given) for name in asking):
            layers.pop("data", None)
        return layers

    def possible_layers_of(self, host: Host) -> dict[str, Path]:
        """The same with those that a host's platform has only for apps that ask for what they hold."""
        if "networks" in host.groups:
            layers = {"network": self._layers / self.cloud_of(host) / "network"}
        else:
            platform = self.platform_of(host)
            layers = platform.layers if platform else {}
        # An administrator applies it, once for all hosts of an account.
        bootstrap = self._layers / self.cloud_of(host) / "bootstrap"
        is_given = any(name.startswith("bootstrap_") for name in host.given)
        return layers | ({"bootstrap": bootstrap} if layers and is_given and bootstrap.is_dir() else {})

    def cloud_of(self, host: Host) -> str:
        """Whose cloud a host is in, the folder of its Terraform roots: its platform's; a network's group says it."""
        platform = self.platform_of(host)
        return platform.cloud if platform else "gcp" if "gcp" in host.groups else "aws"

    def platform_of(self, host: Host) -> Platform | None:
        """The platform of an app; None for a network, and for an app without its one platform."""
        platforms = [self.platforms[group] for group in host.groups if group in self.platforms]
        return platforms[0] if "apps" in host.groups and len(platforms) == 1 else None


@functools.cache
def _composed(file: Path) -> yaml.Node | None:
    """What a file holds; composed, not loaded: an inventory has tags that only Ansible knows."""
    return yaml.compose(file.read_text())


def written_as(file: Path, variable: str) -> dict[str, str]:
    """How a file of variables writes the entries of a dictionary that are plain text, by their keys.

    Args:
        file: in YAML; one that is encrypted as a whole, or is no YAML, has none.
        variable: name of the dictionary.
    """
    try:
        entries = _entries(_entries(_composed(file)).get(variable))
    except (OSError, yaml.YAMLError):
        return {}
    return {
        key: node.value
        for key, node in entries.items()
        if isinstance(node, yaml.ScalarNode)
        and node.style is None
        # What has a tag of Ansible's is another thing, and so is a template.
        and node.tag.startswith("tag:yaml.org,2002:")
        and "{{" not in node.value
    }


def _variables_of(groups: yaml.Node | None, host: str, own_group: str) -> Iterator[str]:
    """Names of the variables of a host and of its own group in groups of a YAML inventory and in their children."""
    for name, group in _entries(groups).items():
        parts = _entries(group)
        if name == own_group:
            yield from _entries(parts.get("vars"))
        yield from _entries(_entries(parts.get("hosts")).get(host))
        yield from _variables_of(parts.get("children"), host, own_group)


def _entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """What a YAML mapping holds; nothing where there is none."""
    return {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}


def short_path(path: Path) -> str:
    """A path as one would type it here."""
    whole = Path(os.path.normpath(Path.cwd() / path))
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)


@functools.cache
def read_yaml(file: Path) -> Json:
    """The dictionary that a file holds."""
    content: Json = yaml.safe_load(file.read_text())
    return content
