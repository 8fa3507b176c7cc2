"""Cloud Logging API v2: what the containers of Cloud Run have said, once they have ended."""

from __future__ import annotations

import collections
import dataclasses
import json
import re
from typing import Any

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid, new_id, page
from slipway_emulator.google.iam.access import Access
from slipway_emulator.google.iam.permissions import need
from slipway_emulator.google.messages import INT32, STRING, check

_PATH = "/logging/v2/entries:list"
_MOST_ENTRIES = 10_000
_BODY = {
    "resourceNames": [STRING],
    "filter": STRING,
    "orderBy": STRING,
    "pageSize": INT32,
    "pageToken": STRING,
    "projectIds": [STRING],
}
_TERM = re.compile(r'([A-Za-z][\w.]*)\s*=\s*"([^"]*)"')
_ORDERS = ("timestamp asc", "timestamp desc")
_SEVERITIES = (
    "DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY",
)  # fmt: skip


class Logging:
    """The log entries of all projects, the oldest of which go.

    Args:
        routes: where they are asked for.
        access: knows who may read them.
    """

    def __init__(self, routes: Routes, access: Access) -> None:
        self._entries: collections.deque[Json] = collections.deque(maxlen=_MOST_ENTRIES)
        self._access = access
        routes.add("POST", _PATH, self._list)

    def write(self, revision: str, instance: str, stream: str, output: str) -> None:
        """Keep what a container has said.

        Args:
            revision: the name of its revision.
            instance: what tells it from others.
            stream: "stdout" or "stderr".
            output: lines, each with its time first, as Docker has them.
        """
        _, project, _, location, _, service, _, short = revision.split("/")
        labels = {
            "project_id": project,
            "location": location,
            "service_name": service,
            "configuration_name": service,
            "revision_name": short,
        }
        for line in output.splitlines():
            moment, _, text = line.partition(" ")
            if not text.strip():
                continue
            entry = {
                "insertId": new_id(),
                "logName": f"projects/{project}/logs/run.googleapis.com%2F{stream}",
                "resource": {"type": "cloud_run_revision", "labels": labels},
                "labels": {"instanceId": instance},
                "timestamp": moment,
                "receiveTimestamp": moment,
            }
            self._entries.append(entry | _payload(text))

    def _list(self, request: Request) -> Response:
        body = check(_BODY, request.json(), "")
        projects = [name.removeprefix("projects/") for name in body.get("resourceNames", [])]
        if not projects:
            raise invalid("resource_names", "At least one resource name must be given.")
        for project in projects:
            self._access.check(request, need("POST", _PATH), project)
        order = body.get("orderBy", _ORDERS[0])
        if order not in _ORDERS:
            raise invalid("order_by", f"The order must be one of {', '.join(_ORDERS)}.")
        wanted = _terms(body.get("filter", ""))
        found = [
            entry
            # A copy: containers end, and are heard out, at any time.
            for entry in list(self._entries)
            if entry["resource"]["labels"]["project_id"] in projects
            and all(_value(entry, name) == value for name, value in wanted)
        ]
        found.sort(key=lambda entry: str(entry["timestamp"]), reverse=order == _ORDERS[1])
        query = {name: str(body[name]) for name in ("pageSize", "pageToken") if name in body}
        return Response(200, page(found, dataclasses.replace(request, query=query), "entries", 50))


def _payload(text: str) -> Json:
    """Severity and payload of a line ("Structured logging": special fields are taken out of a JSON payload)."""
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        return {"severity": "DEFAULT", "textPayload": text}
    severity = str(payload.pop("severity", "")).upper()
    return {"severity": severity if severity in _SEVERITIES else "DEFAULT", "jsonPayload": payload}


def _terms(text: str) -> list[tuple[str, str]]:
    """The comparisons of a filter, of "Logging query language" only `field="value"` joined by AND.

    Raises:
        ApiError: it has something else.
    """
    terms = [_TERM.fullmatch(term.strip()) for term in text.split(" AND ") if term.strip()]
    if not all(terms):
        raise ApiError("INVALID_ARGUMENT", f"Unparseable filter: {text}")
    return [(term[1], term[2]) for term in terms if term]


def _value(entry: Json, name: str) -> Any:
    """A field of an entry by its path, such as `resource.labels.service_name`."""
    found: Any = entry
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
