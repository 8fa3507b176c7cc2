# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of google_secret_version_info."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

Json = dict[str, Any]


def newest_versions(cloud: GoogleCloud, secrets: list[str]) -> tuple[dict[str, str], list[str]]:
    """Read which version of each secret is the newest ("Method: projects.secrets.versions.get" of Secret Manager).

    Args:
        cloud: answers questions.
        secrets: names, `projects/<project>/secrets/<secret>`.

    Returns:
        The versions' numbers by the names of the secrets, and the names of those whose newest version cannot be read.

    Raises:
        GoogleError: Secret Manager refuses for another reason than a missing secret.
    """
    versions = {}
    for secret in secrets:
        newest = cloud.get("secret_manager", f"{secret}/versions/latest")
        if newest is not None and newest["state"] == "ENABLED":
            versions[secret] = str(newest["name"]).rpartition("/")[2]
    return versions, [secret for secret in dict.fromkeys(secrets) if secret not in versions]


class ActionModule(CloudActionModule):
    """Reads the versions."""

    PURPOSE = "read from Secret Manager"

    def answer(self, arguments: Json) -> Json:
        """Return the secrets' newest versions, and of which there is none."""
        versions, missing = newest_versions(GoogleCloud(), arguments["secrets"])
        return {"changed": False, "versions": versions, "missing": missing}
