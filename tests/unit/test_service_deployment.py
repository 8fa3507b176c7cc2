"""What the action service_deployment refuses, and what deployments on every platform have in common."""

from __future__ import annotations

import datetime
import time

import boto3
import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils import deployment
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import (
    Deployment,
    NotYetError,
    Origin,
    Request,
    deployment_of,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments.app_runner import Deployment as AppRunner
from moto import mock_aws

WANTED = f"sha256:{'1' * 64}"
OTHER = f"sha256:{'2' * 64}"


class Fleet(Deployment):
    """A deployment whose outcome is given by the outputs."""

    name = "fleet"

    def follow(self) -> str:
        problem: Exception | None = self.request.outputs.get("problem")
        if problem:
            raise problem
        return "d-1"

    def origin(self) -> Origin:
        return Origin(datetime.datetime(2026, 11, 29, 21, tzinfo=datetime.timezone(datetime.timedelta(hours=1))), "me")

    def running(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self.request.outputs["running"]
        return found

    def report(self) -> list[str]:
        return ["the last lines"]


def fleet(running: dict[str, list[str]], seconds: int = 1) -> Fleet:
    return Fleet(Request({"running": running, "app_url": "https://app"}, WANTED, seconds, "us-east-1"))


def test_what_was_asked_for_runs() -> None:
    assert fleet({WANTED: ["a", "b"]}).run() == {
        "changed": False,
        "deployment_id": "d-1",
        "image_digests": [WANTED],
        "url": "https://app",
    }


@pytest.mark.parametrize(
    ("running", "found"),
    [
        ({}, "nothing"),
        ({OTHER: ["a"]}, f"{OTHER} in a"),
        ({WANTED: ["b"], OTHER: ["a", "c"]}, f"{WANTED} in b, {OTHER} in a, c"),
    ],
)
def test_anything_else_is_refused(running: dict[str, list[str]], found: str) -> None:
    with pytest.raises(ActionError) as refused:
        fleet(running).run()
    assert str(refused.value) == f"fleet runs {found}, asked for was {WANTED}\nthe last lines"


@pytest.mark.parametrize(
    ("problem", "running", "said"),
    [
        (None, [WANTED], []),
        (
            NotYetError("late\n  | log"),
            [WANTED],
            ["a deployment is under way, or has left something that is not healthy"],
        ),
        (
            ActionError("rolled back\n  | log"),
            [OTHER],
            ["rolled back", f"fleet runs {OTHER} in a, asked for was {WANTED}"],
        ),
        (None, [], [f"fleet runs nothing, asked for was {WANTED}"]),
    ],
)
def test_status_says_what_is_wrong_and_does_not_fail(
    problem: Exception | None, running: list[str], said: list[str]
) -> None:
    outputs = {"running": {digest: ["a"] for digest in running}, "app_url": "https://app", "problem": problem}
    assert Fleet(Request(outputs, WANTED, 0, "us-east-1", check_mode=True)).status() == {
        "changed": False,
        "began": "2026-11-29T20:00:00+00:00",
        "by": "me",
        "problems": said,
        "running": {digest: ["a"] for digest in running},
        "url": "https://app",
    }


def test_what_does_not_happen_in_time() -> None:
    with pytest.raises(ActionError, match="too late"):
        fleet({}, -1).wait_for(lambda: None, lambda: "too late")
    assert fleet({}, -1).wait_for(lambda: "there", lambda: "too late") == "there"


def test_what_is_waited_for_is_said_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    said: list[str] = []
    monkeypatch.setattr(deployment.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(deployment.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(deployment.display, "display", said.append)
    waiting = fleet({}, 100)

    def look() -> str | None:
        waiting.doing = f"{int(now[0])} ships sail" if now[0] > 40 else ""
        return "there" if now[0] > 70 else None

    assert waiting.wait_for(look, lambda: "too late") == "there"
    assert said == ["    fleet: no word yet (31 s of 100 s)", "    fleet: 62 ships sail (62 s of 100 s)"]


def test_platform_that_there_is_not() -> None:
    with pytest.raises(ActionError, match=r"there is no platform mainframe; it must be one of app_runner, "):
        deployment_of("mainframe")


def test_lines_of_what_failed_are_shown_beside_those_of_what_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tasks answer requests, a new one has said why it ends."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    now = int(time.time() * 1000)
    with mock_aws():
        logs = boto3.client("logs", "us-east-1")
        logs.create_log_group(logGroupName="app")
        for stream in ("old/1", "old/2", "new/1"):
            logs.create_log_stream(logGroupName="app", logStreamName=stream)
        requests = [{"timestamp": now + second, "message": "GET /"} for second in range(100)]
        for stream in ("old/1", "old/2"):
            logs.put_log_events(logGroupName="app", logStreamName=stream, logEvents=requests)
        reason = [{"timestamp": now, "message": "cannot start"}]
        logs.put_log_events(logGroupName="app", logStreamName="new/1", logEvents=reason)
        deployment = AppRunner(Request({}, WANTED, 1, "us-east-1"))
        assert "  | cannot start" in deployment.last_lines("app")
