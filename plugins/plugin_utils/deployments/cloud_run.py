# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""A deployment of Cloud Run, by the conditions of the service and its worker pools themselves."""

from __future__ import annotations

import datetime
import time
from collections import defaultdict
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleError
from ansible_collections.slipway.provision.plugins.plugin_utils import deployment
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud, text_of_entry

_FAILED, _SUCCEEDED = "CONDITION_FAILED", "CONDITION_SUCCEEDED"
# What a container says is in its log some seconds later.
_LOOKS, _SECONDS_BETWEEN = 5, 2.0
# What Cloud Logging calls what has revisions, and the label with its name ("Monitored resource types").
_RESOURCES = {
    "services": ("cloud_run_revision", "service_name"),
    "workerPools": ("cloud_run_worker_pool", "worker_pool_name"),
}

Json = dict[str, Any]


class Deployment(deployment.Deployment):
    """The last deployment of one service or worker pool.

    Args:
        request: what was deployed.
        process: the process whose worker pool it is; empty for the web server.
    """

    def __init__(self, request: deployment.Request, process: str = "") -> None:
        super().__init__(request)
        self._cloud = GoogleCloud()
        self._process = process
        outputs = request.outputs["processes"][process] if process else request.outputs
        self._id = str(outputs["worker_pool_id"] if process else outputs["service_id"])

    @property
    def name(self) -> str:
        """Full name of the service or worker pool, `projects/<project>/locations/<region>/services/<service>`."""
        return self._id

    def processes(self) -> dict[str, deployment.Deployment]:
        """Those of the other processes, each of which is a worker pool."""
        # A state of before there were processes has no such output.
        return {name: Deployment(self.request, name) for name in self.request.outputs.get("processes", {})}

    def run(self) -> Json:
        """Follow the deployment and those of other processes, and prove what runs and what schedules will run."""
        result: Json = super().run()
        if problems := [problem for job in self._schedules() for problem in job.problems()]:
            raise ActionError("\n".join(problems))
        return result

    def status(self) -> Json:
        """The result of service_status_info: what runs now, and which schedules did not."""
        result: Json = super().status()
        result["problems"] += [problem for job in self._schedules() for problem in (*job.problems(), *job.failures())]
        return result

    def follow(self) -> str:
        """Wait until the service or worker pool is settled, and return its latest revision."""
        late = f"The deployment of {self.name} is under way after {self.request.timeout_seconds} s still"
        found = self.wait_for(self._settled, lambda: late)
        condition = found.get("terminalCondition", {})
        if condition.get("state") != _SUCCEEDED:
            reason = condition.get("message", "Cloud Run gives no reason")
            kept = found.get("latestReadyRevision") or "No revision"
            what = (
                f"The deployment of {self.name} failed: {reason}. {kept} goes on "
                f"{'running' if self._process else 'serving'}. Cloud Run does not try the same again by itself: fix "
                "the source, or where the cause was elsewhere and is gone, change a variable of "
                "app_environment_variables."
            )
            raise ActionError("\n".join([what, *failed_revision(self._cloud, found)]))
        return str(found["latestReadyRevision"])

    def running(self) -> dict[str, list[str]]:
        """Digests of the revisions that get requests, or have instances of a worker pool."""
        owner = self._describe()
        statuses = owner.get("instanceSplitStatuses" if self._process else "trafficStatuses", [])
        names = {
            status.get("revision", owner["latestReadyRevision"].rpartition("/")[2])
            for status in statuses
            if status.get("percent")
        }
        found = defaultdict(list)
        for name in sorted(names):
            revision = self._cloud.get("cloud_run_v2", f"{self.name}/revisions/{name}") or {"containers": []}
            for container in revision["containers"]:
                found[container["image"].partition("@")[2]].append(name)
        return found

    def count(self, running: dict[str, list[str]]) -> int:
        """How many instances a worker pool was told to run, where a revision of it is ready."""
        return int(self._describe().get("scaling", {}).get("manualInstanceCount", 0)) if running else 0

    def origin(self) -> deployment.Origin:
        """The last change."""
        owner = self._describe()
        began = datetime.datetime.fromisoformat(owner["updateTime"])
        return deployment.Origin(began, owner.get("lastModifier", ""))

    def _schedules(self) -> list[_Schedule]:
        schedules = self.request.outputs.get("schedules", {})
        return [
            _Schedule(self._cloud, name, outputs["job_id"], self.request.image_digest)
            for name, outputs in schedules.items()
        ]

    def _settled(self) -> Json | None:
        """The service or worker pool (Cloud Run Admin API v2) where nothing is under way."""
        owner = self._describe()
        conditions = [owner.get("terminalCondition", {}), *owner.get("conditions", [])]
        self.doing = next((one["message"] for one in conditions if one.get("message")), "reconciling")
        return None if owner.get("reconciling") else owner

    def _describe(self) -> Json:
        owner: Json | None = self._cloud.get("cloud_run_v2", self.name)
        if owner is None:
            raise ActionError(f"Cloud Run knows no {self.name}")
        return owner


class _Schedule:
    """A job of Cloud Run, and the one of Cloud Scheduler that runs it, which has the same name.

    Args:
        cloud: answers questions.
        name: of the schedule.
        job_id: full name of both jobs.
        image_digest: digest of the image that the job must run.
    """

    def __init__(self, cloud: GoogleCloud, name: str, job_id: str, image_digest: str) -> None:
        self._cloud = cloud
        self._title = f"schedule {name}"
        self._id = job_id
        self._digest = image_digest
        self._job: Json = cloud.get("cloud_run_v2", job_id) or {}

    def problems(self) -> list[str]:
        """Why its next run will not be what was asked for."""
        if not self._job:
            return [f"{self._title}: Cloud Run knows no {self._id}"]
        condition = self._job.get("terminalCondition", {})
        if condition.get("state") == _FAILED:
            return [f"{self._title}: {condition.get('message', 'Cloud Run gives no reason')}"]
        containers = self._job["template"]["template"]["containers"]
        found = sorted({container["image"].partition("@")[2] for container in containers})
        if found != [self._digest]:
            return [f"{self._title}: {self._id} runs {', '.join(found)}, asked for was {self._digest}"]
        return []

    def failures(self) -> list[str]:
        """What was wrong with its last run, and why there may be no next one."""
        problems = []
        latest = self._job.get("latestCreatedExecution", {})
        if latest.get("completionStatus") == "EXECUTION_FAILED":
            short = latest["name"].rpartition("/")[2]
            execution = self._cloud.get("cloud_run_v2", f"{self._id}/executions/{short}") or {}
            conditions = {one["type"]: one.get("message", "") for one in execution.get("conditions", [])}
            why = conditions.get("Completed") or "Cloud Run gives no reason"
            problems.append(f"{self._title}: its last run failed at {latest.get('completionTime', '')}: {why}")
        timer = self._cloud.get("cloud_scheduler", self._id)
        if timer is None:
            return [*problems, f"{self._title}: Cloud Scheduler knows no {self._id}"]
        if timer.get("state") != "ENABLED":
            problems.append(f"{self._title}: Cloud Scheduler does not run it, because it is {timer.get('state')}")
        status = timer.get("status", {})
        if status.get("code"):
            why = status.get("message") or f"google.rpc.Code {status['code']}"
            problems.append(
                f"{self._title}: Cloud Scheduler could not run it at {timer.get('lastAttemptTime', '')}: {why}"
            )
        return problems


def failed_revision(cloud: GoogleCloud, owner: Json) -> list[str]:
    """Lines that say why the newest revision of a service or worker pool failed; none where it has not.

    Args:
        cloud: answers questions.
        owner: the service or worker pool (Cloud Run Admin API v2, "Service", "WorkerPool").
    """
    name = owner.get("latestCreatedRevision", "")
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
    _, project, _, location, collection, owner, _, short = revision.split("/")
    kind, label = _RESOURCES[collection]
    labels = {"location": location, "revision_name": short, label: owner}
    terms = [f'resource.labels.{name}="{value}"' for name, value in labels.items()]
    wanted = " AND ".join([f'resource.type="{kind}"', *terms])
    for look in range(_LOOKS):
        if look:
            time.sleep(_SECONDS_BETWEEN)
        try:
            entries = cloud.last_log_entries(f"projects/{project}", wanted, deployment.SHOWN_LINES)
        except GoogleError as error:
            # Whoever may not read a log still wants the reason.
            return [f"  | no log: {error}"]
        if entries:
            return [f"  | {text_of_entry(entry)}" for entry in entries]
    return list(deployment.NO_LOG)
