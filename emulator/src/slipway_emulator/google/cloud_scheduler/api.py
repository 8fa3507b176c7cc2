"""Cloud Scheduler API v1: jobs that ask Google's APIs for something at certain times."""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import datetime
import itertools
import logging
import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid, now, page, timestamp
from slipway_emulator.google.cloud_scheduler.cron import Cron, CronError, parse
from slipway_emulator.google.iam.access import Access
from slipway_emulator.google.iam.permissions import SCOPE
from slipway_emulator.google.iam.service_accounts import ServiceAccounts
from slipway_emulator.google.iam.tokens import Caller, Tokens
from slipway_emulator.google.logging.api import Logging
from slipway_emulator.google.messages import ANY, DURATION, INT32, STRING, Enum, Map, check, duration_seconds

_LOG = logging.getLogger(__name__)
_JOBS = "/cloudscheduler/v1/projects/{project}/locations/{location}/jobs"
_METHOD = Enum(
    "google.cloud.scheduler.v1.HttpMethod",
    ("HTTP_METHOD_UNSPECIFIED", "POST", "GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"),
)
_RETRY = {
    "retryCount": INT32,
    "maxRetryDuration": DURATION,
    "minBackoffDuration": DURATION,
    "maxBackoffDuration": DURATION,
    "maxDoublings": INT32,
}
# What a caller sets.
_WRITABLE = {
    "name": STRING,
    "description": STRING,
    "httpTarget": {
        "uri": STRING,
        "httpMethod": _METHOD,
        "headers": Map(STRING),
        "body": STRING,
        "oauthToken": {"serviceAccountEmail": STRING, "scope": STRING},
        "oidcToken": {"serviceAccountEmail": STRING, "audience": STRING},
    },
    "pubsubTarget": ANY,
    "appEngineHttpTarget": ANY,
    "schedule": STRING,
    "timeZone": STRING,
    "retryConfig": _RETRY,
    "attemptDeadline": DURATION,
}
# What a caller may send back, and the API ignores.
_OUTPUT_ONLY = {
    "userUpdateTime": STRING,
    "state": STRING,
    "status": ANY,
    "scheduleTime": STRING,
    "lastAttemptTime": STRING,
    "satisfiesPzs": ANY,
}
_OWN = tuple(name for name in _WRITABLE if name != "name")
_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/jobs/([A-Za-z0-9_-]{1,500})")
_LONGEST_DESCRIPTION, _MOST_RETRIES = 500, 5
# Of HTTP targets ("Job.attempt_deadline").
_DEADLINE_SECONDS = (15, 30 * 60)
_DEFAULT_RETRY = {
    "maxRetryDuration": "0s", "minBackoffDuration": "5s", "maxBackoffDuration": "3600s", "maxDoublings": 5,
}  # fmt: skip
# google.rpc.Code by HTTP status ("google/rpc/code.proto"), and what the log calls it.
_CODES = {
    400: (3, "INVALID_ARGUMENT"),
    401: (16, "UNAUTHENTICATED"),
    403: (7, "PERMISSION_DENIED"),
    404: (5, "NOT_FOUND"),
    409: (10, "ABORTED"),
    500: (13, "INTERNAL"),
}
_UNKNOWN = (2, "UNKNOWN")
_LOGGED = "type.googleapis.com/google.cloud.scheduler.logging"


@dataclasses.dataclass
class _Job:
    """A job.

    Attributes:
        record: the message of the API.
        cron: its schedule.
        keeping: what runs it at its times.
    """

    record: Json
    cron: Cron
    keeping: asyncio.Task[None] | None = None


class CloudScheduler:
    """All jobs of Cloud Scheduler.

    Args:
        routes: where they are asked for.
        access: knows who may have one ask as an account.
        accounts: knows the accounts.
        tokens: for what they ask.
        logs: where attempts are written down.
        ask: answers what they ask.
    """

    def __init__(
        self,
        routes: Routes,
        access: Access,
        accounts: ServiceAccounts,
        tokens: Tokens,
        logs: Logging,
        ask: Callable[[Request], Response],
    ) -> None:
        self._jobs: dict[str, _Job] = {}
        self._access = access
        self._accounts = accounts
        self._tokens = tokens
        self._logs = logs
        self._ask = ask
        routes.add("POST", _JOBS, self._create)
        routes.add("GET", _JOBS, self._list)
        routes.add("GET", f"{_JOBS}/{{job}}", self._get)
        routes.add("PATCH", f"{_JOBS}/{{job}}", self._patch)
        routes.add("DELETE", f"{_JOBS}/{{job}}", self._delete)
        routes.add("POST", f"{_JOBS}/{{job}}:pause", self._pause)
        routes.add("POST", f"{_JOBS}/{{job}}:resume", self._resume)
        routes.add("POST", f"{_JOBS}/{{job}}:run", self._run)

    def stop(self) -> None:
        """Run none any more."""
        for job in self._jobs.values():
            _stop(job)

    def _find(self, project: str, location: str, job: str) -> _Job:
        found = self._jobs.get(f"projects/{project}/locations/{location}/jobs/{job}")
        if found is None:
            raise ApiError("NOT_FOUND", "Job not found.")
        return found

    def _create(self, request: Request, project: str, location: str) -> Response:
        wanted = _checked(request.json())
        name = wanted.get("name", "")
        match = _NAME.fullmatch(name)
        if match is None or (match[1], match[2]) != (project, location):
            form = f"projects/{project}/locations/{location}/jobs/JOB_ID"
            raise invalid("job.name", f"Job name must be of the form {form}.")
        if name in self._jobs:
            raise ApiError("ALREADY_EXISTS", f"Job {name} already exists.")
        record, cron = self._completed(wanted, project, request.principal)
        job = self._jobs[name] = _Job(record | {"name": name, "state": "ENABLED", "userUpdateTime": now()}, cron)
        self._begin(job)
        return self._shown(request, job)

    def _patch(self, request: Request, project: str, location: str, job: str) -> Response:
        found = self._find(project, location, job)
        wanted = _checked(request.json())
        mask = [part.partition(".")[0] for part in request.query.get("updateMask", "").split(",") if part]
        if mask:
            wanted = {field: found.record[field] for field in _OWN if field in found.record} | {
                field: value for field, value in wanted.items() if field in mask
            }
        record, found.cron = self._completed(wanted, project, request.principal)
        for field in _OWN:
            found.record.pop(field, None)
        found.record |= record | {"userUpdateTime": now()}
        self._begin(found)
        return self._shown(request, found)

    def _completed(self, wanted: Json, project: str, principal: str) -> tuple[Json, Cron]:
        """A job with what Cloud Scheduler fills in, once nothing is wrong with it."""
        record: Json = {field: value for field, value in wanted.items() if field in _OWN}
        if len(record.get("description", "")) > _LONGEST_DESCRIPTION:
            raise invalid("job.description", f"Description must have at most {_LONGEST_DESCRIPTION} characters.")
        try:
            cron = parse(record.get("schedule", ""), record.setdefault("timeZone", "Etc/UTC"))
        except CronError:
            raise invalid("job.schedule", "Schedule or time zone is invalid.") from None
        if any(name in record for name in ("pubsubTarget", "appEngineHttpTarget")) or "httpTarget" not in record:
            raise invalid("job.target", "the rehearsal knows HTTP targets only")
        self._complete_target(record["httpTarget"], project, principal)
        retry = record["retryConfig"] = _DEFAULT_RETRY | record.get("retryConfig", {})
        if not 0 <= retry.get("retryCount", 0) <= _MOST_RETRIES:
            raise invalid("job.retry_config.retry_count", f"Retry count must be from 0 to {_MOST_RETRIES}.")
        least, largest = _DEADLINE_SECONDS
        if not least <= duration_seconds(record.setdefault("attemptDeadline", "180s")) <= largest:
            raise invalid("job.attempt_deadline", f"Attempt deadline must be from {least}s to {largest}s.")
        return record, cron

    def _complete_target(self, target: Json, project: str, principal: str) -> None:
        address = urlsplit(target.get("uri", ""))
        if address.scheme not in ("http", "https") or not address.hostname:
            raise invalid("job.http_target.uri", "The URI must begin with http:// or https://.")
        if not address.hostname.endswith(".googleapis.com"):
            raise invalid("job.http_target.uri", "the rehearsal's Cloud Scheduler asks Google's APIs only")
        target.setdefault("httpMethod", "POST")
        try:
            base64.b64decode(target.get("body", ""), validate=True)
        except binascii.Error:
            raise invalid("job.http_target.body", "The body must be in base64.") from None
        if "oidcToken" in target or "oauthToken" not in target:
            raise invalid("job.http_target", "Google's APIs take an OAuth token")
        token = target["oauthToken"]
        token.setdefault("scope", f"{SCOPE}cloud-platform")
        # "The caller must have iam.serviceAccounts.actAs permission for the service account", which is of the project.
        email = token.get("serviceAccountEmail", "")
        account = f"projects/{project}/serviceAccounts/{email}"
        if self._accounts.find(project, email) is None:
            raise ApiError("NOT_FOUND", f"The service account {email} does not exist in the project {project}.")
        if not self._access.allows(principal, "iam.serviceAccounts.actAs", project, account):
            raise ApiError(
                "PERMISSION_DENIED",
                'The principal (user or service account) lacks IAM permission "iam.serviceAccounts.actAs" for the '
                f'resource "{email}" (or the resource may not exist).',
            )

    def _shown(self, request: Request, job: _Job) -> Response:
        """A job as somebody may see it: what it asks for is for those alone who have the permission of that name."""
        project = job.record["name"].split("/")[1]
        if self._access.allows(request.principal, "cloudscheduler.jobs.fullView", project):
            return Response(200, job.record)
        hidden = ("httpTarget",)
        return Response(200, {field: value for field, value in job.record.items() if field not in hidden})

    def _get(self, request: Request, project: str, location: str, job: str) -> Response:
        return self._shown(request, self._find(project, location, job))

    def _list(self, request: Request, project: str, location: str) -> Response:
        parent = f"projects/{project}/locations/{location}/"
        jobs = [job for name, job in sorted(self._jobs.items()) if name.startswith(parent)]
        return Response(200, page([self._shown(request, job).content for job in jobs], request, "jobs"))

    def _delete(self, _: Request, project: str, location: str, job: str) -> Response:
        found = self._find(project, location, job)
        _stop(found)
        del self._jobs[found.record["name"]]
        return Response(200, {})

    def _pause(self, request: Request, project: str, location: str, job: str) -> Response:
        found = self._find(project, location, job)
        found.record["state"] = "PAUSED"
        self._begin(found)
        return self._shown(request, found)

    def _resume(self, request: Request, project: str, location: str, job: str) -> Response:
        found = self._find(project, location, job)
        found.record["state"] = "ENABLED"
        self._begin(found)
        return self._shown(request, found)

    def _run(self, request: Request, project: str, location: str, job: str) -> Response:
        found = self._find(project, location, job)
        self._attempt(found)
        return self._shown(request, found)

    # Running.

    def _begin(self, job: _Job) -> None:
        """Run a job at its times from now on."""
        _stop(job)
        job.record.pop("scheduleTime", None)
        if job.record["state"] == "ENABLED":
            job.keeping = asyncio.get_running_loop().create_task(self._keep(job))

    async def _keep(self, job: _Job) -> None:
        while (at := job.cron.next_run(datetime.datetime.now(datetime.UTC))) is not None:
            await _sleep_until(job, at)
            first, retry = time.monotonic(), job.record["retryConfig"]
            for number in itertools.count():
                if self._attempt(job) or not is_tried_again(retry, number, time.monotonic() - first):
                    break
                pause = datetime.timedelta(seconds=pause_before(retry, number))
                await _sleep_until(job, datetime.datetime.now(datetime.UTC) + pause)

    def _attempt(self, job: _Job) -> bool:
        """Ask once for what a job asks for; whether the answer was one of success."""
        record, target = job.record, job.record["httpTarget"]
        record["lastAttemptTime"] = now()
        self._note(job, "AttemptStarted", "INFO", {"scheduledTime": record.get("scheduleTime", now())})
        try:
            status = self._answer(target).status
        except ApiError as error:
            status = error.response().status
        except Exception:
            # One that cannot be run must not keep the next run from being tried.
            _LOG.exception("%s", record["name"])
            status = 500
        if 200 <= status < 300:
            record["status"] = {}
            self._note(job, "AttemptFinished", "INFO", {}, status)
            return True
        code, called = _CODES.get(status, _UNKNOWN)
        record["status"] = {"code": code}
        debug = f"URL_ERROR-ERROR_OTHER. Original HTTP response code number = {status}"
        self._note(job, "AttemptFinished", "ERROR", {"status": called, "debugInfo": debug}, status)
        return False

    def _answer(self, target: Json) -> Response:
        token = target["oauthToken"]
        account, scopes = token["serviceAccountEmail"], frozenset(token["scope"].split())
        if not self._accounts.can_run("", account):
            return Response(401)
        address = urlsplit(target["uri"])
        # What is told apart by host name at Google is told apart by the beginning of the path here.
        api = (address.hostname or "").removesuffix(".googleapis.com")
        request = Request(
            target["httpMethod"],
            f"/{api}{address.path}",
            {},
            {"authorization": f"Bearer {self._tokens.issue(Caller(account, scopes))}"},
            base64.b64decode(target.get("body", "")),
        )
        return self._ask(request)

    def _note(self, job: _Job, kind: str, severity: str, payload: Json, status: int = 0) -> None:
        """Write down an attempt ("View Cloud Scheduler logs")."""
        name = job.record["name"]
        _, project, _, location, _, short = name.split("/")
        url = job.record["httpTarget"]["uri"]
        what = {"@type": f"{_LOGGED}.{kind}", "jobName": name, "targetType": "HTTP", "url": url}
        labels = {"project_id": project, "location": location, "job_id": short}
        self._logs.keep(
            {
                "logName": f"projects/{project}/logs/cloudscheduler.googleapis.com%2Fexecutions",
                "resource": {"type": "cloud_scheduler_job", "labels": labels},
                "timestamp": now(),
                "severity": severity,
                "jsonPayload": what | payload,
            }
            | ({"httpRequest": {"status": status}} if status else {})
        )


async def _sleep_until(job: _Job, at: datetime.datetime) -> None:
    job.record["scheduleTime"] = timestamp(at)
    # Never long at once: the clock of a machine that was asleep has gone on.
    while (left := (at - datetime.datetime.now(datetime.UTC)).total_seconds()) > 0:
        await asyncio.sleep(min(left, 1.0))


def is_tried_again(retry: Json, number: int, seconds: float) -> bool:
    """Whether an execution that has failed goes on ("RetryConfig"): "until both limits are reached".

    Args:
        retry: the job's configuration.
        number: how often it was tried again.
        seconds: since it began.
    """
    return number < retry.get("retryCount", 0) or seconds < duration_seconds(retry["maxRetryDuration"])


def pause_before(retry: Json, number: int) -> float:
    """Seconds before the next attempt: doubled some times, then longer by the last one each time."""
    least, largest = duration_seconds(retry["minBackoffDuration"]), duration_seconds(retry["maxBackoffDuration"])
    doublings: int = retry["maxDoublings"]
    longer = 2.0 ** min(number, doublings) * (1 + max(0, number - doublings))
    return min(largest, least * longer)


def _stop(job: _Job) -> None:
    if job.keeping:
        job.keeping.cancel()
        job.keeping = None


def _checked(body: Json) -> Json:
    found: Json = check(_WRITABLE | _OUTPUT_ONLY, body, "job")
    return {name: value for name, value in found.items() if name in _WRITABLE}
