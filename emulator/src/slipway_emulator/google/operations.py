"""Long-running operations ("google.longrunning")."""

from __future__ import annotations

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, new_id, page


class Operations:
    """The operations of one API.

    Args:
        routes: where they are asked for.
        prefix: what the paths of the API begin with: `/run/v2`.
    """

    def __init__(self, routes: Routes, prefix: str) -> None:
        self._operations: dict[str, Json] = {}
        pattern = f"{prefix}/projects/{{project}}/locations/{{location}}/operations"
        routes.add("GET", pattern, self._list)
        routes.add("GET", f"{pattern}/{{operation}}", self._get)
        routes.add("POST", f"{pattern}/{{operation}}:wait", self._get)
        routes.add("DELETE", f"{pattern}/{{operation}}", self._delete)

    def begin(self, project: str, location: str, metadata: Json) -> Json:
        """A new operation, not done."""
        operation: Json = {
            "name": f"projects/{project}/locations/{location}/operations/{new_id()}",
            "metadata": metadata,
            "done": False,
        }
        self._operations[operation["name"]] = operation
        return operation

    def succeed(self, operation: Json, response: Json) -> Json:
        """Say that an operation has ended well."""
        operation |= {"done": True, "response": response}
        return operation

    def fail(self, operation: Json, error: ApiError) -> Json:
        """Say why an operation has failed."""
        operation |= {"done": True, "error": {"code": error.code, "message": error.message}}
        return operation

    def _list(self, request: Request, project: str, location: str) -> Response:
        prefix = f"projects/{project}/locations/{location}/operations/"
        names = [name for name in self._operations if name.startswith(prefix)]
        return Response(200, page([self._operations[name] for name in names], request, "operations"))

    def _get(self, _: Request, project: str, location: str, operation: str) -> Response:
        name = f"projects/{project}/locations/{location}/operations/{operation}"
        if name not in self._operations:
            raise ApiError("NOT_FOUND", f"Operation '{name}' was not found.")
        return Response(200, self._operations[name])

    def _delete(self, request: Request, project: str, location: str, operation: str) -> Response:
        self._get(request, project, location, operation)
        del self._operations[f"projects/{project}/locations/{location}/operations/{operation}"]
        return Response(200, {})
