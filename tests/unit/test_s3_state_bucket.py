"""The action s3_state_bucket, against moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from plugins.action.s3_state_bucket import look_after

NAME = "states"
REGION = "eu-west-1"
TAGS = {"Environment": "development", "Project": "slipway"}
SETTINGS = ["versioning", "encryption", "public access block", "policy", "lifecycle", "tags"]

Json = dict[str, Any]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.session.Session(region_name=REGION)


def run(session: Any, check_mode: bool = False, **arguments: Any) -> Json:
    given = {"name": NAME, "region": REGION, "state": "present", "noncurrent_version_days": 90, "tags": TAGS}
    return look_after(session, given | arguments, check_mode)


def make_by_hand(session: Any) -> Any:
    s3 = session.client("s3")
    s3.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": REGION})
    return s3


def test_new_bucket_is_private_and_versioned_and_needs_no_second_run(session: Any) -> None:
    assert run(session)["changed"]
    s3 = session.client("s3")
    assert s3.get_bucket_location(Bucket=NAME)["LocationConstraint"] == REGION
    assert s3.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
    assert set(s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"].values()) == {True}
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=NAME)["Policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Resource"] == [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    assert s3.get_bucket_tagging(Bucket=NAME)["TagSet"] == [
        {"Key": "Environment", "Value": "development"},
        {"Key": "Project", "Value": "slipway"},
    ]
    assert run(session) == {"changed": False, "settings": []}


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1"])
def test_each_region_and_partition(region: str) -> None:
    there = boto3.session.Session(region_name=region)
    assert run(there, region=region)["changed"]
    (statement,) = json.loads(there.client("s3").get_bucket_policy(Bucket=NAME)["Policy"])["Statement"]
    assert statement["Resource"][0] == f"arn:{'aws-cn' if region.startswith('cn') else 'aws'}:s3:::{NAME}"


def test_bucket_that_exists_is_brought_to_it_and_keeps_what_is_others(session: Any) -> None:
    s3 = make_by_hand(session)
    audit = {
        "Sid": "Audit",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutBucketPolicy",
        "Resource": f"arn:aws:s3:::{NAME}",
    }
    s3.put_bucket_policy(Bucket=NAME, Policy=json.dumps({"Version": "2012-10-17", "Statement": [audit]}))
    rule = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=NAME, LifecycleConfiguration={"Rules": [rule]})
    s3.put_bucket_tagging(
        Bucket=NAME, Tagging={"TagSet": [{"Key": "Team", "Value": "a"}, {"Key": "Project", "Value": "b"}]}
    )
    assert run(session, check_mode=True) == {"changed": True, "settings": SETTINGS}
    assert "Status" not in s3.get_bucket_versioning(Bucket=NAME)
    assert run(session)["changed"]
    assert [one["Sid"] for one in json.loads(s3.get_bucket_policy(Bucket=NAME)["Policy"])["Statement"]] == [
        "Audit",
        "DenyWithoutTls",
    ]
    assert [one["ID"] for one in s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]] == [
        "logs",
        "delete-earlier-versions",
    ]
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=NAME)["TagSet"]}
    assert tags == TAGS | {"Team": "a"}
    assert run(session, check_mode=True) == {"changed": False, "settings": []}
    assert run(session, noncurrent_version_days=30) == {"changed": True, "settings": ["lifecycle"]}


def test_dry_run_makes_none(session: Any) -> None:
    assert run(session, check_mode=True) == {"changed": True, "settings": SETTINGS}
    assert session.client("s3").list_buckets()["Buckets"] == []


def test_absent_deletes_every_version(session: Any) -> None:
    assert run(session, state="absent") == {"changed": False}
    run(session)
    s3 = session.client("s3")
    # moto denies whatever the condition of a statement is.
    s3.delete_bucket_policy(Bucket=NAME)
    for content in (b"1", b"2"):
        s3.put_object(Bucket=NAME, Key="dev/tasks/data", Body=content)
    s3.delete_object(Bucket=NAME, Key="dev/tasks/data")
    assert run(session, check_mode=True, state="absent") == {"changed": True}
    assert run(session, state="absent") == {"changed": True}
    assert s3.list_buckets()["Buckets"] == []
