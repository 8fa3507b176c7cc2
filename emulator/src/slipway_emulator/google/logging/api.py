"""Cloud Logging API v2: what the containers of Cloud Run have said, once they have ended."""

from __future__ import annotations

import collections
import dataclasses
import datetime
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
# A field, whose last part is quoted where it is no plain name.
_TERM = re.compile(r'([A-Za-z][\w.]*(?:\."[^"]+")?)\s*=\s*"([^"]*)"')
_SINCE = re.compile(r'timestamp\s*>=\s*"([^"]*)"')
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

    def write(self, name: str, instance: str, stream: str, output: str, attempt: int = 0) -> None:
        """Keep what a container has said.

        Args:
            name: of its revision, or of its job's task.
            instance: what tells it from others.
            stream: "stdout" or "stderr".
            output: lines, each with its time first, as Docker has them.
            attempt: of a task, the number of the one before it.
        """
        project = name.split("/")[1]
        resource, labels = _origin(name, attempt)
        for line in output.splitlines():
            moment, _, text = line.partition(" ")
            if not text.strip():
                continue
            entry = {
                "logName": f"projects/{project}/logs/run.googleapis.com%2F{stream}",
                "resource": resource,
                "labels": {"instanceId": instance} | labels,
                "timestamp": moment,
            }
            self.keep(entry | _payload(text))

    def keep(self, entry: Json) -> None:
        """Keep an entry ("LogEntry")."""
        self._entries.append({"insertId": new_id(), "receiveTimestamp": entry["timestamp"]} | entry)

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
        since, wanted = _terms(body.get("filter", ""))
        found = [
            entry
            # A copy: containers end, and are heard out, at any time.
            for entry in list(self._entries)
            if entry["resource"]["labels"]["project_id"] in projects
            and all(_value(entry, name) == value for name, value in wanted)
            and (since is None or datetime.datetime.fromisoformat(entry["timestamp"]) >= since)
        ]
        found.sort(key=lambda entry: str(entry["timestamp"]), reverse=order == _ORDERS[1])
        query = {name: str(body[name]) for name in ("pageSize", "pageToken") if name in body}
        return Response(200, page(found, dataclasses.replace(request, query=query), "entries", 50))


def _origin(name: str, attempt: int) -> tuple[Json, dict[str, str]]:
    """The monitored resource of what runs, and labels of its entries ("Monitored resource types")."""
    _, project, _, location, kind, owner, _, short, *rest = name.split("/")
    place = {"project_id": project, "location": location}
    if kind == "jobs":
        labels = {"execution_name": short, "task_index": rest[1].rpartition("-task")[2], "task_attempt": str(attempt)}
        resource = {"type": "cloud_run_job", "labels": place | {"job_name": owner}}
        return resource, {f"run.googleapis.com/{label}": value for label, value in labels.items()}
    if kind == "workerPools":
        own = {"worker_pool_name": owner, "revision_name": short}
        return {"type": "cloud_run_worker_pool", "labels": place | own}, {}
    own = {"service_name": owner, "configuration_name": owner, "revision_name": short}
    return {"type": "cloud_run_revision", "labels": place | own}, {}


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


def _terms(text: str) -> tuple[datetime.datetime | None, list[tuple[str, str]]]:
    """A filter, of "Logging query language" only `field="value"` and one `timestamp>="…"`, joined by AND.

    Returns:
        The earliest moment, if any, and the fields with their values.

    Raises:
        ApiError: it has something else.
    """
    since, found = None, []
    for term in filter(None, (term.strip() for term in text.split(" AND "))):
        try:
            if moment := _SINCE.fullmatch(term):
                since = datetime.datetime.fromisoformat(moment[1])
                continue
        except ValueError:
            raise ApiError("INVALID_ARGUMENT", f"Unparseable filter: {text}") from None
        if not (comparison := _TERM.fullmatch(term)):
            raise ApiError("INVALID_ARGUMENT", f"Unparseable filter: {text}")
        found.append((comparison[1], comparison[2]))
    return since, found


def _value(entry: Json, name: str) -> Any:
    """A field of an entry by its path, such as `resource.labels.service_name` or `labels."a.b/c"`."""
    found: Any = entry
    path, _, quoted = name.partition('."')
    for part in [*path.split("."), *([quoted.removesuffix('"')] if quoted else [])]:
        found = found.get(part) if isinstance(found, dict) else None
    return found
