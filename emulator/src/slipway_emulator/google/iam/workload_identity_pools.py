"""IAM API v1: workload identity pools, and their providers of OpenID Connect."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid, new_id, page
from slipway_emulator.google.iam.attributes import check_condition, check_mapping
from slipway_emulator.google.messages import BOOL, STRING, Map, Shape, check, snake
from slipway_emulator.google.service_usage.api import project_number

_POOLS = "/iam/v1/projects/{project}/locations/{location}/workloadIdentityPools"
_POOL = f"{_POOLS}/{{pool}}"
_PROVIDERS = f"{_POOL}/providers"
_PROVIDER = f"{_PROVIDERS}/{{provider}}"
# "Method: projects.locations.workloadIdentityPools.create".
_ID = re.compile(r"(?!gcp-)[a-z0-9-]{4,32}")
_SHARED = {"name": STRING, "displayName": STRING, "description": STRING, "state": STRING, "disabled": BOOL}
_POOL_SHAPE = _SHARED | {"mode": STRING, "expireTime": STRING}
_PROVIDER_SHAPE = _SHARED | {
    "attributeMapping": Map(STRING),
    "attributeCondition": STRING,
    "expireTime": STRING,
    "oidc": {"issuerUri": STRING, "allowedAudiences": [STRING], "jwksJson": STRING},
}
_OUTPUT_ONLY = ("name", "state", "expireTime")
_LONGEST_DISPLAY_NAME, _LONGEST_DESCRIPTION = 32, 256
# "Soft-deleted pools are permanently deleted after approximately 30 days."
_KEPT_SECONDS = 30 * 86400
# Issuers that all their customers share ("Define an attribute condition").
_SHARED_ISSUERS = ("https://token.actions.githubusercontent.com",)


class WorkloadIdentityPools:
    """The pools of each project.

    Args:
        routes: where they are asked for.
        clock: seconds since the epoch.
    """

    def __init__(self, routes: Routes, clock: Callable[[], float] = time.time) -> None:
        # Pools and providers by name, and when each was deleted.
        self._records: dict[str, Json] = {}
        self._deleted: dict[str, float] = {}
        self._clock = clock
        for pattern, kind in ((_POOL, "WorkloadIdentityPool"), (_PROVIDER, "WorkloadIdentityPoolProvider")):
            parent = pattern.rpartition("/")[0]
            routes.add("GET", parent, self._list)
            routes.add("POST", parent, self._creator(kind))
            routes.add("GET", pattern, self._get)
            routes.add("PATCH", pattern, self._patcher(kind))
            routes.add("DELETE", pattern, self._deleter(kind))
            routes.add("POST", f"{pattern}:undelete", self._undeleter(kind))
            routes.add("GET", f"{pattern}/operations/{{operation}}", self._operation)
        routes.add("GET", f"{_POOL}:listAttestationRules", self._attestation_rules)

    def active_provider(self, name: str) -> Json | None:
        """A provider that takes tokens; None where it, or its pool, is not there, deleted or disabled."""
        return self._records[name] if self._is_active(name) and self._is_active(pool_of(name)) else None

    def _is_active(self, name: str) -> bool:
        return name in self._records and name not in self._deleted and not self._records[name].get("disabled")

    def is_active_pool(self, name: str) -> bool:
        """Whether the tokens of a pool are good."""
        return self._is_active(name)

    def _record(self, name: str) -> Json:
        if name not in self._deleted:
            return self._records[name]
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._deleted[name] + _KEPT_SECONDS))
        return self._records[name] | {"state": "DELETED", "expireTime": expiry}

    def _find(self, names: dict[str, str]) -> str:
        name = _name(names)
        if name in self._deleted and self._deleted[name] + _KEPT_SECONDS <= self._clock():
            # A pool takes its providers along; another of its name would have them.
            for gone in [one for one in self._records if one == name or one.startswith(f"{name}/")]:
                del self._records[gone]
                self._deleted.pop(gone, None)
        if name not in self._records:
            raise ApiError("NOT_FOUND", "Requested entity was not found.")
        return name

    def _list(self, request: Request, **names: str) -> Response:
        prefix = f"{_name(names)}/providers/" if "pool" in names else f"{_name(names)}/"
        kind = "workloadIdentityPoolProviders" if "pool" in names else "workloadIdentityPools"
        shown = request.query.get("showDeleted") == "true"
        found = [
            self._record(name)
            for name in sorted(self._records)
            if name.startswith(prefix) and "/" not in name[len(prefix) :] and (shown or name not in self._deleted)
        ]
        return Response(200, page(found, request, kind, 50))

    def _creator(self, kind: str) -> Callable[..., Response]:
        field = f"{kind[0].lower()}{kind[1:]}Id"

        def create(request: Request, **names: str) -> Response:
            identifier = request.query.get(field, "")
            if names["location"] != "global":
                raise invalid("parent", f"Location {names['location']} is not supported: pools are global.")
            if not _ID.fullmatch(identifier):
                raise invalid(
                    snake(field),
                    f"{snake(field)} '{identifier}' must have 4 to 32 of [a-z0-9-], and not begin with gcp-.",
                )
            if kind == "WorkloadIdentityPoolProvider":
                self._find(names)
            names |= {"provider" if "pool" in names else "pool": identifier}
            try:
                self._find(names)
            except ApiError:
                wanted = _checked(kind, request.json())
                name = _name(names)
                self._records[name] = {"name": name, "state": "ACTIVE"} | wanted
                return self._done(name, kind)
            # Deleted ones keep their name.
            raise ApiError("ALREADY_EXISTS", "Requested entity already exists")

        return create

    def _get(self, _: Request, **names: str) -> Response:
        return Response(200, self._record(self._find(names)))

    def _attestation_rules(self, _: Request, **names: str) -> Response:
        self._find(names)
        return Response(200, {})

    def _patcher(self, kind: str) -> Callable[..., Response]:
        def patch(request: Request, **names: str) -> Response:
            name = self._find(names)
            if name in self._deleted:
                raise ApiError("FAILED_PRECONDITION", "Requested entity is deleted.")
            mask = {part.partition(".")[0] for part in request.query.get("updateMask", "").split(",") if part}
            if not mask:
                raise invalid("update_mask", "The update mask must name the fields to change.")
            kept = {field: value for field, value in self._records[name].items() if field not in mask}
            given = {field: value for field, value in request.json().items() if field in mask}
            whole = {field: value for field, value in (kept | given).items() if field not in _OUTPUT_ONLY}
            self._records[name] = {"name": name, "state": "ACTIVE"} | _checked(kind, whole)
            return self._done(name, kind)

        return patch

    def _deleter(self, kind: str) -> Callable[..., Response]:
        def delete(_: Request, **names: str) -> Response:
            name = self._find(names)
            if name in self._deleted:
                raise ApiError("NOT_FOUND", "Requested entity was not found.")
            self._deleted[name] = self._clock()
            return self._done(name, kind)

        return delete

    def _undeleter(self, kind: str) -> Callable[..., Response]:
        def undelete(_: Request, **names: str) -> Response:
            name = self._find(names)
            if name not in self._deleted:
                raise ApiError("FAILED_PRECONDITION", "Requested entity is not deleted.")
            del self._deleted[name]
            return self._done(name, kind)

        return undelete

    def _done(self, name: str, kind: str) -> Response:
        response = {"@type": f"type.googleapis.com/google.iam.v1.{kind}"} | self._record(name)
        return Response(200, {"name": f"{name}/operations/{new_id()}", "done": True, "response": response})

    def _operation(self, _: Request, operation: str, **names: str) -> Response:
        return Response(200, {"name": f"{self._find(names)}/operations/{operation}", "done": True, "response": {}})


def pool_of(provider: str) -> str:
    """The name of the pool of a provider."""
    return provider.partition("/providers/")[0]


def _name(names: dict[str, str]) -> str:
    """What a pool or a provider is called, by the project's id or its number; without the id of one, all."""
    name = f"projects/{project_number(names['project'])}/locations/{names['location']}/workloadIdentityPools"
    name += f"/{names['pool']}" if "pool" in names else ""
    return name + (f"/providers/{names['provider']}" if "provider" in names else "")


def _checked(kind: str, body: Json) -> Json:
    """What a caller says of a pool or a provider.

    Raises:
        ApiError: it is refused.
    """
    shape: Shape = _POOL_SHAPE if kind == "WorkloadIdentityPool" else _PROVIDER_SHAPE
    wanted: Json = {k: v for k, v in check(shape, body, snake(kind)).items() if k not in _OUTPUT_ONLY}
    if len(wanted.get("displayName", "")) > _LONGEST_DISPLAY_NAME:
        raise invalid("display_name", f"display_name must have at most {_LONGEST_DISPLAY_NAME} characters.")
    if len(wanted.get("description", "")) > _LONGEST_DESCRIPTION:
        raise invalid("description", f"description must have at most {_LONGEST_DESCRIPTION} characters.")
    if kind == "WorkloadIdentityPool":
        return wanted
    oidc = wanted.get("oidc", {})
    issuer = oidc.get("issuerUri", "")
    if not issuer.startswith("https://"):
        raise invalid(
            "oidc.issuer_uri", "The issuer URI must be a valid HTTPS URI; the rehearsal knows no other providers."
        )
    if oidc.get("jwksJson"):
        try:
            json.loads(oidc["jwksJson"])["keys"]
        except (ValueError, KeyError, TypeError):
            raise invalid("oidc.jwks_json", "Input JWK is not in a valid json format") from None
    check_mapping(wanted.get("attributeMapping", {}))
    condition = wanted.get("attributeCondition", "")
    if not condition and issuer in _SHARED_ISSUERS:
        raise invalid("attribute_condition", "The attribute condition must reference one of the provider's claims.")
    check_condition(condition)
    return wanted
