"""Cloud Run Admin API v2: worker pools, whose instances run without requests."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import logging

from slipway_emulator.google.api import ApiError, Json, Request, Response, new_id, now
from slipway_emulator.google.iam.service_accounts import default_account
from slipway_emulator.google.messages import ANY, BOOL, DURATION, INT32, STRING, Enum, Map, Present, check
from slipway_emulator.google.run.resources import (
    PARENT,
    SUCCEEDED,
    TYPE,
    Collection,
    Shared,
    check_etag,
    masked,
)
from slipway_emulator.google.run.revisions import Revised, Revision, Rollout, problem_of
from slipway_emulator.google.run.services import (
    CONTAINER,
    LAUNCH_STAGE,
    OUTPUT_ONLY,
    RESERVED_NAMES,
    VPC_ACCESS,
    check_id,
    check_known,
    check_labels,
    check_number,
    check_revision,
    check_second_generation,
    complete_container,
    complete_network,
)
from slipway_emulator.google.run.violations import ViolationError, violations
from slipway_emulator.google.run.volumes import VOLUME, check_volumes

_LOG = logging.getLogger(__name__)
_POOLS = f"{PARENT}/workerPools"
_REVISIONS = f"{_POOLS}/{{workerpool}}/revisions"
_LATEST, _BY_REVISION = "INSTANCE_SPLIT_ALLOCATION_TYPE_LATEST", "INSTANCE_SPLIT_ALLOCATION_TYPE_REVISION"
_SPLIT_TYPE = Enum(
    "google.cloud.run.v2.InstanceSplitAllocationType",
    ("INSTANCE_SPLIT_ALLOCATION_TYPE_UNSPECIFIED", _LATEST, _BY_REVISION),
)
_TEMPLATE = {
    "revision": STRING,
    "labels": Map(STRING),
    "annotations": Map(STRING),
    "vpcAccess": VPC_ACCESS,
    "serviceAccount": STRING,
    "containers": [CONTAINER],
    "volumes": [VOLUME],
    "encryptionKey": STRING,
    "serviceMesh": ANY,
    "encryptionKeyRevocationAction": STRING,
    "encryptionKeyShutdownDuration": DURATION,
    "nodeSelector": ANY,
    "gpuZonalRedundancyDisabled": BOOL,
    "client": STRING,
    "clientVersion": STRING,
}
# What a caller sets.
_WRITABLE = {
    "name": STRING,
    "description": STRING,
    "labels": Map(STRING),
    "annotations": Map(STRING),
    "client": STRING,
    "clientVersion": STRING,
    "launchStage": LAUNCH_STAGE,
    "binaryAuthorization": ANY,
    "template": _TEMPLATE,
    "instanceSplits": [{"type": _SPLIT_TYPE, "revision": STRING, "percent": INT32}],
    "scaling": {"manualInstanceCount": Present(INT32)},
    "customAudiences": [STRING],
    "etag": STRING,
}
# What a caller may send back, and the API ignores.
_OUTPUT_ONLY = OUTPUT_ONLY | {
    "latestReadyRevision": STRING,
    "latestCreatedRevision": STRING,
    "instanceSplitStatuses": ANY,
    "threatDetectionEnabled": BOOL,
}
_OWN = tuple(name for name in _WRITABLE if name not in ("name", "etag"))
# "Environment variables" of the container runtime contract, of worker pools.
_RESERVED = f"{RESERVED_NAMES}|CLOUD_RUN_WORKER_POOL|CLOUD_RUN_REVISION"
_NOT_READY = "is not ready."


class WorkerPool(Revised):
    """A worker pool."""


class WorkerPools:
    """All worker pools.

    Args:
        shared: what all kinds of resources need.
    """

    def __init__(self, shared: Shared) -> None:
        self._pools: Collection[WorkerPool] = Collection("workerPools", "WORKERPOOL")
        self._shared = shared
        self._rollout = Rollout(shared, self._pools, _message, ("ConfigurationsReady",), self._settle)
        routes = shared.routes
        routes.add("POST", _POOLS, self._create)
        routes.add("GET", _POOLS, self._pools.list)
        routes.add("GET", f"{_POOLS}/{{workerpool}}", self._get)
        routes.add("PATCH", f"{_POOLS}/{{workerpool}}", self._patch)
        routes.add("DELETE", f"{_POOLS}/{{workerpool}}", self._delete)
        routes.add("GET", _REVISIONS, self._list_revisions)
        routes.add("GET", f"{_REVISIONS}/{{revision}}", self._get_revision)
        shared.policies.serve(routes, f"{_POOLS}/{{workerpool}}", lambda **names: self._find(**names).record["name"])

    def _find(self, project: str, location: str, workerpool: str) -> WorkerPool:
        return self._pools.find(project, location, workerpool)

    def _create(self, request: Request, project: str, location: str) -> Response:
        wanted = _checked(request.json())
        identifier = request.query.get("workerPoolId") or request.query.get("worker_pool_id") or ""
        check_id(identifier, "WorkerPool")
        whole = self._completed(wanted, project, location, identifier, request.principal, "CreateWorkerPoolRequest")
        name = self._pools.full_name(project, location, identifier)
        self._pools.check_new(name)
        record = whole | {
            "name": name,
            "uid": new_id(),
            "generation": "0",
            "observedGeneration": "0",
            "createTime": now(),
            "creator": request.principal,
        }
        if request.query.get("validateOnly") == "true":
            return self._shared.dry(project, location, _message(record))
        pool = self._pools.resources[name] = WorkerPool(record)
        return self._rollout.begin(pool, request, has_new_revision=True)

    def _patch(self, request: Request, project: str, location: str, workerpool: str) -> Response:
        wanted = _checked(request.json())
        name = self._pools.full_name(project, location, workerpool)
        if request.query.get("allowMissing") == "true" and name not in self._pools.resources:
            query = dict(request.query) | {"workerPoolId": workerpool}
            return self._create(dataclasses.replace(request, query=query), project, location)
        found = self._find(project, location, workerpool)
        check_etag(found.record, wanted.pop("etag", ""))
        wanted = masked(request, found.record, wanted, _OWN)
        whole = self._completed(wanted, project, location, workerpool, request.principal, "UpdateWorkerPoolRequest")
        if request.query.get("validateOnly") == "true":
            return self._shared.dry(project, location, _message(found.record | whole))
        # "Changing the manual instance count does not create a new revision."
        has_new_template = whole["template"] != found.record["template"]
        revision = whole["template"].get("revision")
        if has_new_template and revision in found.revisions:
            raise ApiError(
                "ALREADY_EXISTS", f"Revision named '{revision}' with different configuration already exists."
            )
        for field in _OWN:
            found.record.pop(field, None)
        found.record |= whole
        return self._rollout.begin(found, request, has_new_template)

    def _completed(self, wanted: Json, project: str, location: str, name: str, principal: str, request: str) -> Json:
        own = {field: value for field, value in wanted.items() if field not in ("name", "etag")}
        with violations(f"{request}.worker_pool"):
            whole = _complete(copy.deepcopy(own), name, default_account(project), self._shared.registry)
        self._shared.check_account(principal, project, whole["template"]["serviceAccount"])
        self._shared.networks.check(whole["template"], project, location, "worker_pool.template")
        return whole

    def _get(self, _: Request, project: str, location: str, workerpool: str) -> Response:
        return Response(200, self._find(project, location, workerpool).record)

    def _delete(self, request: Request, project: str, location: str, workerpool: str) -> Response:
        return self._rollout.delete(self._find(project, location, workerpool), request)

    def _list_revisions(self, request: Request, project: str, location: str, workerpool: str) -> Response:
        return self._find(project, location, workerpool).page(request, "workerPoolRevisions")

    def _get_revision(self, _: Request, project: str, location: str, workerpool: str, revision: str) -> Response:
        return Response(200, self._find(project, location, workerpool).find(revision).record)

    # Rolling out.

    async def _settle(self, pool: WorkerPool, new: Revision | None) -> Json | None:
        """Have the revisions that the instance splits name run their shares; the problem, if one cannot."""
        record = pool.record
        count = record["scaling"]["manualInstanceCount"]
        if new:
            # One shows that it starts, even where none is to run.
            await self._rollout.make_ready(new, max(1, _share(record["instanceSplits"], new.short_name, count)))
        newest = pool.revisions[record["latestCreatedRevision"].rpartition("/")[2]]
        if problem := problem_of(newest, _NOT_READY):
            return problem
        record["latestReadyRevision"] = newest.record["name"]
        statuses = []
        for split in record["instanceSplits"]:
            name = newest.short_name if split["type"] == _LATEST else split["revision"]
            if name not in pool.revisions or pool.revisions[name].state != SUCCEEDED:
                return {"message": f"Revision '{name}' {_NOT_READY}"}
            statuses.append({"type": split["type"], "revision": name, "percent": split.get("percent", 0)})
        record["instanceSplitStatuses"] = statuses
        shares = dict.fromkeys(pool.revisions, 0)
        for status in statuses:
            shares[status["revision"]] += round(count * status["percent"] / 100)
        # The new ones run before the old ones end.
        await asyncio.gather(*(self._rollout.fill_up(pool.revisions[name], share) for name, share in shares.items()))
        await asyncio.gather(*(self._rollout.shrink(pool.revisions[name], share) for name, share in shares.items()))
        return None


def _share(splits: list[Json], name: str, count: int) -> int:
    """How many of the instances a new revision runs."""
    mine: int = sum(
        split.get("percent", 0) for split in splits if split["type"] == _LATEST or split["revision"] == name
    )
    return round(count * mine / 100)


def _checked(body: Json) -> Json:
    found: Json = check(_WRITABLE | _OUTPUT_ONLY, body, "worker_pool")
    return {name: value for name, value in found.items() if name in _WRITABLE}


def _complete(whole: Json, name: str, account: str, registry: str) -> Json:
    check_labels(whole, "")
    if not isinstance(whole.get("template"), dict):
        raise ViolationError("template", "required field not present.")
    template = whole["template"]
    check_labels(template, "template.")
    check_revision(template, name)
    containers = template.get("containers", [])
    check_number(containers, "template.containers")
    for position, container in enumerate(containers):
        path = f"template.containers[{position}]"
        if container.get("ports"):
            raise ViolationError(f"{path}.ports", "a worker pool listens on no port.")
        complete_container(container, path, registry, _RESERVED)
        check_second_generation(container, path)
    if not template.get("serviceAccount"):
        template["serviceAccount"] = account
    complete_network(template, "template")
    check_volumes(template, "template")
    check_known(template, "template")
    splits = whole.get("instanceSplits") or []
    if not splits:
        splits = whole["instanceSplits"] = [{"type": _LATEST, "percent": 100}]
    for position, split in enumerate(splits):
        split.setdefault("type", _BY_REVISION if split.get("revision") else _LATEST)
        if (split["type"] == _BY_REVISION) != bool(split.get("revision")):
            raise ViolationError(
                f"instance_splits[{position}].revision", "must be given for a split by revision, and for no other"
            )
    total = sum(split.get("percent", 0) for split in splits)
    if total != 100:
        raise ViolationError("instance_splits", f"the percentages must add up to 100, they are {total}")
    if whole.setdefault("scaling", {}).setdefault("manualInstanceCount", 1) < 0:
        raise ViolationError("scaling.manual_instance_count", "must not be negative")
    whole.setdefault("launchStage", "GA")
    return whole


def _message(record: Json) -> Json:
    return {"@type": f"{TYPE}.WorkerPool"} | record
