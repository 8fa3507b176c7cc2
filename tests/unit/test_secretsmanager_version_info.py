"""The module secretsmanager_version_info, against moto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from plugins.action.secretsmanager_version_info import current_versions


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


def test_version_is_another_after_each_rotation(client: Any) -> None:
    made = client.create_secret(Name="app", SecretString="one")
    arn = made["ARN"]
    assert current_versions(client, [arn]) == ({arn: made["VersionId"]}, [], {})
    rotated = client.put_secret_value(SecretId=arn, SecretString="two")
    assert rotated["VersionId"] != made["VersionId"]
    assert current_versions(client, [arn]) == ({arn: rotated["VersionId"]}, [], {})


def test_secrets_without_a_value_are_missing(client: Any) -> None:
    client.create_secret(Name="empty")
    client.create_secret(Name="doomed", SecretString="one")
    client.delete_secret(SecretId="doomed")
    assert current_versions(client, ["nowhere", "empty", "doomed"]) == ({}, ["nowhere", "empty", "doomed"], {})


def test_keys_are_those_of_others(client: Any) -> None:
    client.create_secret(Name="ours", SecretString="one", KmsKeyId="alias/aws/secretsmanager")
    client.create_secret(Name="theirs", SecretString="one", KmsKeyId="alias/theirs")
    _, missing, keys = current_versions(client, ["ours", "theirs"])
    assert (missing, keys) == ([], {"theirs": "alias/theirs"})
