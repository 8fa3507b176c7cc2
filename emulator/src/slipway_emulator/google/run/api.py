"""Cloud Run Admin API v2: services and revisions, and the requests to them."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import random

from slipway_emulator.google.api import ApiError, Json, Request, Response, new_id, now
from slipway_emulator.google.iam.access import denied
from slipway_emulator.google.iam.permissions import Need
from slipway_emulator.google.iam.service_accounts import default_account
from slipway_emulator.google.iam.tokens import Tokens
from slipway_emulator.google.run.instances import Instance
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
from slipway_emulator.google.run.services import INGRESS_ALL, LATEST, check_id, checked, complete
from slipway_emulator.google.service_usage.api import project_number

_LOG = logging.getLogger(__name__)
_SERVICES = f"{PARENT}/services"
_REVISIONS = f"{_SERVICES}/{{service}}/revisions"
_OWN = (
    "description", "labels", "annotations", "client", "clientVersion", "ingress", "launchStage", "binaryAuthorization",
    "template", "traffic", "scaling", "invokerIamDisabled", "defaultUriDisabled", "customAudiences", "buildConfig",
    "iapEnabled",
)  # fmt: skip
_NOT_READY = "is not ready and cannot serve traffic."


class Service(Revised):
    """A service."""


class CloudRun:
    """All services.

    Args:
        shared: what all kinds of resources need.
        tokens: knows who calls.
        domain: what the host names of services end with.
    """

    def __init__(self, shared: Shared, tokens: Tokens, domain: str) -> None:
        self._services: Collection[Service] = Collection("services", "SERVICE")
        self._shared = shared
        self._tokens = tokens
        self._domain = domain
        kinds = ("RoutesReady", "ConfigurationsReady")
        self._rollout = Rollout(shared, self._services, _message, kinds, self._settle)
        routes = shared.routes
        routes.add("POST", _SERVICES, self._create)
        routes.add("GET", _SERVICES, self._services.list)
        routes.add("GET", f"{_SERVICES}/{{service}}", self._get)
        routes.add("PATCH", f"{_SERVICES}/{{service}}", self._patch)
        routes.add("DELETE", f"{_SERVICES}/{{service}}", self._delete)
        routes.add("GET", _REVISIONS, self._list_revisions)
        routes.add("GET", f"{_REVISIONS}/{{revision}}", self._get_revision)
        routes.add("DELETE", f"{_REVISIONS}/{{revision}}", self._delete_revision)
        shared.policies.serve(routes, f"{_SERVICES}/{{service}}", lambda **names: self._find(**names).record["name"])

    # Requests to services.

    def find_site(self, host: str) -> tuple[Service, str] | None:
        """The service that a host name leads to, and the tag in it, if any."""
        tag, separator, rest = host.partition("---")
        name = rest if separator else host
        for service in self._services.resources.values():
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
        if self._shared.access.allows(caller, "run.routes.invoke", project, record["name"]):
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
        chosen = random.choices(targets, weights)[0]  # noqa: S311  (who answers a request is no secret)
        revision = service.revisions.get(chosen["revision"])
        if revision is None or not revision.instances:
            return None
        return min(revision.instances, key=lambda instance: instance.requests)

    # The API.

    def _find(self, project: str, location: str, service: str) -> Service:
        return self._services.find(project, location, service)

    def _create(self, request: Request, project: str, location: str) -> Response:
        wanted = checked(request.json())
        identifier = request.query.get("serviceId") or request.query.get("service_id") or ""
        check_id(identifier)
        whole = self._completed(wanted, project, location, identifier, request.principal, "CreateServiceRequest")
        name = self._services.full_name(project, location, identifier)
        self._services.check_new(name)
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
            return self._shared.dry(project, location, _message(record))
        service = self._services.resources[name] = Service(record)
        return self._rollout.begin(service, request, has_new_revision=True)

    def _patch(self, request: Request, project: str, location: str, service: str) -> Response:
        wanted = checked(request.json())
        name = self._services.full_name(project, location, service)
        if request.query.get("allowMissing") == "true" and name not in self._services.resources:
            query = dict(request.query) | {"serviceId": service}
            return self._create(dataclasses.replace(request, query=query), project, location)
        found = self._find(project, location, service)
        check_etag(found.record, wanted.pop("etag", ""))
        wanted = masked(request, found.record, wanted, _OWN)
        whole = self._completed(wanted, project, location, service, request.principal, "UpdateServiceRequest")
        self._check_public(request, project, name, found.record, whole)
        if request.query.get("validateOnly") == "true":
            return self._shared.dry(project, location, _message(found.record | whole))
        new_revision = whole["template"] != found.record["template"]
        revision = whole["template"].get("revision")
        if new_revision and revision in found.revisions:
            raise ApiError(
                "ALREADY_EXISTS", f"Revision named '{revision}' with different configuration already exists."
            )
        for field in _OWN:
            found.record.pop(field, None)
        found.record |= whole
        return self._rollout.begin(found, request, new_revision)

    def _check_public(self, request: Request, project: str, name: str, before: Json, after: Json) -> None:
        """Refuse who may not turn the invoker check off or on ("Allowing public (unauthenticated) access")."""
        permission = "run.services.setIamPolicy"
        if bool(before.get("invokerIamDisabled")) != bool(
            after.get("invokerIamDisabled")
        ) and not self._shared.access.allows(request.principal, permission, project, name):
            raise denied(request.principal, Need("run", permission), name)

    def _completed(self, wanted: Json, project: str, location: str, name: str, principal: str, request: str) -> Json:
        own = {field: value for field, value in wanted.items() if field not in ("name", "etag")}
        whole = complete(own, name, default_account(project), self._shared.registry, request)
        self._shared.check_account(principal, project, whole["template"]["serviceAccount"])
        self._shared.networks.check(whole["template"], project, location, "service.template")
        return whole

    def _get(self, _: Request, project: str, location: str, service: str) -> Response:
        return Response(200, self._find(project, location, service).record)

    def _delete(self, request: Request, project: str, location: str, service: str) -> Response:
        return self._rollout.delete(self._find(project, location, service), request)

    def _list_revisions(self, request: Request, project: str, location: str, service: str) -> Response:
        return self._find(project, location, service).page(request, "revisions")

    def _get_revision(self, _: Request, project: str, location: str, service: str, revision: str) -> Response:
        return Response(200, self._find(project, location, service).find(revision).record)

    def _delete_revision(self, _: Request, project: str, location: str, service: str, revision: str) -> Response:
        owner = self._find(project, location, service)
        found = owner.find(revision)
        latest = owner.record.get("latestCreatedRevision", "").endswith(f"/{revision}")
        if latest or revision in _serving(owner.record):
            raise ApiError(
                "FAILED_PRECONDITION",
                f"Revision '{revision}' is the latest or receives traffic, and cannot be deleted.",
            )
        del owner.revisions[revision]
        return self._shared.dry(project, location, {"@type": f"{TYPE}.Revision"} | found.record)

    # Rolling out.

    async def _settle(self, service: Service, new: Revision | None) -> Json | None:
        problem = await self._ready(new) if new else _last_problem(service)
        return problem or await self._direct(service, new)

    async def _ready(self, revision: Revision) -> Json | None:
        """Start a revision's instances; the problem, if it does not become ready."""
        await self._rollout.make_ready(revision, max(1, revision.record["scaling"].get("minInstanceCount", 0)))
        return problem_of(revision, _NOT_READY)

    async def _direct(self, service: Service, ready: Revision | None) -> Json | None:
        """Send requests where the service's traffic says; the problem, if there is no such revision."""
        record = service.record
        if ready:
            record["latestReadyRevision"] = ready.record["name"]
        latest = record.get("latestReadyRevision", "").rpartition("/")[2]
        statuses = []
        for target in record["traffic"]:
            name = latest if target["type"] == LATEST else target["revision"]
            revision = service.revisions.get(name)
            if revision is None or revision.state != SUCCEEDED:
                if ready:
                    await self._retire_unused(service)
                return {"message": f"Revision '{name}' {_NOT_READY}"}
            if not revision.kept:
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
        count = math.ceil(share * service.record["scaling"]["minInstanceCount"])
        await self._rollout.fill_up(service.revisions[name], count)

    async def _retire_unused(self, service: Service) -> None:
        serving = _serving(service.record)
        unused = [revision for name, revision in service.revisions.items() if name not in serving]
        await asyncio.gather(*(self._rollout.retire(revision) for revision in unused))


def _last_problem(service: Service) -> Json | None:
    """Why the newest revision is not ready; a change of something else does not help it."""
    if not any(target["type"] == LATEST for target in service.record["traffic"]):
        return None
    name = service.record["latestCreatedRevision"].rpartition("/")[2]
    return problem_of(service.revisions[name], _NOT_READY)


def _serving(record: Json) -> set[str]:
    return {status["revision"] for status in record.get("trafficStatuses", [])}


def _only(message: Json, *fields: str) -> Json:
    return {field: message[field] for field in fields if field in message}


def _message(record: Json) -> Json:
    return {"@type": f"{TYPE}.Service"} | record
