"""Service Usage API v1 and projects of Cloud Resource Manager v1: which APIs a project may use."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable
from typing import Any

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, page
from slipway_emulator.google.messages import ANY, BOOL, STRING, check

_PREFIX = "/serviceusage/v1"
_KNOWN = (
    "artifactregistry", "cloudbuild", "cloudresourcemanager", "cloudscheduler", "compute", "dns", "iam",
    "iamcredentials", "logging", "monitoring", "run", "secretmanager", "servicemanagement", "servicenetworking",
    "serviceusage", "sqladmin", "storage", "storage-api", "storage-component", "sts",
)  # fmt: skip
# Those of a new project ("Service Usage", "Services enabled by default").
_ENABLED_AT_FIRST = (
    "logging",
    "monitoring",
    "servicemanagement",
    "serviceusage",
    "storage",
    "storage-api",
    "storage-component",
)
# What each API calls itself, where it may be off.
_TITLES = {
    "artifactregistry.googleapis.com": "Artifact Registry API",
    "cloudscheduler.googleapis.com": "Cloud Scheduler API",
    "compute.googleapis.com": "Compute Engine API",
    "dns.googleapis.com": "Cloud DNS API",
    "iamcredentials.googleapis.com": "IAM Service Account Credentials API",
    "sts.googleapis.com": "Security Token Service API",
    "iam.googleapis.com": "Identity and Access Management (IAM) API",
    "run.googleapis.com": "Cloud Run Admin API",
    "secretmanager.googleapis.com": "Secret Manager API",
    "servicenetworking.googleapis.com": "Service Networking API",
    "sqladmin.googleapis.com": "Cloud SQL Admin API",
}
_MOST_AT_ONCE = 20
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]|\d{6,15}")


def project_number(project: str) -> str:
    """The number of a project: always the same for the same name."""
    return project if project.isdigit() else str(int(hashlib.sha256(project.encode()).hexdigest()[:10], 16) + 10**11)


class ServiceUsage:
    """The APIs of each project; any project of a valid name is there.

    Args:
        routes: where it is asked.
        delay_seconds: for how long an API still refuses after it was switched on.
        clock: seconds.
    """

    def __init__(self, routes: Routes, delay_seconds: float = 0, clock: Callable[[], float] = time.monotonic) -> None:
        # When each API was switched on.
        self._enabled: dict[str, dict[str, float]] = {}
        self._delay_seconds = delay_seconds
        self._clock = clock
        pattern = f"{_PREFIX}/projects/{{project}}/services"
        routes.add("GET", pattern, self._list)
        routes.add("GET", f"{pattern}/{{service}}", self._get)
        routes.add("POST", f"{pattern}/{{service}}:enable", self._enable)
        routes.add("POST", f"{pattern}/{{service}}:disable", self._disable)
        routes.add("POST", f"{pattern}:batchEnable", self._enable_all)
        routes.add("GET", f"{_PREFIX}/operations/{{operation}}", self._operation)
        # Those whose owners have deleted them, by number.
        self._deleted: set[str] = set()
        projects = "/cloudresourcemanager/v1/projects/{project}"
        routes.add("GET", projects, self._project)
        routes.add("DELETE", projects, self._delete_project)
        routes.add("POST", f"{projects}:undelete", self._undelete_project)

    def require(self, project: str, service: str) -> None:
        """Refuse a call to an API that the project may not use.

        Args:
            project: the project of the resource.
            service: the API's name: `run.googleapis.com`.

        Raises:
            ApiError: there can be no such project, it was deleted, or the API is off.
        """
        _check_project(project)
        if (number := project_number(project)) in self._deleted:
            metadata = {"consumer": f"projects/{number}", "service": service}
            info = {"reason": "CONSUMER_INVALID", "domain": "googleapis.com", "metadata": metadata}
            text = f"Project #{number} has been deleted."
            raise ApiError("PERMISSION_DENIED", text, {"@type": "type.googleapis.com/google.rpc.ErrorInfo"} | info)
        since = self._services(project).get(service)
        if since is not None and since + self._delay_seconds <= self._clock():
            return
        title = _TITLES.get(service, service)
        url = f"https://console.developers.google.com/apis/api/{service}/overview?project={number}"
        text = (
            f"{title} has not been used in project {number} before or it is disabled. Enable it by visiting {url} then "
            "retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems "
            "and retry."
        )
        metadata = {
            "service": service,
            "serviceTitle": title,
            "consumer": f"projects/{number}",
            "containerInfo": number,
            "activationUrl": url,
        }
        raise ApiError(
            "PERMISSION_DENIED",
            text,
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": metadata,
            },
            {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": text},
            {
                "@type": "type.googleapis.com/google.rpc.Help",
                "links": [{"description": "Google developers console API activation", "url": url}],
            },
        )

    def _services(self, project: str) -> dict[str, float]:
        first = {f"{name}.googleapis.com": -math.inf for name in _ENABLED_AT_FIRST}
        return self._enabled.setdefault(project_number(project), first)

    def _record(self, project: str, service: str) -> Json:
        number = project_number(project)
        return {
            "name": f"projects/{number}/services/{service}",
            "parent": f"projects/{number}",
            "config": {"name": service, "title": _TITLES.get(service, service)},
            "state": "ENABLED" if service in self._services(project) else "DISABLED",
        }

    def _list(self, request: Request, project: str) -> Response:
        _check_project(project)
        wanted = request.query.get("filter", "")
        if wanted not in ("", "state:ENABLED", "state:DISABLED"):
            raise ApiError(
                "INVALID_ARGUMENT", f"The filter '{wanted}' is not supported: use state:ENABLED or state:DISABLED."
            )
        records = [self._record(project, f"{name}.googleapis.com") for name in _KNOWN]
        return Response(
            200, page([r for r in records if r["state"] == wanted[6:] or not wanted], request, "services", 50)
        )

    def _get(self, _: Request, project: str, service: str) -> Response:
        _check_project(project)
        _check_service(service)
        return Response(200, self._record(project, service))

    def _enable(self, request: Request, project: str, service: str) -> Response:
        check({"name": STRING}, request.json(), "")
        return self._switch_on(project, [service], "EnableServiceResponse", "service")

    def _enable_all(self, request: Request, project: str) -> Response:
        services = check({"serviceIds": [STRING]}, request.json(), "").get("serviceIds", [])
        if not 0 < len(services) <= _MOST_AT_ONCE:
            raise ApiError(
                "INVALID_ARGUMENT", f"service_ids must have 1 to {_MOST_AT_ONCE} entries, it has {len(services)}."
            )
        return self._switch_on(project, services, "BatchEnableServicesResponse", "services")

    def _switch_on(self, project: str, services: list[str], kind: str, field: str) -> Response:
        _check_project(project)
        for service in services:
            _check_service(service)
        for service in services:
            self._services(project).setdefault(service, self._clock())
        records: Any = [self._record(project, service) for service in services]
        return _done(kind, {field: records[0] if field == "service" else records})

    def _disable(self, request: Request, project: str, service: str) -> Response:
        shape = {"disableDependentServices": BOOL, "checkIfServiceHasUsage": ANY, "name": STRING}
        check(shape, request.json(), "")
        _check_project(project)
        _check_service(service)
        if service not in self._services(project):
            raise ApiError("FAILED_PRECONDITION", f"Service {service} is not enabled for consumer {project}.")
        del self._services(project)[service]
        return _done("DisableServiceResponse", {"service": self._record(project, service)})

    def _operation(self, _: Request, operation: str) -> Response:
        if operation != "noop.DONE_OPERATION":
            raise ApiError("NOT_FOUND", f"Operation 'operations/{operation}' was not found.")
        return Response(200, {"name": f"operations/{operation}", "done": True, "response": {}})

    def _project(self, _: Request, project: str) -> Response:
        _check_project(project)
        return Response(
            200,
            {
                "projectId": project,
                "projectNumber": project_number(project),
                "name": project,
                "lifecycleState": "DELETE_REQUESTED" if project_number(project) in self._deleted else "ACTIVE",
            },
        )

    def _delete_project(self, _: Request, project: str) -> Response:
        _check_project(project)
        if project_number(project) in self._deleted:
            raise ApiError("FAILED_PRECONDITION", "Cannot delete an inactive project.")
        self._deleted.add(project_number(project))
        return Response(200, {})

    def _undelete_project(self, _: Request, project: str) -> Response:
        _check_project(project)
        if project_number(project) not in self._deleted:
            raise ApiError("FAILED_PRECONDITION", "Cannot undelete an active project.")
        self._deleted.remove(project_number(project))
        return Response(200, {})


def _done(kind: str, response: Json) -> Response:
    typed = {"@type": f"type.googleapis.com/google.api.serviceusage.v1.{kind}"} | response
    # What the API answers when there is nothing to wait for.
    return Response(200, {"name": "operations/noop.DONE_OPERATION", "done": True, "response": typed})


def _check_project(project: str) -> None:
    if not _PROJECT.fullmatch(project):
        raise ApiError("PERMISSION_DENIED", f"Permission denied on resource project {project}.")


def _check_service(service: str) -> None:
    if service.removesuffix(".googleapis.com") not in _KNOWN:
        raise ApiError("PERMISSION_DENIED", f"Not found or permission denied for service(s): {service}.")
