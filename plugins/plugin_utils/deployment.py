# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What deployments have in common, whatever platform they are made to; each platform's is in `deployments/`."""

from __future__ import annotations

import datetime
import importlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ansible.utils.display import Display
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import aws_session

_PACKAGE = "ansible_collections.slipway.provision.plugins.plugin_utils.deployments"
_FOLDER = Path(__file__).with_name("deployments")
_POLL_SECONDS = 1.0
# How often a run says what it waits for.
_TOLD_EVERY_SECONDS = 30
SHOWN_LINES = 15
NO_LOG = ["  | no log"]

display = Display()
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


@dataclass(frozen=True)
class Origin:
    """Where what serves comes from.

    Attributes:
        began: when its deployment began.
        by: ARN or e-mail address of who began it; empty where the platform does not say.
    """

    began: datetime.datetime
    by: str = ""


class NotYetError(ActionError):
    """What was waited for has not happened in the time that it may take."""


class Deployment(ABC):
    """The deployment of one service.

    A platform's file in `deployments/` has a class of this name.
    """

    changed = False
    """Whether following it has changed anything."""
    doing = ""
    """What the platform says that it does, while it is waited for."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.timeout_seconds = request.timeout_seconds

    @property
    @abstractmethod
    def name(self) -> str:
        """What the platform calls the service."""

    def begin(self) -> None:  # noqa: B027  nothing is left to do on a platform whose deployment Terraform begins
        """Begin the deployment where Terraform has not."""

    @abstractmethod
    def follow(self) -> str:
        """Follow the deployment to its end, and return the id that the platform gives it; empty where it has none.

        Raises:
            ActionError: it failed, was rolled back or took too long.
        """

    @abstractmethod
    def running(self) -> dict[str, list[str]]:
        """Digests of the images that run, and what runs each: tasks, instances or revisions."""

    @abstractmethod
    def origin(self) -> Origin:
        """When the deployment of what was asked for began, and who began it."""

    def seen(self) -> dict[str, list[str]]:
        """What runs, as far as the platform itself says so; as running()."""
        return self.running()

    def url(self) -> str:
        """Where the application is reached."""
        return str(self.request.outputs["app_url"])

    def report(self) -> list[str]:
        """Lines that help where another image runs than was asked for."""
        return []

    def count(self, running: dict[str, list[str]]) -> int:
        """How many tasks or instances run, of what runs as seen() says it."""
        return sum(map(len, running.values()))

    def processes(self) -> dict[str, Deployment]:
        """The deployments of the app's other processes, by name, which began with this one."""
        return {}

    def run(self) -> Json:
        """Follow the deployment and those of other processes, prove what runs, and return service_deployment's result.

        Raises:
            ActionError: one failed, or another image runs.
        """
        processes = self.processes()
        identifiers: list[str] = []
        problems: list[str] = []
        # At the same time, so that the longest one says how long it takes.
        for deployment in (self, *processes.values()):
            deployment.begin()
        for deployment in (self, *processes.values()):
            if problems:
                # The run fails, so nothing more is waited for.
                deployment.timeout_seconds = 0
            try:
                identifiers.append(deployment._proven())
            except NotYetError as error:
                if not problems:
                    problems.append(str(error))
            except ActionError as error:
                problems.append(str(error))
        if problems:
            raise ActionError("\n".join(problems))
        return {
            "changed": any(deployment.changed for deployment in (self, *processes.values())),
            "deployment_id": identifiers[0],
            "image_digests": [self.request.image_digest],
            "processes": dict(zip(processes, identifiers[1:], strict=True)),
            "url": self.url(),
        }

    def _proven(self) -> str:
        """Id of the deployment, where it is complete and runs what was asked for."""
        identifier = self.follow()
        if what := self._otherwise(self.running()):
            raise ActionError("\n".join([what, *self.report()]))
        return identifier

    def status(self) -> Json:
        """The result of service_status_info: what runs now, whether that is what was asked for or not.

        The request is one in check mode, whose deployment may take no time.
        """
        problems, running = self._seen_problems()
        processes = {}
        for name, process in self.processes().items():
            its_problems, its_running = process._seen_problems()
            problems += [f"process {name}: {problem}" for problem in its_problems]
            processes[name] = process.count(its_running)
        origin = self.origin()
        return {
            "changed": False,
            "began": origin.began.astimezone(datetime.UTC).isoformat(timespec="seconds"),
            "by": origin.by,
            "problems": problems,
            "processes": processes,
            "running": running,
            "url": self.url(),
        }

    def _seen_problems(self) -> tuple[list[str], dict[str, list[str]]]:
        """What is not as it was asked for, and what runs."""
        problems = []
        try:
            self.follow()
        except NotYetError:
            problems.append("a deployment is under way, or has left something that is not healthy")
        except ActionError as error:
            problems.append(str(error).partition("\n")[0])
        running = self.seen()
        if what := self._otherwise(running):
            problems.append(what)
        return problems, running

    def _otherwise(self, running: dict[str, list[str]]) -> str:
        """What runs that was not asked for; empty where there is nothing of the kind."""
        if set(running) == {self.request.image_digest}:
            return ""
        found = ", ".join(f"{digest} in {', '.join(places)}" for digest, places in sorted(running.items()))
        return f"{self.name} runs {found or 'nothing'}, asked for was {self.request.image_digest}"

    def wait_for(self, look: Callable[[], _Found | None], late: Callable[[], str]) -> _Found:
        """Look again and again until there is something to see, and return it.

        Args:
            look: returns what there is to see, or None.
            late: says what is wrong where nothing was seen in the time that the deployment may take.

        Raises:
            NotYetError: nothing was seen in that time.
        """
        began = told = time.monotonic()
        while (found := look()) is None:
            now = time.monotonic()
            if now > began + self.timeout_seconds:
                raise NotYetError(late())
            if now > told + _TOLD_EVERY_SECONDS:
                told = now
                waited = f"{now - began:.0f} s of {self.timeout_seconds} s"
                display.display(f"    {self.name}: {self.doing or 'no word yet'} ({waited})")
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


def deployment_of(platform: str) -> type[Deployment]:
    """What follows deployments to a platform.

    Args:
        platform: its name.

    Raises:
        ActionError: there is no such platform.
    """
    known = sorted(file.stem for file in _FOLDER.glob("[a-z]*.py"))
    if platform not in known:
        raise ActionError(f"there is no platform {platform}; it must be one of {', '.join(known)}")
    found: type[Deployment] = importlib.import_module(f"{_PACKAGE}.{platform}").Deployment
    return found


def digest_of(image: str) -> str:
    """The digest in the name of an image.

    Raises:
        ActionError: there is none.
    """
    _, _, digest = image.partition("@")
    if not digest:
        raise ActionError(f"image is {image}; it must name its digest: <repository>@sha256:<digest>")
    return digest
