"""The action aws_account_prerequisites, against moto."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from moto import mock_aws

from plugins.action.aws_account_prerequisites import make

ACCOUNT = "123456789012"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
SERVICES = ["ecs.amazonaws.com", "rds.amazonaws.com"]
GIVEN = {"service_linked_roles": SERVICES, "github": True, "account_id": ACCOUNT, "region": "eu-west-1"}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.session.Session(region_name="eu-west-1")


def test_what_is_lacking_is_made_once(session: Any) -> None:
    iam = session.client("iam")
    iam.create_service_linked_role(AWSServiceName=SERVICES[0])
    dry = make(session, GIVEN, check_mode=True)
    assert dry == {
        "changed": True,
        "made": [
            "the service-linked role of rds.amazonaws.com",
            "the identity provider token.actions.githubusercontent.com",
        ],
    }
    assert len(iam.list_roles()["Roles"]) == 1
    assert make(session, GIVEN, check_mode=False) == dry
    assert {role["Path"] for role in iam.list_roles()["Roles"]} == {f"/aws-service-role/{one}/" for one in SERVICES}
    provider = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=PROVIDER)
    assert provider["ClientIDList"] == ["sts.amazonaws.com"]
    assert make(session, GIVEN, check_mode=False) == {"changed": False, "made": []}


def test_a_provider_for_others_is_theirs_to_change(session: Any) -> None:
    url = "https://token.actions.githubusercontent.com"
    session.client("iam").create_open_id_connect_provider(Url=url, ClientIDList=["others"])
    with pytest.raises(ActionError, match=f"add-client-id-to-open-id-connect-provider.* {PROVIDER} --client-id sts"):
        make(session, GIVEN, check_mode=False)
