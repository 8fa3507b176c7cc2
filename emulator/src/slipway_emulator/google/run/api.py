"""Cloud Run Admin API v2: services and revisions, and the requests to them."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import random
import string
from collections.abc import Coroutine
from typing import Any

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, new_id, now, page
from slipway_emulator.google.iam.access import Access, denied
from slipway_emulator.google.iam.permissions import Need
from slipway_emulator.google.iam.policies import Policies
from slipway_emulator.google.iam.service_accounts import ServiceAccounts, default_account
from slipway_emulator.google.iam.tokens import Tokens
from slipway_emulator.google.operations import Operations
from slipway_emulator.google.run.instances import MISSING, Instance, Instances, StartError
from slipway_emulator.google.run.services import INGRESS_ALL, LATEST, check_id, checked, complete, condition
from slipway_emulator.google.service_usage.api import project_number
from slipway_emulator.network import ENGINE_ERRORS

_LOG = logging.getLogger(__name__)
_PREFIX = "/run/v2"
_SERVICES = f"{_PREFIX}/projects/{{project}}/locations/{{location}}/services"
_REVISIONS = f"{_SERVICES}/{{service}}/revisions"
_TYPE = "type.googleapis.com/google.cloud.run.v2"
_SUCCEEDED, _FAILED, _RECONCILING = "CONDITION_SUCCEEDED", "CONDITION_FAILED", "CONDITION_RECONCILING"
_RESTART_SECONDS = 1.0


@dataclasses.dataclass
class _Revision:
    record: Json
    instances: list[Instance] = dataclasses.field(default_factory=list)
    keeping: list[asyncio.Task[None]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Service:
    """A service and its revisions, oldest first.

    Attributes:
        record: the message of the API.
        revisions: by the last part of their name.
        turn: held while a revision is rolled out.
    """

    record: Json
    revisions: dict[str, _Revision] = dataclasses.field(default_factory=dict)
    turn: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)


class CloudRun:
    """All services.

    Args:
        routes: where they are asked for.
        access: knows who may call a service, and have one run as an account.
        accounts: knows who a service may run as.
        policies: keeps who may call a service.
        tokens: knows who calls.
        instances: starts containers.
        registry: host and port that the names of images in Artifact Registry begin with.
        domain: what the host names of services end with.
    """

    def __init__(
        self,
        routes: Routes,
        access: Access,
        accounts: ServiceAccounts,
        policies: Policies,
        tokens: Tokens,
        instances: Instances,
        registry: str,
        domain: str,
    ) -> None:
        self._services: dict[str, Service] = {}
        self._access = access
        self._accounts = accounts
        self._policies = policies
        self._tokens = tokens
        self._instances = instances
        self._registry = registry
        self._domain = domain
        self._tasks: set[asyncio.Task[None]] = set()
        self._operations = Operations(routes, _PREFIX)
        routes.add("POST", _SERVICES, self._create)
        routes.add("GET", _SERVICES, self._list)
        routes.add("GET", f"{_SERVICES}/{{service}}", self._get)
        routes.add("PATCH", f"{_SERVICES}/{{service}}", self._patch)
        routes.add("DELETE", f"{_SERVICES}/{{service}}", self._delete)
        routes.add("GET", _REVISIONS, self._list_revisions)
        routes.add("GET", f"{_REVISIONS}/{{revision}}", self._get_revision)
        routes.add("DELETE", f"{_REVISIONS}/{{revision}}", self._delete_revision)
        policies.serve(routes, f"{_SERVICES}/{{service}}", lambda **names: self._find(**names).record["name"])

    def stop(self) -> None:
        """Start no container any more; those that run are removed with the emulator's others."""
        for task in self._tasks:
            task.cancel()

    # Requests to services.

    def find_site(self, host: str) -> tuple[Service, str] | None:
        """The service that a host name leads to, and the tag in it, if any."""
        tag, separator, rest = host.partition("---")
        name = rest if separator else host
        for service in self._services.values():
            if service.record["uri"] == f"https://{name}":
                return service, tag if separator else ""
        return None

    def refusal(self, service: Service, headers: dict[str, str]) -> tuple[int, str] | None:
        """Why a request is not let in: status and text; None when it is."""
        record = service.record
        if record["ingress"] != INGRESS_ALL or record.get("defaultUriDisabled"):
            # What comes from outside is told nothing ("Restrict network ingress for Cloud Run").
            return 404, "Page not found"
        if record.get("invokerIamDisabled"):
            return None
        caller = self._tokens.invoker(headers, record["uri"])
        project = record["name"].split("/")[1]
        if self._access.allows(caller, "run.routes.invoke", project, record["name"]):
            return None
        invalid = not caller and "authorization" in headers
        return (401 if invalid else 403), "Your client does not have permission to get URL"

    def choose_instance(self, service: Service, tag: str) -> Instance | None:
        """The instance that takes the next request, by the service's traffic; None when there is none."""
        statuses = service.record.get("trafficStatuses", [])
        targets = [status for status in statuses if (status.get("tag") == tag if tag else status.get("percent", 0))]
        if not targets:
            return None
        weights = [status.get("percent", 0) or 1 for status in targets]
        chosen = random.choices(targets, weights)[0]  # noqa: S311
        revision = service.revisions.get(chosen["revision"])
        if revision is None or not revision.instances:
            return None
        return min(revision.instances, key=lambda instance: instance.requests)

    # The API.

    def _find(self, project: str, location: str, service: str) -> Service:
        name = f"projects/{project}/locations/{location}/services/{service}"
        if name not in self._services:
            raise ApiError(
                "NOT_FOUND",
                f"Resource '{service}' of kind 'SERVICE' in region '{location}' in project '{project}' does not exist.",
            )
        return self._services[name]

    def _create(self, request: Request, project: str, location: str) -> Response:
        wanted = checked(request.json())
        identifier = request.query.get("serviceId") or request.query.get("service_id") or ""
        check_id(identifier)
        whole = self._completed(wanted, project, identifier, request.principal, "CreateServiceRequest")
        name = f"projects/{project}/locations/{location}/services/{identifier}"
        if name in self._services:
            raise ApiError("ALREADY_EXISTS", f"Resource '{identifier}' already exists.")
        moment = now()
        uri = f"https://{identifier}-{project_number(project)}.{location}.{self._domain}"
        record = whole | {
            "name": name,
            "uid": new_id(),
            "generation": "0",
            "observedGeneration": "0",
            "createTime": moment,
            "creator": request.principal,
            "uri": uri,
            "urls": [uri],
        }
        self._check_public(request, project, name, {}, whole)
        if request.query.get("validateOnly") == "true":
            return self._dry(project, location, record)
        service = self._services[name] = Service(record)
        return Response(200, self._roll_out(service, request, project, location, new_revision=True))

    def _patch(self, request: Request, project: str, location: str, service: str) -> Response:
        wanted = checked(request.json())
        name = f"projects/{project}/locations/{location}/services/{service}"
        if request.query.get("allowMissing") == "true" and name not in self._services:
            query = dict(request.query) | {"serviceId": service}
            return self._create(dataclasses.replace(request, query=query), project, location)
        found = self._find(project, location, service)
        etag = wanted.pop("etag", "")
        if etag and etag != found.record["etag"]:
            raise ApiError(
                "ABORTED",
                f"Conflict for resource '{service}': version '{etag}' was specified but current version is "
                f"'{found.record['etag']}'.",
            )
        own = ("description", "labels", "annotations", "client", "clientVersion", "ingress", "launchStage",
               "binaryAuthorization", "template", "traffic", "scaling", "invokerIamDisabled", "defaultUriDisabled",
               "customAudiences", "buildConfig", "iapEnabled")  # fmt: skip
        mask = [part.partition(".")[0] for part in request.query.get("updateMask", "").split(",") if part]
        if mask and mask != ["*"]:
            kept = {field: found.record[field] for field in own if field in found.record and field not in mask}
            wanted = kept | {field: value for field, value in wanted.items() if field in mask}
        whole = self._completed(wanted, project, service, request.principal, "UpdateServiceRequest")
        self._check_public(request, project, name, found.record, whole)
        if request.query.get("validateOnly") == "true":
            return self._dry(project, location, found.record | whole)
        new_revision = whole["template"] != found.record["template"]
        revision = whole["template"].get("revision")
        if new_revision and revision in found.revisions:
            raise ApiError(
                "ALREADY_EXISTS", f"Revision named '{revision}' with different configuration already exists."
            )
        for field in own:
            found.record.pop(field, None)
        found.record |= whole
        return Response(200, self._roll_out(found, request, project, location, new_revision))

    def _check_public(self, request: Request, project: str, name: str, before: Json, after: Json) -> None:
        """Refuse who may not turn the invoker check off or on ("Allowing public (unauthenticated) access")."""
        permission = "run.services.setIamPolicy"
        if bool(before.get("invokerIamDisabled")) != bool(after.get("invokerIamDisabled")) and not self._access.allows(
            request.principal, permission, project, name
        ):
            raise denied(request.principal, Need("run", permission), name)

    def _completed(self, wanted: Json, project: str, name: str, principal: str, request: str) -> Json:
        own = {field: value for field, value in wanted.items() if field not in ("name", "etag")}
        whole = complete(own, name, default_account(project), self._registry, request)
        account = whole["template"]["serviceAccount"]
        resource = f"projects/{project}/serviceAccounts/{account}"
        may_act = self._access.allows(principal, "iam.serviceAccounts.actAs", project, resource)
        if not may_act or not self._accounts.can_run(project, account):
            raise ApiError(
                "PERMISSION_DENIED",
                f"Permission 'iam.serviceaccounts.actAs' denied on service account {account} (or it may not exist).",
            )
        return whole

    def _dry(self, project: str, location: str, record: Json) -> Response:
        operation = self._operations.begin(project, location, {"@type": f"{_TYPE}.Service"} | record)
        return Response(200, self._operations.succeed(operation, {"@type": f"{_TYPE}.Service"} | record))

    def _get(self, _: Request, project: str, location: str, service: str) -> Response:
        return Response(200, self._find(project, location, service).record)

    def _list(self, request: Request, project: str, location: str) -> Response:
        parent = f"projects/{project}/locations/"
        parent += "" if location == "-" else f"{location}/"
        records = [s.record for name, s in sorted(self._services.items()) if name.startswith(parent)]
        return Response(200, page(records, request, "services"))

    def _delete(self, request: Request, project: str, location: str, service: str) -> Response:
        found = self._find(project, location, service)
        record = found.record
        if request.query.get("etag") not in (None, record["etag"]):
            raise ApiError("ABORTED", f"Conflict for resource '{service}'.")
        operation = self._operations.begin(project, location, {"@type": f"{_TYPE}.Service"} | record)
        if request.query.get("validateOnly") == "true":
            return Response(200, self._operations.succeed(operation, {"@type": f"{_TYPE}.Service"} | record))
        del self._services[record["name"]]
        self._policies.forget(record["name"])

        async def remove() -> None:
            async with found.turn:
                await asyncio.gather(*(self._retire(revision) for revision in found.revisions.values()))
            deleted = {"@type": f"{_TYPE}.Service"} | record | {"deleteTime": now()}
            self._operations.succeed(operation, deleted)

        self._spawn(remove())
        return Response(200, operation)

    def _revision(self, project: str, location: str, service: str, revision: str) -> _Revision:
        found = self._find(project, location, service).revisions.get(revision)
        if found is None:
            raise ApiError(
                "NOT_FOUND",
                f"Resource '{revision}' of kind 'REVISION' in region '{location}' in project '{project}' does not "
                "exist.",
            )
        return found

    def _list_revisions(self, request: Request, project: str, location: str, service: str) -> Response:
        revisions = reversed(self._find(project, location, service).revisions.values())
        return Response(200, page([revision.record for revision in revisions], request, "revisions"))

    def _get_revision(self, _: Request, project: str, location: str, service: str, revision: str) -> Response:
        return Response(200, self._revision(project, location, service, revision).record)

    def _delete_revision(self, _: Request, project: str, location: str, service: str, revision: str) -> Response:
        found = self._revision(project, location, service, revision)
        owner = self._find(project, location, service)
        latest = owner.record.get("latestCreatedRevision", "").endswith(f"/{revision}")
        if latest or revision in _serving(owner.record):
            raise ApiError(
                "FAILED_PRECONDITION",
                f"Revision '{revision}' is the latest or receives traffic, and cannot be deleted.",
            )
        del owner.revisions[revision]
        operation = self._operations.begin(project, location, {"@type": f"{_TYPE}.Revision"} | found.record)
        return Response(200, self._operations.succeed(operation, {"@type": f"{_TYPE}.Revision"} | found.record))

    # Rolling out.

    def _roll_out(self, service: Service, request: Request, project: str, location: str, new_revision: bool) -> Json:
        record = service.record
        generation = str(int(record["generation"]) + 1)
        record |= {
            "generation": generation,
            "updateTime": now(),
            "lastModifier": request.principal,
            "etag": f'"{new_id()}"',
            "reconciling": True,
            "terminalCondition": condition("Ready", _RECONCILING, now()),
        }
        revision = self._add_revision(service, generation) if new_revision else None
        operation = self._operations.begin(project, location, {"@type": f"{_TYPE}.Service"} | record)

        async def roll() -> None:
            async with service.turn:
                try:
                    problem = await self._ready(revision) if revision else _last_problem(service)
                    if not problem:
                        problem = await self._direct(service, revision)
                except ENGINE_ERRORS as error:
                    _LOG.exception("%s", record["name"])
                    problem = {"message": f"An internal error has occurred: {error}", "reason": "INTERNAL"}
                self._conclude(service, generation, problem)
            if problem:
                status = "INTERNAL" if problem.get("reason") == "INTERNAL" else "FAILED_PRECONDITION"
                self._operations.fail(operation, ApiError(status, problem["message"]))
            else:
                self._operations.succeed(operation, {"@type": f"{_TYPE}.Service"} | service.record)

        self._spawn(roll())
        return operation

    def _add_revision(self, service: Service, generation: str) -> _Revision:
        record = service.record
        short = record["name"].rpartition("/")[2]
        suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=3))  # noqa: S311
        name = record["template"].get("revision") or f"{short}-{int(generation):05d}-{suffix}"
        moment = now()
        template = {key: value for key, value in record["template"].items() if key != "revision"}
        revision = _Revision(
            template
            | {
                "name": f"{record['name']}/revisions/{name}",
                "uid": new_id(),
                "generation": "1",
                "observedGeneration": "1",
                "service": record["name"],
                "createTime": moment,
                "updateTime": moment,
                "launchStage": record["launchStage"],
                "etag": f'"{new_id()}"',
                "reconciling": True,
                "conditions": [condition("Ready", _RECONCILING, moment)],
            }
        )
        service.revisions[name] = revision
        record["latestCreatedRevision"] = revision.record["name"]
        return revision

    async def _ready(self, revision: _Revision) -> Json | None:
        """Start a revision's instances; the problem, if it does not become ready."""
        record = revision.record
        count = max(1, record["scaling"].get("minInstanceCount", 0))
        try:
            started = await asyncio.gather(
                *(self._instances.start(record) for _ in range(count)), return_exceptions=True
            )
            failures = [error for error in started if isinstance(error, BaseException)]
            revision.instances = [one for one in started if isinstance(one, Instance)]
            if failures:
                await self._retire(revision)
                raise failures[0]
        except StartError as error:
            name = record["name"].rpartition("/")[2]
            message = f"Revision '{name}' is not ready and cannot serve traffic. {error.message}"
            own = {"message": error.message, **error.reason}
            kind = "ContainerReady" if error.reason == MISSING else "ContainerHealthy"
            record["conditions"] = [condition("Ready", _FAILED, now(), own), condition(kind, _FAILED, now(), own)]
            record["reconciling"] = False
            return own | {"message": message}
        record["conditions"] = [
            condition(kind, _SUCCEEDED, now())
            for kind in ("Ready", "ContainerHealthy", "ContainerReady", "ResourcesAvailable")
        ]
        record["reconciling"] = False
        revision.keeping = [self._spawn(self._keep(revision, instance)) for instance in revision.instances]
        return None

    async def _keep(self, revision: _Revision, instance: Instance) -> None:
        """Replace an instance that fails, as often as it does."""
        while True:
            reason = await self._instances.await_end(instance, revision.record)
            _LOG.info("an instance of %s is replaced: %s", revision.record["name"], reason)
            revision.instances.remove(instance)
            await self._instances.stop(instance)
            instance = await self._start_again(revision)
            revision.instances.append(instance)

    async def _start_again(self, revision: _Revision) -> Instance:
        while True:
            try:
                return await self._instances.start(revision.record)
            except (StartError, *ENGINE_ERRORS) as error:
                _LOG.info("an instance of %s does not start: %s", revision.record["name"], error)
                await asyncio.sleep(_RESTART_SECONDS)

    async def _direct(self, service: Service, ready: _Revision | None) -> Json | None:
        """Send requests where the service's traffic says; the problem, if there is no such revision."""
        record = service.record
        if ready:
            record["latestReadyRevision"] = ready.record["name"]
        latest = record.get("latestReadyRevision", "").rpartition("/")[2]
        statuses = []
        for target in record["traffic"]:
            name = latest if target["type"] == LATEST else target["revision"]
            revision = service.revisions.get(name)
            if revision is None or _state(revision) != _SUCCEEDED:
                if ready:
                    await self._retire_unused(service)
                return {"message": f"Revision '{name}' is not ready and cannot serve traffic."}
            if not revision.instances:
                problem = await self._ready(revision)
                if problem:
                    return problem
            host = record["uri"].removeprefix("https://")
            tagged = {"uri": f"https://{target['tag']}---{host}"} if target.get("tag") else {}
            statuses.append({"type": target["type"], "revision": name} | tagged | _only(target, "percent", "tag"))
        record["trafficStatuses"] = statuses
        await asyncio.gather(*(self._fill_up(service, name) for name in _serving(record)))
        await self._retire_unused(service)
        return None

    async def _fill_up(self, service: Service, name: str) -> None:
        """Start what a revision lacks of its share of the service's minimum; what it has beyond may go on."""
        targets = [status for status in service.record["trafficStatuses"] if status["revision"] == name]
        share = sum(target.get("percent", 0) for target in targets) / 100
        revision = service.revisions[name]
        missing = math.ceil(share * service.record["scaling"]["minInstanceCount"]) - len(revision.instances)
        started = await asyncio.gather(
            *(self._instances.start(revision.record) for _ in range(missing)), return_exceptions=True
        )
        for instance in started:
            if isinstance(instance, Instance):
                revision.instances.append(instance)
                revision.keeping.append(self._spawn(self._keep(revision, instance)))
            else:
                _LOG.info("an instance of %s does not start: %s", revision.record["name"], instance)

    async def _retire_unused(self, service: Service) -> None:
        serving = _serving(service.record)
        unused = [revision for name, revision in service.revisions.items() if name not in serving]
        await asyncio.gather(*(self._retire(revision) for revision in unused))

    async def _retire(self, revision: _Revision) -> None:
        keeping, revision.keeping = revision.keeping, []
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
        instances, revision.instances = revision.instances, []
        await asyncio.gather(*(self._instances.stop(instance) for instance in instances))

    def _conclude(self, service: Service, generation: str, problem: Json | None) -> None:
        record = service.record
        if record["generation"] != generation:
            # A newer change is on its way, and says how that ends.
            return
        state = _FAILED if problem else _SUCCEEDED
        record["terminalCondition"] = condition("Ready", state, now(), problem)
        record["conditions"] = [
            condition("RoutesReady", state, now(), problem),
            condition("ConfigurationsReady", state, now(), problem),
        ]
        record["reconciling"] = False
        if not problem:
            record["observedGeneration"] = generation

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            _LOG.error("Cloud Run", exc_info=task.exception())


def _last_problem(service: Service) -> Json | None:
    """Why the newest revision is not ready; a change of something else does not help it."""
    if not any(target["type"] == LATEST for target in service.record["traffic"]):
        return None
    name = service.record["latestCreatedRevision"].rpartition("/")[2]
    revision = service.revisions[name]
    if _state(revision) != _FAILED:
        return None
    problem = revision.record["conditions"][0]
    message = f"Revision '{name}' is not ready and cannot serve traffic. {problem['message']}"
    return _only(problem, "reason", "revisionReason") | {"message": message}


def _serving(record: Json) -> set[str]:
    return {status["revision"] for status in record.get("trafficStatuses", [])}


def _state(revision: _Revision) -> str:
    return str(revision.record["conditions"][0]["state"])


def _only(message: Json, *fields: str) -> Json:
    return {field: message[field] for field in fields if field in message}
