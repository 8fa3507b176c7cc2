"""The module secretsmanager_secret_info, against moto and run as Ansible runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from botocore.exceptions import ClientError
from moto import mock_aws

from plugins.action.secretsmanager_secret_info import parse_secret, read_secrets

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="us-east-1")


def test_values_come_back_by_the_id_asked_for(client: Any) -> None:
    value = {"username": "taskdb_app", "password": 'it\'s "$HOME" 100 % \u00bd {{ x }}'}
    arn = client.create_secret(Name="dev-tasks/app", SecretString=json.dumps(value))["ARN"]
    assert read_secrets(client, [arn, "dev-tasks/app"]) == ({arn: value, "dev-tasks/app": value}, [])


def test_missing_secrets_are_named(client: Any) -> None:
    client.create_secret(Name="without-a-value")
    assert read_secrets(client, ["nowhere", "without-a-value"]) == ({}, ["nowhere", "without-a-value"])


def test_other_refusals_are_errors(client: Any) -> None:
    client.create_secret(Name="doomed", SecretString="{}")
    client.delete_secret(SecretId="doomed")
    with pytest.raises(ClientError, match="InvalidRequestException"):
        read_secrets(client, ["doomed"])


def test_binary_secret_is_refused(client: Any) -> None:
    client.create_secret(Name="binary", SecretBinary=b"{}")
    with pytest.raises(ActionError, match="The secret binary has to be a JSON object"):
        read_secrets(client, ["binary"])


@pytest.mark.parametrize("text", ["open sesame", "", None, "[]", '"open sesame"', "{", "null"])
def test_anything_but_an_object_is_refused_without_being_shown(text: str | None) -> None:
    with pytest.raises(ActionError, match="has to be a JSON object") as caught:
        parse_secret("dev-tasks/app", text)
    assert "dev-tasks/app" in str(caught.value)
    assert "sesame" not in str(caught.value)


def run_task(**keywords: Any) -> subprocess.CompletedProcess[str]:
    """Run the task as Ansible does, with nobody at the endpoint."""
    task = {
        "slipway.provision.secretsmanager_secret_info": {"secret_ids": ["any"], "region": "us-east-1"},
        "environment": {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_MAX_ATTEMPTS": "1",
        },
        "register": "read",
        "failed_when": False,
        **keywords,
    }
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [task, {"debug": {"var": "read.msg"}}]}
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "/dev/stdin"],
        input=json.dumps([play]),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_task_without_no_log_is_refused() -> None:
    assert "Set `no_log: true` on this task" in run_task().stdout


def test_silence_of_secrets_manager_is_an_error_that_says_so() -> None:
    output = run_task(no_log=True).stdout
    assert "could not read from Secrets Manager" in output
    assert "127.0.0.1:9" in output
