"""IAM policies of resources ("Policy", "AuditConfig" left out): who may do what, kept and read back."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from typing import Any

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid
from slipway_emulator.google.messages import INT32, STRING, check
from slipway_emulator.google.service_usage.api import project_number

_EXPRESSION = {"expression": STRING, "title": STRING, "description": STRING, "location": STRING}
_POLICY = {
    "version": INT32,
    "bindings": [{"role": STRING, "members": [STRING], "condition": _EXPRESSION}],
    "etag": STRING,
}
_REQUEST = {"policy": _POLICY, "updateMask": STRING, "resource": STRING}
_MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|(user|serviceAccount|group|domain|principal|principalSet|project\w+|deleted):.+"
)


_PROJECT = re.compile(r"projects/\d+")


class Policies:
    """The policies of all resources, by the resource's name; of a project, with its number.

    Args:
        owner: e-mail address of the service account that every project belongs to until its policy says otherwise.
        late_seconds: for how long a change has no effect yet; at Google it is minutes ("Access change propagation").
        clock: seconds.
    """

    def __init__(self, owner: str, late_seconds: float = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._policies: dict[str, Json] = {}
        self._owner = owner
        self._late_seconds = late_seconds
        self._clock = clock
        # By resource: until when the last change has no effect, and the bindings before it.
        self._before: dict[str, tuple[float, list[Json]]] = {}
        # Which permissions of some somebody has on a resource; put here by who decides it.
        self.permitted: Callable[[Request, str, list[str]], list[str]] = lambda _request, _resource, asked: asked

    def serve(self, routes: Routes, pattern: str, exists: Any, reading: str = "GET") -> None:
        """Answer for one kind of resource.

        Args:
            routes: where.
            pattern: its path.
            exists: called with the pattern's names, says the resource's name or raises ApiError.
            reading: the method of `getIamPolicy`.
        """

        def get(_: Request, **names: str) -> Response:
            return Response(200, self.get(exists(**names)))

        def put(request: Request, **names: str) -> Response:
            resource = exists(**names)
            body = check(_REQUEST, request.json(), "")
            return Response(200, self._set(resource, body.get("policy", {})))

        def test(request: Request, **names: str) -> Response:
            resource = exists(**names)
            asked = check({"permissions": [STRING]}, request.json(), "").get("permissions", [])
            return Response(200, {"permissions": self.permitted(request, resource, asked)})

        routes.add(reading, f"{pattern}:getIamPolicy", get)
        routes.add("POST", f"{pattern}:setIamPolicy", put)
        routes.add("POST", f"{pattern}:testIamPermissions", test)

    def get(self, resource: str) -> Json:
        """A resource's policy."""
        policy = self._policies.get(resource) or self._first(resource)
        return policy | {"etag": _etag(policy)}

    def bindings(self, resource: str) -> list[Json]:
        """Who has which role, as far as that has an effect."""
        until, before = self._before.get(resource, (0.0, []))
        if self._clock() < until:
            return before
        bindings: list[Json] = self.get(resource).get("bindings", [])
        return bindings

    def _first(self, resource: str) -> Json:
        """The policy of a resource that nobody has given one."""
        if not _PROJECT.fullmatch(resource):
            return {}
        members = {"roles/owner": self._owner, "roles/run.serviceAgent": run_agent(resource.rpartition("/")[2])}
        return {"bindings": [{"role": role, "members": [f"serviceAccount:{who}"]} for role, who in members.items()]}

    def forget_account(self, email: str, unique_id: str) -> None:
        """A service account is gone: one that gets its name is somebody else ("Policies with deleted principals")."""
        member, deleted = f"serviceAccount:{email}", f"deleted:serviceAccount:{email}?uid={unique_id}"
        for policy in self._policies.values():
            for binding in policy["bindings"]:
                binding["members"] = [deleted if one == member else one for one in binding["members"]]

    def forget(self, resource: str) -> None:
        """The resource is gone."""
        self._policies.pop(resource, None)
        self._before.pop(resource, None)

    def _set(self, resource: str, policy: Json) -> Json:
        etag = policy.pop("etag", "")
        if etag and etag != self.get(resource)["etag"]:
            raise ApiError("ABORTED", "There were concurrent policy changes. Please retry the whole read-modify-write.")
        for position, binding in enumerate(policy.get("bindings", [])):
            if not binding.get("role", "").startswith(("roles/", "projects/", "organizations/")):
                raise invalid(
                    f"policy.bindings[{position}].role",
                    f"Role {binding.get('role', '')} is not supported for this resource.",
                )
            for member in binding.setdefault("members", []):
                if not _MEMBER.fullmatch(member):
                    raise invalid(f"policy.bindings[{position}].members", f"The member {member} is of an unknown type.")
        policy["bindings"] = [binding for binding in policy.get("bindings", []) if binding["members"]]
        if self._late_seconds:
            self._before[resource] = (self._clock() + self._late_seconds, self.bindings(resource))
        self._policies[resource] = policy
        return self.get(resource)


def project_resource(project: str) -> str:
    """What a project's policy is kept by, whether id or number is given."""
    return f"projects/{project_number(project)}"


def run_agent(project: str) -> str:
    """The e-mail address of the account by which Cloud Run pulls a project's images ("Service agents")."""
    return f"service-{project_number(project)}@serverless-robot-prod.iam.gserviceaccount.com"


def _etag(policy: Json) -> str:
    return base64.b64encode(hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).digest()[:8]).decode()
