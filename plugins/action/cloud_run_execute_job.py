# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of cloud_run_execute_job: runs on the controller, so that the log can be shown as it comes."""

from __future__ import annotations

import datetime
import posixpath
import time
from contextlib import suppress
from typing import Any

from ansible.utils.display import Display
from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleError
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud, text_of_entry
from ansible_collections.slipway.provision.plugins.plugin_utils.task_log import TaskLog

_API = "cloud_run_v2"
_POLL_SECONDS = 1.0
# A project may read 60 times a minute ("Quotas and limits" of Cloud Logging), and apps are migrated side by side.
_LOG_SECONDS = 5.0
# To pull the image and to start: the task's own time begins then.
_START_SECONDS = 300
# A container has 10 s to end by itself ("Container runtime contract").
_STOP_SECONDS = 120
# For the run that has started an execution to delete the job, before another one does.
_OWN_DELETION_SECONDS = 30
# A grant takes seconds as a rule to be known everywhere, 7 minutes at times ("Access change propagation", IAM).
_NEW_GRANT_SECONDS, _GRANT_POLL_SECONDS = 420, 5.0
# What Cloud Run says of an account, a grant and an API that it does not know yet.
_NOT_KNOWN_YET = ("Permission 'iam.serviceaccounts.actAs' denied", "Permission denied on secret: ", "SERVICE_DISABLED")
# An entry may come later than one that was written after it.
_LATE = datetime.timedelta(seconds=30)

Json = dict[str, Any]
display = Display()


class ActionModule(CloudActionModule):
    """Makes a job, executes it, follows its log, judges its end and deletes it."""

    PURPOSE = "run the job {name}"
    REQUIRED_IF = (("state", "executed", ("image", "service_account")),)

    def answer(self, arguments: Json) -> Json:
        """Run the job and return how it ended."""
        if self._task.check_mode:
            return {"changed": True, "msg": f"would run {arguments['name']}"}
        job = _Job(GoogleCloud(), arguments)
        if arguments["state"] == "absent":
            return {"changed": job.end_earlier()}
        job.end_earlier()
        job.create()
        return job.execute()


def job_of(arguments: Json) -> Json:
    """The job as Cloud Run takes it ("REST Resource: projects.locations.jobs", Cloud Run Admin API v2).

    Args:
        arguments: those of the action.
    """
    environment: list[Json] = [
        {"name": name, "value": str(value)} for name, value in sorted(arguments["environment"].items())
    ]
    for name, version in sorted(arguments["secrets"].items()):
        secret, _, number = version.rpartition("/versions/")
        environment.append({"name": name, "valueSource": {"secretKeyRef": {"secret": secret, "version": number}}})
    volumes: list[Json] = []
    mounts: list[Json] = []
    for position, (path, version) in enumerate(sorted(arguments["secret_files"].items())):
        secret, _, number = version.rpartition("/versions/")
        folder, file = posixpath.split(path)
        name, items = f"file-{position}", [{"path": file, "version": number}]
        volumes.append({"name": name, "secret": {"secret": secret, "items": items}})
        mounts.append({"name": name, "mountPath": folder})
    task: Json = {
        "containers": [
            {
                "image": arguments["image"],
                "args": arguments["command"],
                "env": environment,
                "volumeMounts": mounts,
                "resources": {
                    "limits": {"cpu": str(arguments["cpu_units"] // 1024), "memory": f"{arguments['memory_mib']}Mi"}
                },
            }
        ],
        # Whether what has failed may be done twice, who looks at it decides.
        "maxRetries": 0,
        "serviceAccount": arguments["service_account"],
        "timeout": f"{arguments['timeout_seconds']}s",
        "volumes": volumes,
    }
    if arguments["subnet"]:
        task["vpcAccess"] = {
            "networkInterfaces": [{"subnetwork": arguments["subnet"]}],
            "egress": "PRIVATE_RANGES_ONLY",
        }
    return {"template": {"taskCount": 1, "template": task}}


class _Job:
    """The job of the action.

    Args:
        cloud: asks Cloud Run.
        arguments: those of the action.
    """

    def __init__(self, cloud: GoogleCloud, arguments: Json) -> None:
        self._cloud = cloud
        self._arguments = arguments
        self._parent = f"projects/{arguments['project']}/locations/{arguments['region']}"
        self._name = f"{self._parent}/jobs/{arguments['name']}"

    def end_earlier(self) -> bool:
        """Wait for the end of what a run before this one has started and not waited for, since it was killed.

        Two at a time could change the same database. What runs longer than it may is cancelled, but for a dry run,
        which holds no lock: it may be that of a run that goes on.

        Returns:
            Whether there was such a job, which is deleted.

        Raises:
            ActionError: it does not end.
        """
        if self._cloud.get(_API, self._name) is None:
            return False
        deadline = time.monotonic() + self._arguments["timeout_seconds"]
        for execution in list(self._cloud.items(_API, f"{self._name}/executions", "executions")):
            name = execution["name"]
            if execution.get("completionTime"):
                continue
            display.display(f"    waits for the end of {name}, which an earlier run has started")
            if self._has_ended(name, deadline):
                continue
            if not self._arguments["stop_earlier"]:
                raise ActionError(f"the execution {name} of another run still runs; run again when it has ended")
            self._cancel(name)
        if not self._arguments["stop_earlier"]:
            deadline = time.monotonic() + _OWN_DELETION_SECONDS
            while time.monotonic() < deadline and self._cloud.get(_API, self._name) is not None:
                time.sleep(_POLL_SECONDS)
        self._delete()
        return True

    def create(self) -> None:
        """Make the job; again, for some minutes at most, while Cloud Run does not know what was made seconds ago."""
        body = job_of(self._arguments)
        deadline = time.monotonic() + _NEW_GRANT_SECONDS
        while True:
            try:
                self._operate("POST", f"{self._parent}/jobs", body, jobId=self._arguments["name"])
            except GoogleError as error:
                # One whose secrets cannot be read is there.
                self._delete()
                if not any(said in str(error) for said in _NOT_KNOWN_YET) or time.monotonic() > deadline:
                    raise
                display.vv(f"waits for a new account, grant or API: {error}")
            else:
                return
            time.sleep(_GRANT_POLL_SECONDS)

    def execute(self) -> Json:
        """Run the job once, delete it, and return how the execution ended."""
        arguments = self._arguments
        try:
            operation = self._cloud.change("POST", _API, f"{self._name}:run", {})
        except GoogleError:
            self._delete()
            raise
        # From here on the job stays, whatever happens, until the execution has ended: it would end with the job.
        name = str(operation["metadata"]["name"])
        log = _Log(self._cloud, name)
        if not self._has_ended(name, time.monotonic() + arguments["timeout_seconds"] + _START_SECONDS, log):
            self._cancel(name)
            self._delete()
            message = f"execution {name} still ran after {arguments['timeout_seconds']} s and was cancelled"
            return {"failed": True, "msg": message, "execution": name}
        execution = self._cloud.get(_API, name) or {}
        tasks = (self._cloud.get(_API, f"{name}/tasks") or {}).get("tasks", [])
        self._delete()
        attempt: Json = tasks[0].get("lastAttemptResult", {}) if tasks else {}
        # JSON of the API leaves out what is 0.
        code = 0 if execution.get("succeededCount") else attempt.get("exitCode")
        result: Json = {"changed": True, "execution": name, "exit_code": code}
        reason = attempt.get("status", {}).get("message") or _reason(execution)
        judged: Json = log.judged(
            result,
            f"execution {name}",
            "was stopped, or did not start",
            reason,
            expect_result=arguments["expect_result"],
        )
        return judged

    def _has_ended(self, execution: str, deadline: float, log: _Log | None = None) -> bool:
        """Wait for the end of an execution, and show its log; whether it came in time. One that is gone has ended."""
        looked = 0.0
        while (found := self._cloud.get(_API, execution)) and not found.get("completionTime"):
            now = time.monotonic()
            if now > deadline:
                return False
            if log and now - looked > _LOG_SECONDS:
                looked = now
                # One that cannot be read now is read at the end.
                with suppress(GoogleError):
                    log.show()
            time.sleep(_POLL_SECONDS)
        return True

    def _cancel(self, execution: str) -> None:
        """Cancel an execution that runs longer than it may, and wait for its end.

        Raises:
            ActionError: it still runs.
        """
        self._cloud.change("POST", _API, f"{execution}:cancel", {})
        if not self._has_ended(execution, time.monotonic() + _STOP_SECONDS):
            raise ActionError(
                f"the execution {execution} still runs {_STOP_SECONDS} s after it was cancelled; run again when "
                f"gcloud run jobs executions describe {execution.rpartition('/')[2]} "
                f"--region {self._arguments['region']} --project {self._arguments['project']} shows that it has ended"
            )

    def _delete(self) -> None:
        if self._cloud.get(_API, self._name) is not None:
            self._operate("DELETE", self._name)

    def _operate(self, method: str, path: str, body: Json | None = None, **query: str) -> None:
        self._cloud.wait_for(_API, self._cloud.change(method, _API, path, body, **query))


def _reason(execution: Json) -> str:
    """Why an execution has failed ("Condition" of the Cloud Run Admin API v2)."""
    reasons = [
        condition["message"]
        for condition in execution.get("conditions", [])
        if condition["type"] == "Completed" and condition.get("message")
    ]
    return reasons[0] if reasons else "no reason given"


class _Log(TaskLog):
    """The log entries of an execution."""

    def __init__(self, cloud: GoogleCloud, execution: str) -> None:
        super().__init__(_LOG_SECONDS)
        _, project, _, location, _, job, _, short = execution.split("/")
        self._cloud, self._project = cloud, f"projects/{project}"
        self._filter = (
            f'resource.type="cloud_run_job" AND resource.labels.location="{location}" '
            f'AND resource.labels.job_name="{job}" AND labels."run.googleapis.com/execution_name"="{short}"'
        )
        self._since: datetime.datetime | None = None
        self._seen: set[str] = set()

    def new_lines(self) -> list[str]:
        """The lines that have come since the last call."""
        since = f' AND timestamp>="{(self._since - _LATE).isoformat()}"' if self._since else ""
        found = self._cloud.log_entries(self._project, self._filter + since)
        # What Cloud Audit Logs has of the job is no line of its task.
        new = [entry for entry in found if entry["insertId"] not in self._seen and "protoPayload" not in entry]
        self._seen |= {entry["insertId"] for entry in new}
        if new:
            self._since = datetime.datetime.fromisoformat(new[-1]["timestamp"])
        return [text_of_entry(entry).rstrip("\n") for entry in new]
