"""IAM policies of resources ("Policy", "AuditConfig" left out): who may do what, kept and read back."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid
from slipway_emulator.google.messages import INT32, STRING, check

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


class Policies:
    """The policies of all resources, by the resource's name."""

    def __init__(self) -> None:
        self._policies: dict[str, Json] = {}

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
            exists(**names)
            body = check({"permissions": [STRING]}, request.json(), "")
            # Any credentials may do anything here.
            return Response(200, {"permissions": body.get("permissions", [])})

        routes.add(reading, f"{pattern}:getIamPolicy", get)
        routes.add("POST", f"{pattern}:setIamPolicy", put)
        routes.add("POST", f"{pattern}:testIamPermissions", test)

    def get(self, resource: str) -> Json:
        """A resource's policy."""
        policy = self._policies.get(resource, {})
        return policy | {"etag": _etag(policy)}

    def members(self, resource: str, role: str) -> set[str]:
        """Who has a role."""
        bindings = self._policies.get(resource, {}).get("bindings", [])
        return {member for binding in bindings if binding["role"] == role for member in binding["members"]}

    def forget(self, resource: str) -> None:
        """The resource is gone."""
        self._policies.pop(resource, None)

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
        self._policies[resource] = policy
        return self.get(resource)


def _etag(policy: Json) -> str:
    return base64.b64encode(hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).digest()[:8]).decode()
