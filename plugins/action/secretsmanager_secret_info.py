# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of secretsmanager_secret_info; lookups cannot, because they do not see a play's environment."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]


def read_secrets(client: Any, secret_ids: list[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Read secrets one by one (Secrets Manager API GetSecretValue).

    Args:
        client: A Secrets Manager client.
        secret_ids: ARNs or names.

    Returns:
        The values by id, and the ids which Secrets Manager does not know or has no value of.

    Raises:
        ActionError: A secret is no JSON object.
        ClientError: Secrets Manager refuses for another reason than a missing secret.
    """
    values: dict[str, dict[str, Any]] = {}
    missing = []
    for secret_id in dict.fromkeys(secret_ids):
        try:
            answer = client.get_secret_value(SecretId=secret_id)
        except client.exceptions.ResourceNotFoundException:
            missing.append(secret_id)
            continue
        values[secret_id] = parse_secret(secret_id, answer.get("SecretString"))
    return values, missing


def parse_secret(secret_id: str, text: str | None) -> dict[str, Any]:
    """Read a secret's JSON, without ever showing it.

    Args:
        secret_id: What to call the secret in an error.
        text: Its value; None where the secret is binary.

    Returns:
        The object.

    Raises:
        ActionError: The secret is no JSON object.
    """
    try:
        value = json.loads(text or "")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        # The parser's own error quotes the text.
        raise ActionError(f'The secret {secret_id} has to be a JSON object such as {{"username": "..."}}.')
    return value


class ActionModule(AwsActionModule):
    """Reads the secrets."""

    PURPOSE = "read from Secrets Manager"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return the secrets' values, and which there are none of."""
        if not self._task.no_log:
            raise ActionError("Set `no_log: true` on this task: its result holds the values of the secrets.")
        values, missing = read_secrets(session.client("secretsmanager"), arguments["secret_ids"])
        return {"changed": False, "secrets": values, "missing": missing}
