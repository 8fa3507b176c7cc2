"""An inventory as the validation sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from plugins.plugin_utils.inventory_problems import inventory_problems

PROJECT = Path(__file__).parents[2]
# Of the hosts of an example, Terraform is asked about those alone that a test changes.
CACHE = PROJECT / ".build/tests/valid_inputs.json"

Json = dict[str, Any]


# What group_vars/cloud_run says.
ON_GOOGLE_CLOUD: Json = {
    "slipway_google_project": "slipway-rehearsal",
    "slipway_region": "us-central1",
    "slipway_state_bucket": "slipway-dev-gcp-state",
    "slipway_state_store": "gcs",
}


class Inventory:
    """An inventory that is right, to be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "app").mkdir()
        (folder / "app" / "Dockerfile").touch()
        self.hosts: dict[str, Json] = {}
        self.add("main", "networks")
        self.add("tasks", "apps", "ecs", data_database_name="taskdb", service_domain_name="tasks.example.org")
        self.add("beers", "apps", "ecs")
        self.add("records", "apps", "ecs_public", service_container_port=5000)
        self.add("hello", "apps", "app_runner")
        self.add("hello-gcp", "apps", "cloud_run", **ON_GOOGLE_CLOUD)
        self.set("tasks", service_zone_name="example.org")

    def add(self, host: str, *groups: str, **variables: Any) -> None:
        self.hosts[host] = {
            "group_names": list(groups),
            "inventory_dir": str(self.folder),
            "inventory_file": str(self.folder / "hosts.yml"),
            "inventory_hostname": host,
            "slipway_environment": "dev",
            "slipway_environment_tag": "development",
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
        return inventory_problems(self.hosts, PROJECT, [str(self.folder)], CACHE)

    def problem(self) -> str:
        """The one problem there is."""
        found = self.problems()
        assert len(found) == 1, found
        return found[0]

    def edit(self, file: str) -> str:
        return f". Edit {self.folder / file}."
