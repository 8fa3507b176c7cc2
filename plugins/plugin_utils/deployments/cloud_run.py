# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""A deployment of Cloud Run, by the service's own condition."""

from __future__ import annotations

import datetime
import json
import time
from collections import defaultdict
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleError
from ansible_collections.slipway.provision.plugins.plugin_utils import deployment
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

_FAILED, _SUCCEEDED = "CONDITION_FAILED", "CONDITION_SUCCEEDED"
# What a container says is in its log some seconds later.
_LOOKS, _SECONDS_BETWEEN = 5, 2.0

Json = dict[str, Any]


class Deployment(deployment.Deployment):
    """The last deployment of one service."""

    def __init__(self, request: deployment.Request) -> None:
        super().__init__(request)
        self._cloud = GoogleCloud()

    @property
    def name(self) -> str:
        """Full name of the service, `projects/<project>/locations/<region>/services/<service>`."""
        return str(self.request.outputs["service_id"])

    def follow(self) -> str:
        """Wait until the service is settled, and return its latest revision."""
        late = f"The deployment of {self.name} is under way after {self.request.timeout_seconds} s still"
        service = self.wait_for(self._settled, lambda: late)
        condition = service.get("terminalCondition", {})
        if condition.get("state") != _SUCCEEDED:
            reason = condition.get("message", "Cloud Run gives no reason")
            serving = service.get("latestReadyRevision") or "No revision"
            what = (
                f"The deployment of {self.name} failed: {reason}. {serving} goes on serving. Cloud Run does not try "
                "the same again by itself: fix the source, or where the cause was elsewhere and is gone, change a "
                "variable of app_environment_variables."
            )
            raise ActionError("\n".join([what, *failed_revision(self._cloud, service)]))
        return str(service["latestReadyRevision"])

    def running(self) -> dict[str, list[str]]:
        """Digests of the revisions that get requests."""
        service = self._describe()
        serving = {
            traffic.get("revision", service["latestReadyRevision"].rpartition("/")[2])
            for traffic in service.get("trafficStatuses", [])
            if traffic.get("percent")
        }
        found = defaultdict(list)
        for name in sorted(serving):
            revision = self._cloud.get("cloud_run_v2", f"{self.name}/revisions/{name}") or {"containers": []}
            for container in revision["containers"]:
                found[container["image"].partition("@")[2]].append(name)
        return found

    def origin(self) -> deployment.Origin:
        """The service's last change."""
        service = self._describe()
        began = datetime.datetime.fromisoformat(service["updateTime"])
        return deployment.Origin(began, service.get("lastModifier", ""))

    def _settled(self) -> Json | None:
        """The service (Cloud Run Admin API v2, "Service") where nothing is under way."""
        service = self._describe()
        conditions = [service.get("terminalCondition", {}), *service.get("conditions", [])]
        self.doing = next((one["message"] for one in conditions if one.get("message")), "reconciling")
        return None if service.get("reconciling") else service

    def _describe(self) -> Json:
        service: Json | None = self._cloud.get("cloud_run_v2", self.name)
        if service is None:
            raise ActionError(f"Cloud Run knows no {self.name}")
        return service


def failed_revision(cloud: GoogleCloud, service: Json) -> list[str]:
    """Lines that say why the newest revision of a service failed; none where it has not.

    Args:
        cloud: answers questions.
        service: the service (Cloud Run Admin API v2, "Service").
    """
    name = service.get("latestCreatedRevision", "")
    revision = (cloud.get("cloud_run_v2", name) if name else None) or {}
    reasons = [
        condition.get("message", "Cloud Run gives no reason")
        for condition in revision.get("conditions", [])
        if (condition["type"], condition["state"]) == ("Ready", _FAILED)
    ]
    if not reasons:
        return []
    return [f"Revision {name.rpartition('/')[2]} failed: {reasons[0]}", *_last_lines(cloud, name)]


def _last_lines(cloud: GoogleCloud, revision: str) -> list[str]:
    """The end of a revision's log, as lines of a report."""
    _, project, _, location, _, service, _, short = revision.split("/")
    labels = {"location": location, "revision_name": short, "service_name": service}
    terms = [f'resource.labels.{name}="{value}"' for name, value in labels.items()]
    wanted = " AND ".join(['resource.type="cloud_run_revision"', *terms])
    for look in range(_LOOKS):
        if look:
            time.sleep(_SECONDS_BETWEEN)
        try:
            entries = cloud.last_log_entries(f"projects/{project}", wanted, deployment.SHOWN_LINES)
        except GoogleError as error:
            # Whoever may not read a log still wants the reason.
            return [f"  | no log: {error}"]
        if entries:
            return [f"  | {_text(entry)}" for entry in entries]
    return list(deployment.NO_LOG)


def _text(entry: Json) -> str:
    """What an entry says ("LogEntry"): a line of text, or severity and fields of one that was JSON."""
    if "textPayload" in entry:
        return str(entry["textPayload"])
    payload = entry.get("jsonPayload") or entry.get("protoPayload") or {}
    return f"{entry.get('severity', 'DEFAULT')} {json.dumps(payload)}"
