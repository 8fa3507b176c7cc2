"""Secrets Manager: a deleted secret holds its name until its recovery window has passed."""

from __future__ import annotations

import pytest

from emulator.tests.stack import Client

NAME = "temu/secret"


def test_name_of_a_secret_in_recovery_is_taken(aws: Client) -> None:
    secrets = aws("secretsmanager")
    arn = secrets.create_secret(Name=NAME, SecretString="first")["ARN"]
    try:
        with pytest.raises(secrets.exceptions.ResourceExistsException, match="already exists"):
            secrets.create_secret(Name=NAME)
        secrets.delete_secret(SecretId=NAME, RecoveryWindowInDays=7)
        text = "You can't create this secret because a secret with this name is already scheduled for deletion"
        with pytest.raises(secrets.exceptions.InvalidRequestException, match=text):
            secrets.create_secret(Name=NAME)
        assert "DeletedDate" in secrets.describe_secret(SecretId=arn)
        secrets.restore_secret(SecretId=NAME)
        assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "first"
    finally:
        secrets.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)
