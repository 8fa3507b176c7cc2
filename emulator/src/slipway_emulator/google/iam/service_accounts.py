"""IAM API v1: service accounts."""

from __future__ import annotations

import re

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid, page
from slipway_emulator.google.iam.policies import Policies
from slipway_emulator.google.messages import BOOL, STRING, check
from slipway_emulator.google.service_usage.api import project_number

_PREFIX = "/iam/v1/projects/{project}/serviceAccounts"
_ACCOUNT_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])")
_ACCOUNT = {
    "name": STRING, "projectId": STRING, "uniqueId": STRING, "email": STRING, "displayName": STRING, "etag": STRING,
    "description": STRING, "oauth2ClientId": STRING, "disabled": BOOL,
}  # fmt: skip
_LONGEST_DISPLAY_NAME_BYTES, _LONGEST_DESCRIPTION_BYTES = 100, 256


class ServiceAccounts:
    """The service accounts of each project.

    Args:
        routes: where they are asked for.
        policies: keeps who may act as them.
    """

    def __init__(self, routes: Routes, policies: Policies) -> None:
        self._accounts: dict[str, Json] = {}
        self._policies = policies
        routes.add("POST", _PREFIX, self._create)
        routes.add("GET", _PREFIX, self._list)
        routes.add("GET", f"{_PREFIX}/{{account}}", self._get)
        routes.add("PATCH", f"{_PREFIX}/{{account}}", self._patch)
        routes.add("DELETE", f"{_PREFIX}/{{account}}", self._delete)
        routes.add("POST", f"{_PREFIX}/{{account}}:disable", self._disable)
        routes.add("POST", f"{_PREFIX}/{{account}}:enable", self._enable)
        policies.serve(
            routes, f"{_PREFIX}/{{account}}", lambda project, account: self._find(project, account)["name"], "POST"
        )

    def add(self, project: str, account_id: str, display_name: str = "", description: str = "") -> Json:
        """Make a service account."""
        email = account_email(project, account_id)
        unique = str(10**20 + int(project_number(f"{project}/{account_id}")))
        account: Json = {
            "name": f"projects/{project}/serviceAccounts/{email}",
            "projectId": project,
            "uniqueId": unique,
            "email": email,
            "etag": "MDEwMjE5MjA=",
            "oauth2ClientId": unique,
        }
        account |= {key: value for key, value in (("displayName", display_name), ("description", description)) if value}
        self._accounts[email] = account
        return account

    def can_run(self, project: str, email: str) -> bool:
        """Whether a service can run as an account: it is there and enabled, or the project's own default one."""
        if email == default_account(project):
            return True
        return email in self._accounts and not self._accounts[email].get("disabled")

    def find(self, project: str, account: str) -> Json | None:
        """A service account, by its project, or "-" for any, and its e-mail address or number; None where none is."""
        for found in self._accounts.values():
            if account in (found["email"], found["uniqueId"]) and project in ("-", found["projectId"]):
                return found
        return None

    def _find(self, project: str, account: str) -> Json:
        found = self.find(project, account)
        if found is None:
            raise ApiError("NOT_FOUND", f"Unknown service account: {account}")
        return found

    def _create(self, request: Request, project: str) -> Response:
        body = check({"accountId": STRING, "serviceAccount": _ACCOUNT, "name": STRING}, request.json(), "")
        account_id = body.get("accountId", "")
        if not _ACCOUNT_ID.fullmatch(account_id):
            raise invalid(
                "account_id",
                f'The account ID "{account_id}" does not have a length between 6 and 30, or is not of lower-case '
                "letters, digits and hyphens, first a letter, last no hyphen.",
            )
        wanted = body.get("serviceAccount", {})
        _check_texts(wanted)
        email = account_email(project, account_id)
        if email in self._accounts:
            raise ApiError(
                "ALREADY_EXISTS",
                f"Service account {account_id} already exists within project projects/{project}.",
            )
        created = self.add(project, account_id, wanted.get("displayName", ""), wanted.get("description", ""))
        return Response(200, created)

    def _list(self, request: Request, project: str) -> Response:
        accounts = [account for account in self._accounts.values() if account["projectId"] == project]
        return Response(200, page(accounts, request, "accounts"))

    def _get(self, _: Request, project: str, account: str) -> Response:
        return Response(200, self._find(project, account))

    def _patch(self, request: Request, project: str, account: str) -> Response:
        found = self._find(project, account)
        body = check({"serviceAccount": _ACCOUNT, "updateMask": STRING}, request.json(), "")
        fields = {"display_name": "displayName", "displayName": "displayName", "description": "description"}
        mask = [name for name in body.get("updateMask", "").split(",") if name]
        unknown = [name for name in mask if name not in fields]
        if not mask or unknown:
            raise invalid("update_mask", "The update mask must name display_name or description.")
        wanted = body.get("serviceAccount", {})
        _check_texts(wanted)
        for name in mask:
            found.pop(fields[name], None)
            if wanted.get(fields[name]):
                found[fields[name]] = wanted[fields[name]]
        return Response(200, found)

    def _delete(self, _: Request, project: str, account: str) -> Response:
        found = self._find(project, account)
        del self._accounts[found["email"]]
        self._policies.forget(found["name"])
        self._policies.forget_account(found["email"], found["uniqueId"])
        return Response(200, {})

    def _disable(self, _: Request, project: str, account: str) -> Response:
        self._find(project, account)["disabled"] = True
        return Response(200, {})

    def _enable(self, _: Request, project: str, account: str) -> Response:
        self._find(project, account).pop("disabled", None)
        return Response(200, {})


def account_email(project: str, account_id: str) -> str:
    """The e-mail address of a service account."""
    return f"{account_id}@{project}.iam.gserviceaccount.com"


def default_account(project: str) -> str:
    """The account that a service runs as where nothing is said: Compute Engine's."""
    return f"{project_number(project)}-compute@developer.gserviceaccount.com"


def _check_texts(account: Json) -> None:
    for field, longest in (
        ("displayName", _LONGEST_DISPLAY_NAME_BYTES),
        ("description", _LONGEST_DESCRIPTION_BYTES),
    ):
        if len(account.get(field, "").encode()) > longest:
            raise invalid(f"service_account.{field}", f"{field} must have at most {longest} bytes.")
