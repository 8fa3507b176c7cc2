"""Operations of Compute Engine API v1, each of which has ended when it is first looked at."""

from __future__ import annotations

import secrets

from slipway_emulator.google.api import Json, LegacyError, Request, Response, Routes, now

LINK = "https://www.googleapis.com/compute/v1/"
_PREFIX = "/compute/v1/projects/{project}"


class Operations:
    """The operations of all projects.

    Args:
        routes: where they are asked for.
    """

    def __init__(self, routes: Routes) -> None:
        self._operations: dict[str, Json] = {}
        for scope in ("global", "regions/{location}"):
            pattern = f"{_PREFIX}/{scope}/operations/{{operation}}"
            routes.add("GET", pattern, self._get)
            routes.add("POST", f"{pattern}/wait", self._get)

    def done(self, request: Request, kind: str, target: Json) -> Response:
        """The answer to a change that has happened.

        Args:
            request: with who asks.
            kind: "insert", "delete" and so on.
            target: the resource.
        """
        return self._begun(request, kind, target, {})

    def failed(self, request: Request, kind: str, target: Json, code: str, message: str) -> Response:
        """The answer to a change that is begun, and does not happen ("Handling API responses").

        Args:
            request: with who asks.
            kind: "insert", "delete" and so on.
            target: the resource.
            code: what the API calls the reason: "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE".
            message: what to tell the caller.
        """
        error = {"errors": [{"code": code, "message": message}]}
        outcome = {"error": error, "httpErrorStatusCode": 400, "httpErrorMessage": "BAD REQUEST"}
        return self._begun(request, kind, target, outcome)

    def _begun(self, request: Request, kind: str, target: Json, outcome: Json) -> Response:
        scope = target["selfLink"].removeprefix(LINK).rsplit("/", 2)[0]
        name, moment = f"operation-{secrets.token_hex(16)}", now()
        operation: Json = {
            "kind": "compute#operation",
            "id": new_number(),
            "name": name,
            "operationType": kind,
            "targetLink": target["selfLink"],
            "targetId": target["id"],
            "status": "DONE",
            "user": request.principal,
            "progress": 100,
            "insertTime": moment,
            "startTime": moment,
            "endTime": moment,
            "selfLink": f"{LINK}{scope}/operations/{name}",
        }
        if "region" in target:
            operation["region"] = target["region"]
        self._operations[f"{scope}/operations/{name}"] = operation | outcome
        begun = {key: value for key, value in operation.items() if key != "endTime"}
        return Response(200, begun | {"status": "RUNNING", "progress": 0})

    def _get(self, _: Request, project: str, operation: str, location: str = "") -> Response:
        scope = f"regions/{location}" if location else "global"
        name = f"projects/{project}/{scope}/operations/{operation}"
        if name not in self._operations:
            raise not_found(name)
        return Response(200, self._operations[name])


def new_number() -> str:
    """A new id, as Compute Engine has them: a number of 64 bits, as text."""
    return str(10**18 + secrets.randbelow(8 * 10**18))


def not_found(name: str) -> LegacyError:
    """There is no such resource."""
    return LegacyError(404, "notFound", f"The resource '{name}' was not found")


def invalid_value(field: str, value: object, description: str) -> LegacyError:
    """A field of the request's resource has a value that it may not have."""
    text = f"Invalid value for field 'resource.{field}': '{value}'. {description}"
    return LegacyError(400, "invalid", text)


def in_use(kind: str, name: str, by: str) -> str:
    """Why a resource cannot go: because of another one."""
    return f"The {kind} resource '{name}' is already being used by '{by}'"
