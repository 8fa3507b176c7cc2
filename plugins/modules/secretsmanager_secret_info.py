#!/usr/bin/python
"""Reads secrets of AWS Secrets Manager; lookups cannot, because they do not see a play's environment."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry

# Where it is missing, AnsibleAWSModule says so.
with contextlib.suppress(ImportError):
    from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: secretsmanager_secret_info
short_description: Read JSON secrets of AWS Secrets Manager
version_added: 1.0.0
description:
  - Returns the current values of the secrets, each of which has to be a JSON object.
  - Changes nothing, and does the same in check mode.
  - The task has to set C(no_log), because its result holds the values. Without it the module refuses to read.
    To show why it failed, register the result with C(failed_when=false) and print its C(msg), which never
    holds a value.
options:
  secret_ids:
    description: ARNs or names of the secrets.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Read the credentials of the application
  slipway.provision.secretsmanager_secret_info:
    secret_ids:
      - arn:aws:secretsmanager:us-east-1:123456789012:secret:dev-tasks/database/app-AbCdEf
    region: us-east-1
  register: credentials
  no_log: true
"""

RETURN = r"""
secrets:
  description: The value of each secret which exists, by the id it was asked for.
  returned: success
  type: dict
missing:
  description: Ids of secrets which do not exist, or have no value yet.
  returned: success
  type: list
  elements: str
"""


def read_secrets(client: Any, secret_ids: list[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Read secrets one by one (Secrets Manager API GetSecretValue).

    Args:
        client: A Secrets Manager client.
        secret_ids: ARNs or names.

    Returns:
        The values by id, and the ids which Secrets Manager does not know or has no value of.

    Raises:
        ValueError: A secret is no JSON object.
        ClientError: Secrets Manager refuses for another reason than a missing secret.
    """
    values: dict[str, dict[str, Any]] = {}
    missing = []
    for secret_id in dict.fromkeys(secret_ids):
        try:
            answer = client.get_secret_value(SecretId=secret_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
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
        ValueError: The secret is no JSON object.
    """
    try:
        value = json.loads(text or "")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        # The parser's own error quotes the text.
        raise ValueError(f'The secret {secret_id} has to be a JSON object such as {{"username": "..."}}.')
    return value


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "secret_ids": {"type": "list", "elements": "str", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    if not module.no_log:
        module.fail_json(msg="Set `no_log: true` on this task: its result holds the values of the secrets.")
    try:
        client = module.client("secretsmanager", retry_decorator=AWSRetry.jittered_backoff())
        values, missing = read_secrets(client, module.params["secret_ids"])
    except ValueError as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="Secrets Manager did not answer")
    module.exit_json(changed=False, secrets=values, missing=missing)


if __name__ == "__main__":
    main()
