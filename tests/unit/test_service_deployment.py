"""What the action service_deployment refuses, and what deployments on every platform have in common."""

from __future__ import annotations

import datetime
import time
from dataclasses import replace
from typing import Any

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

    def processes(self) -> dict[str, Deployment]:
        given = self.request.outputs.get("processes", {})
        return {name: Fleet(replace(self.request, outputs=outputs)) for name, outputs in given.items()}


def fleet(running: dict[str, list[str]], seconds: int = 1) -> Fleet:
    return Fleet(Request({"running": running, "app_url": "https://app"}, WANTED, seconds, "us-east-1"))


def test_what_was_asked_for_runs() -> None:
    assert fleet({WANTED: ["a", "b"]}).run() == {
        "changed": False,
        "deployment_id": "d-1",
        "image_digests": [WANTED],
        "processes": {},
        "url": "https://app",
    }


def with_processes(problem: Exception | None = None, **processes: Any) -> Fleet:
    """A fleet with other processes, the outputs of each by its name."""
    outputs = {"running": {WANTED: ["a"]}, "app_url": "https://app", "problem": problem, "processes": processes}
    return Fleet(Request(outputs, WANTED, 5, "us-east-1"))


def test_other_processes_are_proven_too() -> None:
    proven = with_processes(worker={"running": {WANTED: ["b", "c"]}}).run()
    assert proven["processes"] == {"worker": "d-1"}
    with pytest.raises(ActionError, match=f"^fleet runs {OTHER} in b, asked for was {WANTED}\nthe last lines$"):
        with_processes(beat={"running": {WANTED: ["c"]}}, worker={"running": {OTHER: ["b"]}}).run()


def test_failures_of_all_processes_are_told() -> None:
    worker, beat, late = (
        {"running": {WANTED: ["b"]}, "problem": problem}
        for problem in (ActionError("the worker broke"), ActionError("the beat broke"), NotYetError("late"))
    )
    with pytest.raises(ActionError, match=r"^it broke\nthe worker broke\nthe beat broke$"):
        with_processes(ActionError("it broke"), late=late, worker=worker, beat=beat).run()
    with pytest.raises(ActionError, match=r"^late\nthe worker broke$"):
        with_processes(late=late, worker=worker).run()


def test_nothing_is_waited_for_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []

    class Slow(Fleet):
        def follow(self) -> str:
            waited.append(self.timeout_seconds)
            return super().follow()

    failing = {"running": {}, "problem": ActionError("no")}
    request = Request({"running": {WANTED: ["a"]}, "problem": None}, WANTED, 5, "us-east-1")
    slow = Slow(request)
    monkeypatch.setattr(
        slow, "processes", lambda: {"one": Slow(replace(request, outputs=failing)), "two": Slow(request)}
    )
    with pytest.raises(ActionError, match=r"^no$"):
        slow.run()
    assert waited == [5, 5, 0]


def test_all_begin_before_one_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    class Begun(Fleet):
        def begin(self) -> None:
            done.append("begin")
            self.changed = bool(self.request.outputs.get("is_new"))

        def follow(self) -> str:
            done.append("follow")
            return super().follow()

    outputs = {"running": {WANTED: ["a"]}, "app_url": "https://app"}
    request = Request(outputs, WANTED, 5, "us-east-1")
    web = Begun(request)
    monkeypatch.setattr(
        web, "processes", lambda: {"worker": Begun(replace(request, outputs=outputs | {"is_new": True}))}
    )
    assert web.run()["changed"]
    assert done == ["begin", "begin", "follow", "follow"]


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
        "processes": {},
        "running": {digest: ["a"] for digest in running},
        "url": "https://app",
    }


def test_status_has_the_other_processes() -> None:
    status = with_processes(
        beat={"running": {}}, worker={"running": {WANTED: ["b", "c"]}, "problem": NotYetError("late")}
    ).status()
    assert status["processes"] == {"beat": 0, "worker": 2}
    assert status["running"] == {WANTED: ["a"]}
    assert status["problems"] == [
        f"process beat: fleet runs nothing, asked for was {WANTED}",
        "process worker: a deployment is under way, or has left something that is not healthy",
    ]


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
