"""The role terraform_layer where a cloud refuses for a while: an API that was switched on, and a new IAM role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import ARTIFACTS, USAGE, Google
from plugins.filter.terraform import waits_for_api, waits_for_grant, waits_for_role
from tests.unit.google_layer import APPLY, play

SERVICE = f"{USAGE}/projects/tunit-late/services/artifactregistry.googleapis.com"


@contextmanager
def late(folder: Path, seconds: int) -> Iterator[Google]:
    """A fresh project whose APIs are that late, and a bucket for its states."""
    with google_alone(folder / "google", late_seconds=seconds) as cloud:
        google = Google(cloud, "tunit-late")
        google.call("POST", "/storage/v1/b", {"name": "tunit-late-state"}, project=google.project)
        yield google


def test_layer_is_applied_when_the_api_is_ready(tmp_path: Path) -> None:
    with late(tmp_path, 20) as google:
        is_applied, output = play(google, tmp_path, APPLY)
        assert is_applied, output
        assert "again | Wait until the cloud knows the new role or grant, or the API that was switched on" in output
        assert google.call("GET", f"{ARTIFACTS}/{google.parent}/repositories/unit-tunit-late")["format"] == "DOCKER"


def test_plan_waits_for_the_api_too(tmp_path: Path) -> None:
    """Ready for one request, and not for the next: Google has many servers."""
    waits = "FAILED - RETRYING: [localhost]: plan | Create the plan"
    with late(tmp_path, 0) as google:
        disable = {
            "url": f"{google.cloud.google_url}{SERVICE}:disable",
            "method": "POST",
            "headers": {"Authorization": f"Bearer {google.token()}"},
        }
        is_applied, output = play(
            google,
            tmp_path,
            APPLY,
            {"ansible.builtin.uri": disable},
            APPLY,
            hear=lambda line: waits in line and google.call("POST", f"{SERVICE}:enable"),
        )
    assert is_applied, output
    assert waits in output


def test_api_that_does_not_get_ready_fails_the_run(tmp_path: Path) -> None:
    with late(tmp_path, 3600) as google:
        is_applied, output = play(google, tmp_path, APPLY, terraform_layer_api_timeout_seconds=1)
    assert not is_applied
    assert "Artifact Registry API has not been used in project" in output
    assert "again |" not in output


@pytest.mark.parametrize(
    ("service", "is_awaited"), [("artifactregistry.googleapis.com", True), ("iam.googleapis.com", False)]
)
def test_only_what_the_plan_switches_on_is_waited_for(service: str, is_awaited: bool) -> None:
    after = {"service": "artifactregistry.googleapis.com"}
    changes = [
        {"type": "google_project_service", "change": {"after": after}},
        {"type": "google_project_service", "change": {"after": None}},
        {"type": "google_service_account", "change": {"after": {}}},
    ]
    said = (
        f"Error 403: Enable it by visiting https://console.developers.google.com/apis/api/{service}/overview?project=1"
    )
    assert waits_for_api(said, {"resource_changes": changes}) is is_awaited
    assert waits_for_api(said, {}) is False


@pytest.mark.parametrize(
    ("secret", "actions", "is_awaited"),
    [
        ("unit-app_environment_KEY", ["create"], True),
        ("unit-app_environment_KEY", ["delete", "create"], True),
        ("unit-app_environment_KEY", ["update"], False),
        ("another", ["create"], False),
    ],
)
@pytest.mark.parametrize("kind", ["job", "service", "worker_pool"])
def test_only_a_grant_of_the_plan_is_waited_for(kind: str, secret: str, actions: list[str], is_awaited: bool) -> None:
    plan = {
        "resource_changes": [
            {"type": f"google_cloud_run_v2_{kind}", "change": {"actions": actions}},
            {
                "type": "google_secret_manager_secret_iam_member",
                "change": {"actions": ["no-op"], "after": {"secret_id": "unit-app_environment_KEY"}},
            },
            {"type": "google_secret_manager_secret_iam_member", "change": {"actions": ["delete"], "after": None}},
        ]
    }
    place = "spec.template.spec.containers[0].env[0].value_from.secret_key_ref.name"
    said = f"Error waiting: {place}: Permission denied on secret: projects/1/secrets/{secret}/versions/1 for Revision"
    assert waits_for_grant(said, plan) is is_awaited
    assert not waits_for_grant("Permission denied on another thing", plan)
    assert not waits_for_grant(said, {})


ARN = "arn:aws:iam::111122223333:role/prod-web-task"
NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("actions", "created", "is_awaited"),
    [
        (["create"], None, True),
        (["no-op"], "2023-11-14T22:12:50Z", True),
        (["no-op"], "2023-11-14T22:12:10Z", False),
        (["delete"], None, False),
    ],
)
@pytest.mark.parametrize(
    "said",
    [
        "User: arn:aws:sts::111122223333:assumed-role/deployer/me is not authorized to\n\u2502 perform: iam:PassRole "
        f"on resource: {ARN} because no identity-based policy allows the iam:PassRole action",
        f"InvalidRequestException: Error in assuming access role {ARN}",
        f"InvalidParameterException: ECS was unable to assume the role '{ARN}' that was provided for this task.",
        "operation error ECS: RegisterTaskDefinition, https response error StatusCode: 400, RequestID: 1,\n\u2502 "
        "ClientException: Role is not valid",
        "An error occurred (ClientException) when calling the RegisterTaskDefinition operation: Role is not valid",
    ],
)
def test_only_a_new_role_is_waited_for(said: str, actions: list[str], created: str | None, is_awaited: bool) -> None:
    after = None if actions == ["delete"] else {"name": "prod-web-task", "create_date": created}
    plan = {"resource_changes": [{"type": "aws_iam_role", "change": {"actions": actions, "after": after}}]}
    assert waits_for_role(said, plan, NOW) is is_awaited
    if ARN in said:
        assert not waits_for_role(said.replace("prod-web-task", "prod-web-other"), plan, NOW)
    assert not waits_for_role(said, {}, NOW)


def test_other_refusals_of_a_new_role_are_final() -> None:
    plan = {"resource_changes": [{"type": "aws_iam_role", "change": {"actions": ["create"], "after": {"name": "r"}}}]}
    said = "is not authorized to perform: iam:PutRolePolicy on resource: arn:aws:iam::111122223333:role/r because"
    assert not waits_for_role(said, plan, NOW)
