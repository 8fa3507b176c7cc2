"""S3: policies that it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.tests.stack import Client

NAME = "temu-policies"
STATEMENT = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"],
}


@pytest.fixture
def s3(aws: Client) -> Iterator[Any]:
    client = aws("s3")
    client.create_bucket(Bucket=NAME)
    yield client
    client.delete_bucket(Bucket=NAME)


def policy(**changes: Any) -> str:
    statement = {key: value for key, value in (STATEMENT | changes).items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_policy_is_kept(s3: Any) -> None:
    s3.put_bucket_policy(Bucket=NAME, Policy=policy())
    assert json.loads(s3.get_bucket_policy(Bucket=NAME)["Policy"])["Statement"] == [STATEMENT]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deny everything", "Policies must be valid JSON and the first byte must be '{'"),
        (json.dumps([STATEMENT]), "Policies must be valid JSON and the first byte must be '{'"),
        (policy(Principal=None), "Missing required field Principal"),
        (policy(Effect="Refuse"), "Invalid effect: Refuse"),
        (policy(Resource="*"), "Policy has invalid resource"),
        (policy(Resource="arn:aws:s3:::another/*"), "Policy has invalid resource"),
    ],
)
def test_a_malformed_policy_is_refused(s3: Any, text: str, message: str) -> None:
    with pytest.raises(ClientError) as error:
        s3.put_bucket_policy(Bucket=NAME, Policy=text)
    assert error.value.response["Error"]["Code"] == "MalformedPolicy"
    assert error.value.response["Error"]["Message"] == message
