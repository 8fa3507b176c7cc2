"""google_service_account: IAM API v1, projects.serviceAccounts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import ApiError, Resource, call, found, identify
from slipway_emulator.google_provider.values import Object, is_unknown

# Service accounts are reached where workload identity pools are (services/iambeta).
_PRODUCT = "iam_beta"
_ACCOUNT_ID = re.compile(r"^[a-z](?:[-a-z0-9]{4,28}[a-z0-9])$")
_LONGEST_DESCRIPTION = 256


class ServiceAccount(Resource):
    """An identity of a program."""

    immutable = ("account_id", "project")
    defaults: ClassVar[dict[str, Any]] = {"disabled": False}

    def validate(self, config: Object) -> Iterable[Any]:
        account, description = config["account_id"], config["description"]
        if isinstance(account, str) and not _ACCOUNT_ID.match(account):
            yield values.diagnostic(
                f'"account_id" ("{account}") doesn\'t match regexp "{_ACCOUNT_ID.pattern}"', path=("account_id",)
            )
        if isinstance(description, str) and len(description) > _LONGEST_DESCRIPTION:
            yield values.diagnostic(
                f"expected length of description to be in the range (0 - {_LONGEST_DESCRIPTION}), got {description}",
                path=("description",),
            )

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        planned = super().complete_plan(configuration, planned, prior)
        account, project = planned["account_id"], planned["project"]
        # The address is known before the account is there.
        if isinstance(account, str) and isinstance(project, str):
            planned["email"] = f"{account}@{project}.iam.gserviceaccount.com"
            planned["member"] = f"serviceAccount:{planned['email']}"
            planned["id"] = planned["name"] = f"projects/{project}/serviceAccounts/{planned['email']}"
        return planned

    def create(self, configuration: Configuration, planned: Object) -> Object:
        body = {
            "accountId": planned["account_id"],
            "serviceAccount": {
                "displayName": planned["display_name"] or "",
                "description": planned["description"] or "",
            },
        }
        try:
            answer = call(configuration, "POST", _PRODUCT, f"projects/{planned['project']}/serviceAccounts", body=body)
        except ApiError as error:
            if error.status != 409 or not planned["create_ignore_already_exists"]:
                raise ApiError(f"Error creating service account: {error}", error.status) from None
            answer = {"name": planned["name"]}
        state = planned | {"id": answer["name"]}
        if planned["disabled"]:
            call(configuration, "POST", _PRODUCT, f"{answer['name']}:disable", body={})
        return self.read_back(configuration, state)

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        read = {
            "account_id": answer["email"].partition("@")[0],
            "description": answer.get("description"),
            "disabled": answer.get("disabled", False),
            "display_name": answer.get("displayName"),
            "email": answer["email"],
            "id": answer["name"],
            "member": f"serviceAccount:{answer['email']}",
            "name": answer["name"],
            "project": answer["projectId"],
            "unique_id": answer["uniqueId"],
            "create_ignore_already_exists": state["create_ignore_already_exists"],
        }
        return values.settle(self.block, read, state)

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        name = prior["id"]
        if planned["disabled"] != prior["disabled"]:
            call(configuration, "POST", _PRODUCT, f"{name}:{'disable' if planned['disabled'] else 'enable'}", body={})
        changed = [field for field in ("description", "display_name") if planned[field] != prior[field]]
        if changed:
            body = {
                "serviceAccount": {
                    "displayName": planned["display_name"] or "",
                    "description": planned["description"] or "",
                },
                "updateMask": ",".join(changed),
            }
            call(configuration, "PATCH", _PRODUCT, name, body=body)
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(
            identifier, "projects/{project}/serviceAccounts/{email}", "{project}/{email}", "{email}"
        )
        return self.empty() | {"id": "projects/{project}/serviceAccounts/{email}".format_map(parts)}

    def read_back(self, configuration: Configuration, state: Object) -> Object:
        read = self.read(configuration, state)
        if read is None or is_unknown(read["id"]):
            raise ApiError(f"{state['id']} was there, and is gone")
        return read
