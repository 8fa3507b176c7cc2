"""Cloud Scheduler: jobs that run a Cloud Run job as an account of their own, at their times and when told to."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from emulator.tests.google_apis import ACCOUNTS, RUN, USAGE, Google
from emulator.tests.google_cloud_run import CloudRun
from emulator.tests.stack import Json, wait_until
from slipway_emulator.google.cloud_scheduler.api import is_tried_again, pause_before
from slipway_emulator.google.cloud_scheduler.cron import CronError, parse

SCHEDULER = "/cloudscheduler/v1"
JOB = "temu-scheduled"


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        ("* * * * *", "UTC", "2026-05-01T10:00:30", "2026-05-01T10:01:00"),
        ("*/15 * * * *", "utc", "2026-05-01T10:15:00", "2026-05-01T10:30:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-05-01T00:00:00", "2026-05-01T01:00:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-01-01T00:00:00", "2026-01-01T02:00:00"),
        # A time that the change of clocks leaves out.
        ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00", "2026-03-30T00:30:00"),
        ("5-59/20 8 * * MON-FRI", "Etc/UTC", "2026-05-01T08:45:00", "2026-05-04T08:05:00"),
        ("0 0 29 2 *", "UTC", "2026-05-01T00:00:00", "2028-02-29T00:00:00"),
        # Either day is enough, where both are given.
        ("0 0 13 * 5", "UTC", "2026-05-01T00:00:00", "2026-05-08T00:00:00"),
        ("0 0 * JAN,jun 7", "UTC", "2026-05-01T00:00:00", "2026-06-07T00:00:00"),
    ],
)
def test_next_run(schedule: str, zone: str, after: str, expected: str) -> None:
    found = parse(schedule, zone).next_run(at(after))
    assert found == at(expected)
    assert found is not None
    assert found.astimezone(ZoneInfo("UTC")).second == 0


def test_time_that_never_comes() -> None:
    assert parse("0 0 31 2 *", "UTC").next_run(at("2026-01-01T00:00:00")) is None


@pytest.mark.parametrize(
    ("schedule", "zone"),
    [
        ("cron(0 3 * * ? *)", "UTC"),
        ("0 3 * * ? *", "UTC"),
        ("0 3 ? * *", "UTC"),
        ("60 * * * *", "UTC"),
        ("0 24 * * *", "UTC"),
        ("0 0 0 * *", "UTC"),
        ("0 0 * * 8", "UTC"),
        ("0 0 * * FRI-MON", "UTC"),
        ("0/5 * * * *", "UTC"),
        ("*/0 * * * *", "UTC"),
        ("*-5 * * * *", "UTC"),
        ("", "UTC"),
        ("* * * * *", "Mars/Phobos"),
        ("* * * * *", "../etc/passwd"),
    ],
)
def test_schedules_that_are_refused(schedule: str, zone: str) -> None:
    with pytest.raises(CronError):
        parse(schedule, zone)


@pytest.mark.parametrize(
    ("count", "duration", "number", "seconds", "expected"),
    [
        (0, "0s", 0, 0, False),
        (5, "0s", 4, 9999, True),
        (5, "0s", 5, 0, False),
        # Until both limits are reached.
        (5, "3600s", 5, 3599, True),
        (5, "3600s", 5, 3600, False),
        (0, "60s", 9, 59, True),
    ],
)
def test_how_often_an_attempt_is_repeated(
    count: int, duration: str, number: int, seconds: float, expected: bool
) -> None:
    assert is_tried_again({"retryCount": count, "maxRetryDuration": duration}, number, seconds) is expected


def test_pauses_between_attempts() -> None:
    retry = {"minBackoffDuration": "10s", "maxBackoffDuration": "300s", "maxDoublings": 3}
    assert [pause_before(retry, number) for number in range(8)] == [10, 20, 40, 80, 160, 240, 300, 300]


@pytest.fixture(scope="module")
def google(run: CloudRun) -> Iterator[Google]:
    """A project with a Cloud Run job, and Cloud Scheduler."""
    service = f"{USAGE}/projects/{run.google.project}/services/cloudscheduler.googleapis.com"
    # Other tests of the project turn it on.
    run.google.call("POST", f"{service}:disable")
    off = run.google.refusal("GET", f"{SCHEDULER}/{run.google.parent}/jobs")
    assert "Cloud Scheduler API has not been used in project" in off["message"]
    run.google.call("POST", f"{service}:enable")
    assert "error" not in run.make("jobs", JOB, run.job("print('done')"))
    yield run.google
    run.google.operate(RUN, "DELETE", f"{run.google.parent}/jobs/{JOB}")


@pytest.fixture(scope="module")
def account(google: Google) -> str:
    """The account that jobs ask as, which may run the job of Cloud Run."""
    email = google.make_account("temu-cron")
    google.grant(f"{RUN}/{google.parent}/jobs/{JOB}", "roles/run.invoker", f"serviceAccount:{email}", "GET")
    return email


def body(google: Google, email: str, **changes: Any) -> Json:
    uri = f"https://run.googleapis.com/v2/{google.parent}/jobs/{JOB}:run"
    target = {"uri": uri, "httpMethod": "POST", "oauthToken": {"serviceAccountEmail": email}}
    return {
        "name": f"{google.parent}/jobs/temu-cron",
        "schedule": "0 3 * * *",
        "timeZone": "Europe/Berlin",
        "httpTarget": target,
    } | changes


@pytest.fixture
def job(google: Google, account: str) -> Iterator[str]:
    """Where a job is asked for."""
    google.call("POST", f"{SCHEDULER}/{google.parent}/jobs", body(google, account))
    path = f"{SCHEDULER}/{google.parent}/jobs/temu-cron"
    yield path
    google.ask("DELETE", path)


def executions(google: Google) -> list[Json]:
    found: list[Json] = google.call("GET", f"{RUN}/{google.parent}/jobs/{JOB}/executions").get("executions", [])
    return found


def test_job_runs_when_it_is_told_to(run: CloudRun, google: Google, account: str, job: str) -> None:
    before = google.call("GET", job)
    assert (before["state"], before["attemptDeadline"], "lastAttemptTime" in before) == ("ENABLED", "180s", False)
    assert before["httpTarget"]["oauthToken"]["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    number = len(executions(google))
    after = google.call("POST", f"{job}:run", {})
    assert (after["status"], "lastAttemptTime" in after) == ({}, True)
    newest, *others = executions(google)
    assert (newest["creator"], len(others)) == (account, number)
    wait_until(lambda: executions(google)[0].get("succeededCount"))
    finished = run.log('resource.type="cloud_scheduler_job" AND severity="INFO"')[-1]
    assert finished["jsonPayload"]["@type"].endswith(".AttemptFinished")
    assert finished["httpRequest"]["status"] == 200


def test_job_runs_at_its_time(google: Google, account: str, job: str) -> None:
    number = len(executions(google))
    changed = google.call("PATCH", job, body(google, account, schedule="* * * * *"))
    assert changed["schedule"] == "* * * * *"
    wait_until(lambda: len(executions(google)) > number, 75)
    assert google.call("GET", job)["status"] == {}


def test_paused_job_has_no_next_time(google: Google, job: str) -> None:
    wait_until(lambda: "scheduleTime" in google.call("GET", job))
    paused = google.call("POST", f"{job}:pause")
    assert (paused["state"], "scheduleTime" in paused) == ("PAUSED", False)
    assert google.call("POST", f"{job}:resume")["state"] == "ENABLED"
    wait_until(lambda: "scheduleTime" in google.call("GET", job))


def test_attempt_that_fails_is_seen(run: CloudRun, google: Google, job: str) -> None:
    """An account that may not run the job."""
    email = google.make_account("temu-nobody")
    google.call("PATCH", job, body(google, email))
    number = len(executions(google))
    assert google.call("POST", f"{job}:run")["status"] == {"code": 7}
    assert len(executions(google)) == number
    failed = run.log('resource.labels.job_id="temu-cron" AND severity="ERROR"')[-1]["jsonPayload"]
    assert (failed["status"], "403" in failed["debugInfo"]) == ("PERMISSION_DENIED", True)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"schedule": "cron(0 3 * * ? *)"}, "Schedule or time zone is invalid."),
        ({"timeZone": "Mars/Phobos"}, "Schedule or time zone is invalid."),
        ({"name": "projects/other/locations/us-central1/jobs/a"}, "Job name must be of the form projects/temu-run/"),
        ({"httpTarget": {"uri": "ftp://a"}}, "The URI must begin with http:// or https://."),
        ({"httpTarget": {"uri": "https://example.org/"}}, "asks Google's APIs only"),
        ({"retryConfig": {"retryCount": 6}}, "Retry count must be from 0 to 5."),
        ({"attemptDeadline": "1s"}, "Attempt deadline must be from 15s to 1800s."),
        ({"colour": "red"}, "Unknown name \"colour\" at 'job'"),
    ],
)
def test_jobs_that_are_refused(google: Google, account: str, changes: Json, text: str) -> None:
    error = google.refusal("POST", f"{SCHEDULER}/{google.parent}/jobs", body(google, account, **changes))
    assert (error["status"], text in error["message"]) == ("INVALID_ARGUMENT", True), error["message"]


def test_account_must_be_there(google: Google) -> None:
    nobody = f"nobody@{google.project}.iam.gserviceaccount.com"
    error = google.refusal("POST", f"{SCHEDULER}/{google.parent}/jobs", body(google, nobody))
    assert error["status"] == "NOT_FOUND"


def test_permissions(google: Google, account: str, job: str) -> None:
    viewer = google.impersonate(google.make_account("temu-cron-viewer", "roles/cloudscheduler.viewer"))
    assert viewer.call("GET", job)["httpTarget"]
    assert viewer.call("GET", job.rpartition("/")[0])["jobs"]
    wanted = body(google, account)
    for method, where, permission in (
        ("POST", job.rpartition("/")[0], "create"),
        ("PATCH", job, "update"),
        ("DELETE", job, "delete"),
        ("POST", f"{job}:run", "run"),
        ("POST", f"{job}:pause", "pause"),
        ("POST", f"{job}:resume", "enable"),
    ):
        error = viewer.refusal(method, where, wanted)
        assert f'lacks IAM permission "cloudscheduler.jobs.{permission}"' in error["message"]
    # What a job asks for is for those alone who may see all of it.
    role = {"roleId": "temuCronGet", "role": {"includedPermissions": ["cloudscheduler.jobs.get"]}}
    google.call("POST", f"{ACCOUNTS}/projects/{google.project}/roles", role)
    email = google.make_account("temu-cron-half", f"projects/{google.project}/roles/temuCronGet")
    assert "httpTarget" not in google.impersonate(email).call("GET", job)
    # An administrator of jobs must be let act as the account, too.
    admin = google.impersonate(google.make_account("temu-cron-admin", "roles/cloudscheduler.admin"))
    assert 'lacks IAM permission "iam.serviceAccounts.actAs"' in admin.refusal("PATCH", job, wanted)["message"]
