"""An inventory as the validation sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_rules import Call, Finding, broken_rules

from plugins.plugin_utils.inventory_problems import Evaluate, inventory_problems
from plugins.plugin_utils.platforms import read_platforms

PROJECT = Path(__file__).parents[2]
_PLATFORMS = read_platforms(PROJECT / "terraform/layers")
PLATFORMS = ", ".join(_PLATFORMS)

Json = dict[str, Any]


class Rules:
    """The rules of the layers, as Terraform evaluates them; it is asked once about the same inputs."""

    def __init__(self) -> None:
        self._messages: dict[str, list[tuple[str, str, bool]]] = {}

    def __call__(self, calls: Sequence[Call]) -> list[Finding]:
        """What Terraform has against the inputs."""
        digests = [call.digest for call in calls]
        new = {digest: call for digest, call in zip(digests, calls, strict=True) if digest not in self._messages}
        found = broken_rules(list(new.values()))
        for number, digest in enumerate(new):
            self._messages[digest] = [
                (finding.variable, finding.message, finding.is_type) for finding in found if finding.call == number
            ]
        return [
            Finding(number, *message) for number, digest in enumerate(digests) for message in self._messages[digest]
        ]


# What whoever deploys to staging and prod writes into their inventories.
OWN_ACCOUNT: Json = {"slipway_account_id": "111122223333", "slipway_google_project": "example-project"}

# What group_vars/gcp says.
ON_GOOGLE_CLOUD: Json = {
    "slipway_google_project": "slipway-rehearsal",
    "slipway_region": "us-central1",
    "slipway_state_bucket": "slipway-dev-gcp-state",
    "slipway_state_store": "gcs",
}


class Inventory:
    """An inventory that is right, to be changed."""

    def __init__(self, folder: Path, rules: Evaluate) -> None:
        self.folder = folder
        self.rules = rules
        (folder / "app").mkdir()
        (folder / "app" / "Dockerfile").touch()
        self.hosts: dict[str, Json] = {}
        self.add("main", "networks")
        self.add("tasks", "apps", "ecs", data_database_name="taskdb", service_domain_name="tasks.example.org")
        self.add("beers", "apps", "ecs")
        self.add("records", "apps", "ecs_public", service_container_port=5000)
        self.add("hello", "apps", "app_runner")
        self.add("hello-gcp", "apps", "cloud_run", "gcp", **ON_GOOGLE_CLOUD)
        self.set("tasks", service_zone_name="example.org")

    def add(self, host: str, *groups: str, **variables: Any) -> None:
        self.hosts[host] = {
            "group_names": list(groups),
            "inventory_dir": str(self.folder),
            "inventory_file": str(self.folder / "hosts.yml"),
            "inventory_hostname": host,
            "slipway_environment": "dev",
            "slipway_environment_tag": "development",
            "slipway_account_id": "111122223333",
            "slipway_region": "us-east-1",
            "slipway_state_bucket": "slipway-dev-state",
            "slipway_cloud_environment": {},
            "slipway_network": "main",
            "image_source": str(self.folder / "app"),
            **variables,
        }

    def write(self, file: str, **variables: Any) -> None:
        """Write a file of variables; the hosts that it is for are given them by `set`."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(variables))

    def set(self, host: str, **variables: Any) -> None:
        self.hosts[host] |= variables

    def everywhere(self, **variables: Any) -> None:
        for host in self.hosts:
            self.set(host, **variables)

    def problems(self) -> list[str]:
        return inventory_problems(self.hosts, PROJECT, [str(self.folder)], self.rules)

    def problem(self) -> str:
        """The one problem there is."""
        found = self.problems()
        assert len(found) == 1, found
        return found[0]

    def edit(self, file: str) -> str:
        return f". Edit {self.folder / file}."


def move_host(file: Path, app: str, platform: str) -> None:
    """Move the host line of an app to the group of another platform.

    Args:
        file: the inventory's hosts.yml.
        app: name of the host.
        platform: name of the group.
    """
    groups = yaml.safe_load(file.read_text())
    platforms = groups["all"]["children"]["apps"]["children"]
    for group in platforms.values():
        group["hosts"].pop(app, None)
    platforms[platform]["hosts"][app] = None
    file.write_text(yaml.safe_dump(groups, sort_keys=False))
