# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What deployments have in common, whatever platform they are made to; each platform's is in `deployments/`."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import aws_session

_POLL_SECONDS = 1.0
SHOWN_LINES = 15
NO_LOG = ["  | no log"]

Json = dict[str, Any]
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Request:
    """What was deployed, and what is to be known of it.

    Attributes:
        outputs: outputs of the service layer.
        image_digest: digest of the image that must run.
        timeout_seconds: how long the deployment may take.
        region: region of the cloud.
        check_mode: whether to look only, and to start and end nothing.
    """

    outputs: Json
    image_digest: str
    timeout_seconds: int
    region: str
    check_mode: bool = False


class Deployment(ABC):
    """The deployment of one service.

    A platform's file in `deployments/` has a class of this name.
    """

    changed = False
    """Whether following it has changed anything."""

    def __init__(self, request: Request) -> None:
        self.request = request

    @property
    @abstractmethod
    def name(self) -> str:
        """What the platform calls the service."""

    @abstractmethod
    def follow(self) -> str:
        """Follow the deployment to its end, and return the id that the platform gives it; empty where it has none.

        Raises:
            ActionError: it failed, was rolled back or took too long.
        """

    @abstractmethod
    def running(self) -> dict[str, list[str]]:
        """Digests of the images that run, and what runs each: tasks, instances or revisions."""

    def url(self) -> str:
        """Where the application is reached."""
        return str(self.request.outputs["app_url"])

    def report(self) -> list[str]:
        """Lines that help where another image runs than was asked for."""
        return []

    def run(self) -> Json:
        """Follow the deployment, prove what runs, and return the result of service_deployment.

        Raises:
            ActionError: it failed, or another image runs.
        """
        identifier = self.follow()
        running = self.running()
        if set(running) != {self.request.image_digest}:
            found = ", ".join(f"{digest} in {', '.join(places)}" for digest, places in sorted(running.items()))
            what = f"{self.name} runs {found or 'nothing'}, asked for was {self.request.image_digest}"
            raise ActionError("\n".join([what, *self.report()]))
        return {
            "changed": self.changed,
            "deployment_id": identifier,
            "image_digests": sorted(running),
            "url": self.url(),
        }

    def wait_for(self, look: Callable[[], _Found | None], late: Callable[[], str]) -> _Found:
        """Look again and again until there is something to see, and return it.

        Args:
            look: returns what there is to see, or None.
            late: says what is wrong where nothing was seen in the time that the deployment may take.

        Raises:
            ActionError: nothing was seen in that time.
        """
        deadline = time.monotonic() + self.request.timeout_seconds
        while (found := look()) is None:
            if time.monotonic() > deadline:
                raise ActionError(late())
            time.sleep(_POLL_SECONDS)
        return found


class AwsDeployment(Deployment):
    """A deployment on AWS."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.client: Callable[[str], Any] = aws_session(request.region).client
        self._logs = self.client("logs")

    def last_lines(self, group: str, stream: str = "") -> list[str]:
        """The end of a log, as lines of a report.

        Args:
            group: the log group.
            stream: the log stream; without one, the two that began last: what failed writes less than what serves.
        """
        try:
            events = self._last_events(group, [stream] if stream else self._last_streams(group))
        except self._logs.exceptions.ClientError as error:
            # Whoever may not read a log still wants the reason.
            return [f"  | no log: {error}"]
        return [f"  | {event['message']}" for event in events] or NO_LOG

    def _last_streams(self, group: str) -> list[str]:
        answer = self._logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)
        streams = sorted(answer["logStreams"], key=lambda stream: int(stream["creationTime"]))
        return [stream["logStreamName"] for stream in streams[-2:]]

    def _last_events(self, group: str, streams: Iterable[str]) -> list[Json]:
        events: list[Json] = []
        for stream in streams:
            with suppress(self._logs.exceptions.ResourceNotFoundException):
                events += self._logs.get_log_events(
                    logGroupName=group, logStreamName=stream, limit=SHOWN_LINES, startFromHead=False
                )["events"]
        return sorted(events, key=lambda event: int(event["timestamp"]))
