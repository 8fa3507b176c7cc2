# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of google_resources_info."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

Json = dict[str, Any]

# Of each kind of resource that the layers make: the API, where it lists them, the member of the answer, and what stands
# behind the name that the layers give everything: what runs beside the service, what a secret is for, what of a network
# is for databases, and what tells an instance from the one before it.
_REGIONAL = "projects/{project}/locations/{region}"
_LISTS = (
    ("artifact_registry", f"{_REGIONAL}/repositories", "repositories", ""),
    ("cloud_run_v2", f"{_REGIONAL}/jobs", "jobs", "--.*"),
    ("cloud_run_v2", f"{_REGIONAL}/services", "services", ""),
    ("cloud_run_v2", f"{_REGIONAL}/workerPools", "workerPools", "--.*"),
    ("cloud_scheduler", f"{_REGIONAL}/jobs", "jobs", "--.*"),
    ("iam", "projects/{project}/serviceAccounts", "accounts", "(--.*)?"),
    ("secret_manager", "projects/{project}/secrets", "secrets", "_.*"),
    ("compute", "projects/{project}/global/networks", "items", ""),
    ("compute", "projects/{project}/regions/{region}/subnetworks", "items", ""),
    ("compute", "projects/{project}/global/addresses", "items", "-databases"),
    ("dns", "projects/{project}/managedZones", "managedZones", "-databases"),
    ("sql", "projects/{project}/instances", "items", "-[0-9a-f]{8}"),
)


def find(cloud: GoogleCloud, project: str, region: str, name: str) -> list[str]:
    """Full names of the resources that are called so, sorted.

    Args:
        cloud: answers questions.
        project: id of the project.
        region: the region to look in.
        name: `<environment>-<app>`, which the layers give everything they make.
    """
    # Cloud Run and Cloud Scheduler call their jobs the same.
    found = set()
    for product, path, member, ending in _LISTS:
        place, called = path.format(project=project, region=region), re.compile(re.escape(name) + ending)
        for item in cloud.items(product, place, member):
            # An account's name is an address. Of some, the name is its last part alone.
            if called.fullmatch(item["name"].rpartition("/")[2].partition("@")[0]):
                found.add(item["name"] if "/" in item["name"] else f"{place}/{item['name']}")
    return sorted(found)


class ActionModule(CloudActionModule):
    """Lists them."""

    PURPOSE = "list what is there"

    def answer(self, arguments: Json) -> Json:
        """Return the names of what is there."""
        names = find(GoogleCloud(), arguments["project"], arguments["region"], arguments["name"])
        return {"changed": False, "names": names}
