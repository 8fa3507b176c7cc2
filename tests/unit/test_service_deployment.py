"""What the action service_deployment refuses, and what deployments on every platform have in common."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Deployment, Request

from plugins.action.service_deployment import deployment_of

WANTED = f"sha256:{'1' * 64}"
OTHER = f"sha256:{'2' * 64}"


class Fleet(Deployment):
    """A deployment whose outcome is given by the outputs."""

    name = "fleet"

    def follow(self) -> str:
        return "d-1"

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


def test_what_does_not_happen_in_time() -> None:
    with pytest.raises(ActionError, match="too late"):
        fleet({}, -1).wait_for(lambda: None, lambda: "too late")
    assert fleet({}, -1).wait_for(lambda: "there", lambda: "too late") == "there"


def test_platform_that_there_is_not() -> None:
    with pytest.raises(ActionError, match=r"there is no platform mainframe; it must be one of app_runner, "):
        deployment_of("mainframe")
