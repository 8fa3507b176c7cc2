"""google_project_iam_custom_role: IAM API v1, projects.roles."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import ApiError, Resource, call, found, identify
from slipway_emulator.google_provider.values import Object

_PRODUCT = "iam_beta"
_PATH = "projects/{project}/roles/{role_id}"
_ROLE_ID = re.compile(r"^[a-zA-Z0-9_\.]{3,64}$")
_STAGES = ("ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP")


class CustomRole(Resource):
    """A role of a project's own."""

    immutable = ("project", "role_id")
    defaults: ClassVar[dict[str, Any]] = {"stage": "GA"}

    def validate(self, config: Object) -> Iterable[Any]:
        role_id, stage = config["role_id"], config["stage"]
        if isinstance(role_id, str) and not _ROLE_ID.match(role_id):
            yield values.diagnostic(
                f'"role_id" ("{role_id}") doesn\'t match regexp "{_ROLE_ID.pattern}"', path=("role_id",)
            )
        if isinstance(stage, str) and stage not in _STAGES:
            names = " ".join(f'"{name}"' for name in _STAGES)
            yield values.diagnostic(f"expected stage to be one of [{names}], got {stage}", path=("stage",))

    def create(self, configuration: Configuration, planned: Object) -> Object:
        name = _PATH.format_map(planned)
        there = found(lambda: call(configuration, "GET", _PRODUCT, name))
        if there is None:
            body = {"roleId": planned["role_id"], "role": _body(planned)}
            try:
                call(configuration, "POST", _PRODUCT, f"projects/{planned['project']}/roles", body=body)
            except ApiError as error:
                raise ApiError(f"Error creating the custom project role {name}: {error}", error.status) from None
        elif there.get("deleted"):
            # One that was deleted is brought to what is wanted.
            self._undelete_and_patch(configuration, name, planned)
        else:
            raise ApiError(f"Custom project role {name} already exists and must be imported")
        return self.read_back(configuration, planned | {"id": name})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        read = identify(state["id"], _PATH) | {
            "deleted": answer.get("deleted", False),
            "description": answer.get("description"),
            "id": state["id"],
            "name": answer["name"],
            "permissions": sorted(answer.get("includedPermissions", [])),
            # What stands for nothing in the API (`EmptyOrDefaultStringSuppress`).
            "stage": answer.get("stage", "ALPHA"),
            "title": answer.get("title"),
        }
        return values.settle(self.block, read, state)

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        self._undelete_and_patch(configuration, prior["id"], planned)
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        try:
            call(configuration, "DELETE", _PRODUCT, state["id"])
        except ApiError as error:
            title = state["title"]
            raise ApiError(f"Error deleting the custom project role {title}: {error}", error.status) from None

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(identifier, _PATH, "{project}/{role_id}", "{role_id}")
        return self.empty() | parts | {"id": _PATH.format_map(parts)}

    @staticmethod
    def _undelete_and_patch(configuration: Configuration, name: str, planned: Object) -> None:
        if call(configuration, "GET", _PRODUCT, name).get("deleted"):
            call(configuration, "POST", _PRODUCT, f"{name}:undelete", body={})
        call(configuration, "PATCH", _PRODUCT, name, body=_body(planned))


def _body(planned: Object) -> dict[str, Any]:
    return {
        "title": planned["title"],
        "description": planned["description"] or "",
        "stage": planned["stage"],
        "includedPermissions": sorted(planned["permissions"]),
    }
