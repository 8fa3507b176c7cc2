"""Cloud Logging: entries of what containers have said, found by a filter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slipway_emulator.google.api import ApiError, Request, Routes
from slipway_emulator.google.iam.access import Access
from slipway_emulator.google.iam.policies import Policies
from slipway_emulator.google.iam.roles import Roles
from slipway_emulator.google.logging.api import Logging
from slipway_emulator.google.service_usage.api import ServiceUsage

OWNER = "me@temu-logging.iam.gserviceaccount.com"
REVISION = "projects/temu-logging/locations/us-central1/services/web/revisions/web-00001-abc"
OUTPUT = """2026-01-01T00:00:00.1Z plain text
2026-01-01T00:00:00.2Z\x20
2026-01-01T00:00:00.3Z {"severity": "error", "message": "cannot start", "port": 8000}
2026-01-01T00:00:00.4Z {"level": "ERROR", "message": "of no severity"}
2026-01-01T00:00:00.5Z [1]
"""


@pytest.fixture
def routes() -> Routes:
    """The API, with what two revisions have said."""
    routes = Routes()
    logs = Logging(routes, Access(ServiceUsage(routes), Policies(OWNER), Roles(routes)))
    logs.write(REVISION, "1", "stdout", OUTPUT)
    logs.write(REVISION.replace("web", "other"), "2", "stderr", "2026-01-01T00:00:00.0Z another\n")
    logs.write(REVISION.replace("temu-logging", "temu-nobodys"), "3", "stdout", "2026-01-01T00:00:00.0Z foreign\n")
    return routes


def ask(routes: Routes, principal: str = OWNER, **body: Any) -> Any:
    whole = json.dumps({"resourceNames": ["projects/temu-logging"]} | body).encode()
    return routes.answer(Request("POST", "/logging/v2/entries:list", {}, {}, whole, principal)).content


def said(answer: Any) -> list[tuple[str, Any]]:
    return [(entry["severity"], entry.get("textPayload") or entry["jsonPayload"]) for entry in answer["entries"]]


def test_entries_are_found_by_revision_newest_first(routes: Routes) -> None:
    wanted = 'resource.type="cloud_run_revision" AND resource.labels.revision_name="web-00001-abc"'
    answer = ask(routes, filter=wanted, orderBy="timestamp desc", pageSize=3)
    assert said(answer) == [
        ("DEFAULT", "[1]"),
        ("DEFAULT", {"level": "ERROR", "message": "of no severity"}),
        ("ERROR", {"message": "cannot start", "port": 8000}),
    ]
    assert said(ask(routes, filter=wanted, pageSize=3, pageToken="3")) == [("DEFAULT", "[1]")]
    assert answer["entries"][0]["logName"] == "projects/temu-logging/logs/run.googleapis.com%2Fstdout"
    assert answer["entries"][0]["resource"]["labels"] == {
        "project_id": "temu-logging",
        "location": "us-central1",
        "service_name": "web",
        "configuration_name": "web",
        "revision_name": "web-00001-abc",
    }


def test_entries_of_all_services(routes: Routes) -> None:
    assert said(ask(routes))[0] == ("DEFAULT", "another")
    assert ask(routes, filter='severity="CRITICAL"') == {}


def test_entries_since_a_moment(routes: Routes) -> None:
    since = 'resource.labels.service_name="web" AND timestamp>="2026-01-01T00:00:00.400000+00:00"'
    assert said(ask(routes, filter=since)) == [
        ("DEFAULT", {"level": "ERROR", "message": "of no severity"}),
        ("DEFAULT", "[1]"),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"resourceNames": []}, "INVALID_ARGUMENT"),
        ({"filter": "severity>=ERROR"}, "INVALID_ARGUMENT"),
        ({"filter": 'timestamp>="yesterday"'}, "INVALID_ARGUMENT"),
        ({"filter": 'a="b" OR c="d"'}, "INVALID_ARGUMENT"),
        ({"orderBy": "severity"}, "INVALID_ARGUMENT"),
        ({"principal": "somebody@else.iam.gserviceaccount.com"}, "PERMISSION_DENIED"),
    ],
)
def test_requests_that_are_refused(routes: Routes, body: Any, status: str) -> None:
    with pytest.raises(ApiError) as refused:
        ask(routes, **body)
    assert refused.value.status == status
