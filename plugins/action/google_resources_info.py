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
    ("cloud_run_v2", "projects/{project}/locations/{region}/services", "services"),
    ("iam", "projects/{project}/serviceAccounts", "accounts"),
    ("secret_manager", "projects/{project}/secrets", "secrets"),
)


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
            found += [item["name"] for item in page.get(member, [])]
            if not page.get("nextPageToken"):
                break
            query = {"pageToken": page["nextPageToken"]}
    # An account's name is an address; what a secret is for stands behind an underscore, which no app's name has.
    return sorted(one for one in found if re.split("[@_]", one.rpartition("/")[2])[0] == name)


class ActionModule(CloudActionModule):
    """Lists them."""

    PURPOSE = "list what is there"

    def answer(self, arguments: Json) -> Json:
        """Return the names of what is there."""
        names = find(GoogleCloud(), arguments["project"], arguments["region"], arguments["name"])
        return {"changed": False, "names": names}
