"""The actions state_objects_info and state_object, against moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.slipway.provision.plugins.module_utils.state_store import S3Store
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from moto import mock_aws

from plugins.action.state_object import put
from plugins.action.state_objects_info import first_keys, read_objects


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="states")
        yield client


def test_objects_come_back_by_key_without_those_that_are_not_there(s3: Any) -> None:
    state = {"version": 4, "outputs": {"vpc_id": {"value": "vpc-1", "type": "string"}}}
    s3.put_object(Bucket="states", Key="dev/main/network", Body=json.dumps(state))
    assert read_objects(S3Store(s3, "states"), ["dev/main/network", "dev/tasks/data"]) == {"dev/main/network": state}


def test_bucket_that_is_not_there_holds_nothing(s3: Any) -> None:
    assert read_objects(S3Store(s3, "nowhere"), ["dev/main/network"]) == {}


def test_object_that_is_no_json_is_named(s3: Any) -> None:
    s3.put_object(Bucket="states", Key="dev/main/network", Body=b"{")
    with pytest.raises(ActionError, match="s3://states/dev/main/network is no JSON"):
        read_objects(S3Store(s3, "states"), ["dev/main/network"])


def test_what_is_left_in_the_bucket_is_seen(s3: Any) -> None:
    store = S3Store(s3, "states")
    assert first_keys(store) == []
    for number in range(5):
        s3.put_object(Bucket="states", Key=f"dev/app-{number}/data", Body=b"{}")
    assert first_keys(store) == [f"dev/app-{number}/data" for number in range(3)]
    assert first_keys(S3Store(s3, "nowhere")) == []


def test_what_does_not_count_hides_nothing_else(s3: Any) -> None:
    store = S3Store(s3, "states")
    for key in ("dev/bootstrap/bootstrap", "dev/bootstrap/bootstrap.tflock", "dev/bootstrap/lock", "dev/main/network"):
        s3.put_object(Bucket="states", Key=key, Body=b"{}")
    assert first_keys(store, "dev/bootstrap/") == ["dev/main/network"]


def test_record_is_written_once(s3: Any) -> None:
    store = S3Store(s3, "states")
    record = {"image_digest": "sha256:1", "command": ["migrate"], "database": None}
    assert put(store, "dev/tasks/migration", record, check_mode=True)
    assert read_objects(store, ["dev/tasks/migration"]) == {}
    assert put(store, "dev/tasks/migration", record, check_mode=False)
    assert not put(store, "dev/tasks/migration", dict(reversed(record.items())), check_mode=False)
    assert put(store, "dev/tasks/migration", record | {"command": []}, check_mode=False)
    assert read_objects(store, ["dev/tasks/migration"]) == {"dev/tasks/migration": record | {"command": []}}


def test_record_that_somebody_else_writes_stays(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = S3Store(s3, "states")
    monkeypatch.setattr(store, "read", lambda _: None)
    s3.put_object(Bucket="states", Key="dev/tasks/migration", Body=b"theirs")
    with pytest.raises(ActionError, match="somebody else writes s3://states/dev/tasks/migration"):
        put(store, "dev/tasks/migration", {}, check_mode=False)
    assert s3.get_object(Bucket="states", Key="dev/tasks/migration")["Body"].read() == b"theirs"
