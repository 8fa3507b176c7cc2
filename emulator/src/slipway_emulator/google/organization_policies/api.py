"""Organization policies of projects, of Cloud Resource Manager v1: who may be named in IAM policies at all."""

from __future__ import annotations

import json
import re

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid
from slipway_emulator.google.messages import ANY, STRING, check

# "Restricting identities by domain".
_DOMAINS = "constraints/iam.allowedPolicyMemberDomains"
_POLICY = {"constraint": STRING, "etag": STRING, "listPolicy": {"allowedValues": [STRING], "allValues": STRING}}
_SET_IAM_POLICY = re.compile(r"/\w+/v\d/projects/([^/]+)/.+:setIamPolicy")
# Members of no organization.
_OUTSIDERS = ("allUsers", "allAuthenticatedUsers")


class OrganizationPolicies:
    """The policies of each project; at first there is none.

    Args:
        routes: where they are asked for.
    """

    def __init__(self, routes: Routes) -> None:
        self._policies: dict[str, Json] = {}
        pattern = "/cloudresourcemanager/v1/projects/{project}"
        routes.add("POST", f"{pattern}:setOrgPolicy", self._set)
        routes.add("POST", f"{pattern}:getOrgPolicy", self._get)
        routes.add("POST", f"{pattern}:clearOrgPolicy", self._clear)

    def check(self, request: Request) -> None:
        """Refuse an IAM policy that names somebody from outside, in a project that allows only its own domains.

        Raises:
            ApiError: the request is refused.
        """
        matched = _SET_IAM_POLICY.fullmatch(request.path)
        if not matched or matched[1] not in self._policies:
            return
        text = json.dumps(request.json())
        if any(f'"{member}"' in text for member in _OUTSIDERS):
            raise ApiError(
                "FAILED_PRECONDITION",
                "One or more users named in the policy do not belong to a permitted customer,  perhaps due to an "
                "organization policy.",
            )

    def _set(self, request: Request, project: str) -> Response:
        policy = check({"policy": _POLICY}, request.json(), "").get("policy", {})
        _check_constraint(policy)
        self._policies[project] = policy
        return Response(200, policy)

    def _get(self, request: Request, project: str) -> Response:
        _check_constraint(check({"constraint": STRING}, request.json(), ""))
        return Response(200, self._policies.get(project, {"constraint": _DOMAINS}))

    def _clear(self, request: Request, project: str) -> Response:
        _check_constraint(check({"constraint": STRING, "etag": ANY}, request.json(), ""))
        self._policies.pop(project, None)
        return Response(200, {})


def _check_constraint(message: Json) -> None:
    if message.get("constraint") != _DOMAINS:
        raise invalid("constraint", f"The rehearsal knows one constraint, {_DOMAINS}.")
