"""IAM API v1: custom roles of projects."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid, page
from slipway_emulator.google.messages import BOOL, STRING, Enum, check

_PREFIX = "/iam/v1/projects/{project}/roles"
_ROLE_ID = re.compile(r"[a-zA-Z0-9_.]{3,64}")
_PERMISSION = re.compile(r"[a-zA-Z]+(\.[a-zA-Z]+){2}")
_STAGES = ("ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP")
_ROLE = {
    "name": STRING, "title": STRING, "description": STRING, "includedPermissions": [STRING], "etag": STRING,
    "stage": Enum("google.iam.admin.v1.Role.RoleLaunchStage", _STAGES), "deleted": BOOL,
}  # fmt: skip
_FIELDS = ("title", "description", "includedPermissions", "stage")
# "Delete a custom role": so long it can be undeleted, and after that its id is taken for 30 days more.
_UNDELETE_SECONDS, _TAKEN_SECONDS = 7 * 86400, 37 * 86400


class Roles:
    """The custom roles of each project.

    Args:
        routes: where they are asked for.
        clock: seconds.
    """

    def __init__(self, routes: Routes, clock: Callable[[], float] = time.time) -> None:
        self._roles: dict[str, Json] = {}
        self._deleted: dict[str, float] = {}
        self._clock = clock
        routes.add("GET", _PREFIX, self._list)
        routes.add("POST", _PREFIX, self._create)
        routes.add("GET", f"{_PREFIX}/{{role}}", self._get)
        routes.add("PATCH", f"{_PREFIX}/{{role}}", self._patch)
        routes.add("DELETE", f"{_PREFIX}/{{role}}", self._delete)
        routes.add("POST", f"{_PREFIX}/{{role}}:undelete", self._undelete)

    def grants(self, role: str, permission: str) -> bool:
        """Whether a custom role, `projects/<project>/roles/<id>`, grants a permission; a deleted one grants none."""
        found = self._roles.get(role)
        if found is None or role in self._deleted or found.get("stage") == "DISABLED":
            return False
        return permission in found.get("includedPermissions", [])

    def _record(self, name: str) -> Json:
        return self._roles[name] | ({"deleted": True} if name in self._deleted else {})

    def _find(self, project: str, role: str) -> str:
        name = f"projects/{project}/roles/{role}"
        if name not in self._roles or self._age(name) > _TAKEN_SECONDS:
            raise ApiError("NOT_FOUND", f"The role named {name} was not found.")
        return name

    def _age(self, name: str) -> float:
        """Seconds since the role was deleted; 0 where it is not."""
        return self._clock() - self._deleted[name] if name in self._deleted else 0

    def _list(self, request: Request, project: str) -> Response:
        shown = request.query.get("showDeleted") == "true"
        names = [
            name
            for name in sorted(self._roles)
            if name.startswith(f"projects/{project}/") and (shown or name not in self._deleted)
        ]
        return Response(200, page([self._record(name) for name in names], request, "roles", 300))

    def _create(self, request: Request, project: str) -> Response:
        body = check({"roleId": STRING, "role": _ROLE, "parent": STRING}, request.json(), "")
        role_id = body.get("roleId", "")
        if not _ROLE_ID.fullmatch(role_id):
            raise invalid("role_id", f"The role_id must match [a-zA-Z0-9_\\.]{{3,64}}, it is '{role_id}'.")
        name = f"projects/{project}/roles/{role_id}"
        if name in self._roles and self._age(name) <= _TAKEN_SECONDS:
            if name in self._deleted:
                raise ApiError(
                    "FAILED_PRECONDITION",
                    f"You can't create a role with role_id ({role_id}) where there is an existing role with that "
                    "role_id in a deleted state.",
                )
            raise ApiError("ALREADY_EXISTS", f"A role named {role_id} in projects/{project} already exists.")
        self._deleted.pop(name, None)
        self._roles[name] = {"name": name, "etag": "BwYAAAAAAAE="} | _own(body.get("role", {}))
        return Response(200, self._record(name))

    def _get(self, _: Request, project: str, role: str) -> Response:
        return Response(200, self._record(self._find(project, role)))

    def _patch(self, request: Request, project: str, role: str) -> Response:
        name = self._find(project, role)
        if name in self._deleted:
            raise ApiError("FAILED_PRECONDITION", f"The role {name} is deleted.")
        given = request.json()
        wanted = _own(check(_ROLE, given, ""))
        mask = [part for part in request.query.get("updateMask", "").split(",") if part] or list(given)
        for field in set(mask) & set(_FIELDS):
            self._roles[name].pop(field, None)
            if field in wanted:
                self._roles[name][field] = wanted[field]
        return Response(200, self._record(name))

    def _delete(self, _: Request, project: str, role: str) -> Response:
        name = self._find(project, role)
        self._deleted.setdefault(name, self._clock())
        return Response(200, self._record(name))

    def _undelete(self, request: Request, project: str, role: str) -> Response:
        name = self._find(project, role)
        check({"etag": STRING}, request.json(), "")
        if name not in self._deleted or self._age(name) > _UNDELETE_SECONDS:
            raise ApiError("FAILED_PRECONDITION", f"The role {name} cannot be undeleted.")
        del self._deleted[name]
        return Response(200, self._record(name))


def _own(role: Json) -> Json:
    """What a caller may set of a role.

    Raises:
        ApiError: a permission is none.
    """
    for permission in role.get("includedPermissions", []):
        if not _PERMISSION.fullmatch(permission):
            raise invalid("role.included_permissions", f"Permission {permission} is not valid.")
    return {field: role[field] for field in _FIELDS if field in role}
