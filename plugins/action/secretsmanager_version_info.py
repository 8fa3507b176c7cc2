# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of secretsmanager_version_info."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

# What a secret is encrypted with that names no key, which DescribeSecret then leaves out.
_OWN_KEY = "alias/aws/secretsmanager"

Json = dict[str, Any]


def current_versions(client: Any, secret_ids: list[str]) -> tuple[dict[str, str], list[str], dict[str, str]]:
    """Read which version of each secret has the staging label AWSCURRENT (Secrets Manager API DescribeSecret).

    Args:
        client: A Secrets Manager client.
        secret_ids: ARNs or names.

    Returns:
        The versions' ids by the ids of the secrets, the ids of secrets without a value that can be read, and the keys
        of those that are encrypted with another one than Secrets Manager's own.

    Raises:
        ClientError: Secrets Manager refuses for another reason than a missing secret.
    """
    versions, keys = {}, {}
    for secret_id in secret_ids:
        try:
            secret = client.describe_secret(SecretId=secret_id)
        except client.exceptions.ResourceNotFoundException:
            continue
        stages = secret.get("VersionIdsToStages", {})
        current = [version for version, labels in stages.items() if "AWSCURRENT" in labels]
        if current and "DeletedDate" not in secret:
            versions[secret_id] = current[0]
        if (key := secret.get("KmsKeyId", _OWN_KEY)) != _OWN_KEY:
            keys[secret_id] = key
    return versions, [secret_id for secret_id in dict.fromkeys(secret_ids) if secret_id not in versions], keys


class ActionModule(AwsActionModule):
    """Reads the versions."""

    PURPOSE = "read from Secrets Manager"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return the secrets' current versions, and of which there is none."""
        versions, missing, keys = current_versions(session.client("secretsmanager"), arguments["secret_ids"])
        return {"changed": False, "versions": versions, "missing": missing, "keys": keys}
