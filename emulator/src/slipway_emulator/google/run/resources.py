"""What the kinds of resources of Cloud Run Admin API v2 share: names, conflicts, accounts, work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Generic, Protocol, TypeVar

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, page
from slipway_emulator.google.iam.access import Access
from slipway_emulator.google.iam.policies import Policies
from slipway_emulator.google.iam.service_accounts import ServiceAccounts
from slipway_emulator.google.operations import Operations
from slipway_emulator.google.run.instances import Instances
from slipway_emulator.google.run.networks import Networks

_LOG = logging.getLogger(__name__)
PREFIX = "/run/v2"
PARENT = f"{PREFIX}/projects/{{project}}/locations/{{location}}"
TYPE = "type.googleapis.com/google.cloud.run.v2"
SUCCEEDED, FAILED, RECONCILING = "CONDITION_SUCCEEDED", "CONDITION_FAILED", "CONDITION_RECONCILING"


class Shared:
    """What all of them need.

    Args:
        routes: where they are asked for.
        access: knows who may call a service, and have one run as an account.
        accounts: knows who something may run as.
        policies: keeps who may call a service or run a job.
        instances: starts containers.
        registry: host and port that the names of images in Artifact Registry begin with.
        networks: knows which VPC networks they may be in.
    """

    def __init__(
        self,
        routes: Routes,
        access: Access,
        accounts: ServiceAccounts,
        policies: Policies,
        instances: Instances,
        registry: str,
        networks: Networks,
    ) -> None:
        self.routes = routes
        self.access = access
        self.policies = policies
        self.instances = instances
        self.registry = registry
        self.networks = networks
        self.operations = Operations(routes, PREFIX)
        self._accounts = accounts
        self._tasks: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Start no container any more; those that run are removed with the emulator's others."""
        for task in self._tasks:
            task.cancel()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin some work, whose failure is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            _LOG.error("Cloud Run", exc_info=task.exception())

    def check_account(self, principal: str, project: str, account: str) -> None:
        """Refuse who may not have something run as a service account.

        Raises:
            ApiError: there is no such account either, or it is disabled.
        """
        resource = f"projects/{project}/serviceAccounts/{account}"
        may_act = self.access.allows(principal, "iam.serviceAccounts.actAs", project, resource)
        if not may_act or not self._accounts.can_run(project, account):
            raise ApiError(
                "PERMISSION_DENIED",
                f"Permission 'iam.serviceaccounts.actAs' denied on service account {account} (or it may not exist).",
            )

    def dry(self, project: str, location: str, message: Json) -> Response:
        """The answer to a request that validates only."""
        return Response(200, self.operations.succeed(self.operations.begin(project, location, message), message))


class Named(Protocol):
    """Something with a message of the API."""

    record: Json


Resource = TypeVar("Resource", bound=Named)


class Collection(Generic[Resource]):
    """All resources of one kind, by their whole names.

    Args:
        name: what the collection is called in paths: "workerPools".
        kind: what one is called: "WORKERPOOL".
    """

    def __init__(self, name: str, kind: str) -> None:
        self.name = name
        self.kind = kind
        self.resources: dict[str, Resource] = {}

    def full_name(self, project: str, location: str, identifier: str) -> str:
        """The whole name of one."""
        return f"projects/{project}/locations/{location}/{self.name}/{identifier}"

    def find(self, project: str, location: str, identifier: str) -> Resource:
        """One of them.

        Raises:
            ApiError: there is none of that name.
        """
        found = self.resources.get(self.full_name(project, location, identifier))
        if found is None:
            raise missing(self.kind, project, location, identifier)
        return found

    def list(self, request: Request, project: str, location: str) -> Response:
        """Those of a location, or of all with "-"."""
        parent = f"projects/{project}/locations/" + ("" if location == "-" else f"{location}/")
        records = [one.record for name, one in sorted(self.resources.items()) if name.startswith(parent)]
        return Response(200, page(records, request, self.name))

    def check_new(self, name: str) -> None:
        """Refuse a whole name that is taken."""
        if name in self.resources:
            raise ApiError("ALREADY_EXISTS", f"Resource '{name.rpartition('/')[2]}' already exists.")


def missing(kind: str, project: str, location: str, identifier: str) -> ApiError:
    """The refusal of a name that nothing has."""
    return ApiError(
        "NOT_FOUND",
        f"Resource '{identifier}' of kind '{kind}' in region '{location}' in project '{project}' does not exist.",
    )


def check_etag(record: Json, etag: str) -> None:
    """Refuse a change of another version than the one that is there; an empty tag stands for any."""
    if etag and etag != record["etag"]:
        raise ApiError(
            "ABORTED",
            f"Conflict for resource '{record['name'].rpartition('/')[2]}': version '{etag}' was specified but current "
            f"version is '{record['etag']}'.",
        )


def masked(request: Request, record: Json, wanted: Json, own: tuple[str, ...]) -> Json:
    """What a change of only some fields asks for.

    Args:
        request: whose `updateMask` names the fields; without one, all are changed.
        record: what is there.
        wanted: the caller's message.
        own: the fields that a caller sets.
    """
    mask = [part.partition(".")[0] for part in request.query.get("updateMask", "").split(",") if part]
    if not mask or mask == ["*"]:
        return wanted
    kept = {field: record[field] for field in own if field in record and field not in mask}
    return kept | {field: value for field, value in wanted.items() if field in mask}
