# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of google_resources_info."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

Json = dict[str, Any]

# Of each kind of resource that the layers make: the API, where it lists them, and the member of the answer.
_LISTS = (
    ("artifact_registry", "projects/{project}/locations/{region}/repositories", "repositories"),
    ("cloud_run_v2", "projects/{project}/locations/{region}/jobs", "jobs"),
    ("cloud_run_v2", "projects/{project}/locations/{region}/services", "services"),
    ("cloud_run_v2", "projects/{project}/locations/{region}/workerPools", "workerPools"),
    ("cloud_scheduler", "projects/{project}/locations/{region}/jobs", "jobs"),
    ("iam", "projects/{project}/serviceAccounts", "accounts"),
    ("secret_manager", "projects/{project}/secrets", "secrets"),
    ("compute", "projects/{project}/global/networks", "items"),
    ("compute", "projects/{project}/regions/{region}/subnetworks", "items"),
    ("compute", "projects/{project}/global/addresses", "items"),
    ("dns", "projects/{project}/managedZones", "managedZones"),
    ("sql", "projects/{project}/instances", "items"),
)
# What the layers put behind the name that they give everything: what a secret is for, what runs beside the service,
# what of a network is for databases, and what tells an instance from the one before it.
_ENDING = re.compile(r"_.*|--.*|-databases|-[0-9a-f]{8}")


def find(cloud: GoogleCloud, project: str, region: str, name: str) -> list[str]:
    """Full names of the resources that are called so, sorted.

    Args:
        cloud: answers questions.
        project: id of the project.
        region: the region to look in.
        name: `<environment>-<app>`, which the layers give everything they make.
    """
    found = []
    for product, path, member in _LISTS:
        query: dict[str, str] = {}
        while True:
            page = cloud.get(product, path.format(project=project, region=region), **query) or {}
            # Of some, the name is its last part alone.
            place = path.format(project=project, region=region)
            found += [
                item["name"] if "/" in item["name"] else f"{place}/{item['name']}" for item in page.get(member, [])
            ]
            if not page.get("nextPageToken"):
                break
            query = {"pageToken": page["nextPageToken"]}
    # An account's name is an address. Cloud Run and Cloud Scheduler call their jobs the same.
    shorts = {one: one.rpartition("/")[2].partition("@")[0] for one in found}
    return sorted(
        one
        for one, short in shorts.items()
        if short == name or (short.startswith(name) and _ENDING.fullmatch(short.removeprefix(name)))
    )


class ActionModule(CloudActionModule):
    """Lists them."""

    PURPOSE = "list what is there"

    def answer(self, arguments: Json) -> Json:
        """Return the names of what is there."""
        names = find(GoogleCloud(), arguments["project"], arguments["region"], arguments["name"])
        return {"changed": False, "names": names}
