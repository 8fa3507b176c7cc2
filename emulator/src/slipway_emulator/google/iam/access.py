"""Who may do what: the scopes of a token, the APIs of a project, and the roles of a caller, in this order."""

from __future__ import annotations

import re

from slipway_emulator.google.api import ApiError, Json, LegacyError, Request
from slipway_emulator.google.iam.federation import Federated
from slipway_emulator.google.iam.permissions import Need, grants
from slipway_emulator.google.iam.policies import Policies, project_resource
from slipway_emulator.google.iam.roles import Roles
from slipway_emulator.google.service_usage.api import ServiceUsage
from slipway_emulator.google.storage.api import StorageError

# The APIs that a project has to switch on; the others are on, or refuse in words that this emulator lacks.
_TO_ENABLE = (
    "artifactregistry", "cloudscheduler", "compute", "dns", "iam", "iamcredentials", "run", "secretmanager",
    "servicenetworking", "sqladmin",
)  # fmt: skip
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")
# The one form of a condition that is evaluated here ("Attribute reference for IAM Conditions", extract function).
_NAME_BEGINS = re.compile(r'resource\.name\.extract\("([^"{}]+)\{\w+\}([^"{}]*)"\)\.startsWith\("([^"]+)"\)')


class Access:
    """Decides.

    Args:
        services: knows which APIs a project may use.
        policies: knows who has which role.
        roles: knows what the custom roles grant.
    """

    def __init__(self, services: ServiceUsage, policies: Policies, roles: Roles) -> None:
        self._services = services
        self._policies = policies
        self._roles = roles

    def allows(self, principal: str, permission: str, project: str, resource: str = "") -> bool:
        """Whether somebody has a permission.

        Args:
            principal: an e-mail address, or a workload of a pool; empty for somebody without credentials.
            permission: such as `run.services.get`.
            project: the project of the resource.
            resource: its name, where it can have a policy of its own.
        """
        members = {_EVERYBODY[0]}
        if isinstance(principal, Federated):
            # "allAuthenticatedUsers": not identities of other providers.
            members |= principal.members
        elif principal:
            members |= {f"serviceAccount:{principal}", *_EVERYBODY}
        bindings = [*self._policies.bindings(project_resource(project)), *self._policies.bindings(resource)]
        return any(
            members & set(binding["members"])
            and _holds(binding.get("condition"), resource)
            and self._grants(binding["role"], permission)
            for binding in bindings
        )

    def _grants(self, role: str, permission: str) -> bool:
        return grants(role, permission) if role.startswith("roles/") else self._roles.grants(role, permission)

    def check_scopes(self, request: Request, need: Need) -> None:
        """Refuse a token that is not good for a method.

        Raises:
            ApiError: it is not.
        """
        if need.opened_by(request.scopes):
            return
        if need.api == "storage":
            raise StorageError(403, "forbidden", "Provided scope(s) are not authorized")
        raise ApiError(
            "PERMISSION_DENIED",
            "Request had insufficient authentication scopes.",
            _info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", service=f"{need.api}.googleapis.com"),
        )

    def check(self, request: Request, need: Need, project: str, resource: str = "") -> None:
        """Refuse a request to a project where the API is off, or of somebody who lacks the permission.

        Args:
            request: it.
            need: what it needs.
            project: id or number of the project of the resource.
            resource: the resource's name.

        Raises:
            ApiError: it is refused.
        """
        service = f"{need.api}.googleapis.com"
        # "System parameters": who pays, and whose quota and APIs are used.
        consumer = request.headers.get("x-goog-user-project", "")
        if consumer and not self.allows(request.principal, "serviceusage.services.use", consumer):
            raise _user_project_denied(consumer)
        if need.api in _TO_ENABLE:
            for user in filter(None, (consumer, project)):
                self._services.require(user, service)
        if need.permission and not self.allows(request.principal, need.permission, project, resource):
            if need.api == "secretmanager" and resource:
                # Of a version the secret has the policy, and the refusal names what was asked for.
                resource = request.path.partition("/v1/")[2].partition(":")[0]
            raise denied(request.principal, need, resource or f"projects/{project}")


def _holds(condition: Json | None, resource: str) -> bool:
    """Whether a binding is one for a resource; one whose condition is not understood here grants nothing."""
    if condition is None:
        return True
    match = _NAME_BEGINS.fullmatch(condition.get("expression", ""))
    if match is None:
        return False
    before, behind, beginning = match.groups()
    part = resource.partition(before)[2]
    if behind:
        # Nothing is extracted where what stands behind it is not there.
        part, found, _ = part.partition(behind)
        part = part if found else ""
    return part.startswith(beginning)


def denied(principal: str, need: Need, resource: str) -> ApiError:
    """The refusal of somebody who lacks a permission, in the words of the API.

    Args:
        principal: the e-mail address.
        need: what is lacking.
        resource: the resource's name.
    """
    permission = need.permission
    plain = f"Permission '{permission}' denied on resource (or it may not exist)."
    if need.api == "storage":
        kind = (
            "project"
            if resource.startswith("projects/") and "/buckets/" not in resource
            else ("object" if permission.startswith("storage.objects.") else "bucket")
        )
        of = f"Google Cloud {kind}" if kind == "project" else f"Google Cloud Storage {kind}"
        return StorageError(403, "forbidden", f"{principal} does not have {permission} access to the {of}. {plain}")
    if need.api == "compute":
        return LegacyError(403, "forbidden", f"Required '{permission}' permission for '{resource}'")
    if need.api == "dns":
        return LegacyError(403, "forbidden", "Forbidden")
    if need.api == "sqladmin":
        return LegacyError(403, "notAuthorized", "The client is not authorized to make this request.")
    if need.api == "servicenetworking":
        verb = "add peering" if permission.endswith("addPeering") else permission.rpartition(".")[2]
        text = f"Permission denied to {verb} for service 'servicenetworking.googleapis.com'."
        return ApiError("PERMISSION_DENIED", text, _info("AUTH_PERMISSION_DENIED", "servicenetworking.googleapis.com"))
    if need.api == "serviceusage":
        what = resource.rpartition("/services/")[2] if "/services/" in resource else resource
        text = f"Permission denied to {permission.rpartition('.')[2]} service [{what}]"
        return ApiError("PERMISSION_DENIED", text, _info("AUTH_PERMISSION_DENIED", "serviceusage.googleapis.com"))
    if need.api == "cloudresourcemanager":
        return ApiError("PERMISSION_DENIED", "The caller does not have permission")
    if need.api == "logging":
        return ApiError("PERMISSION_DENIED", "Permission denied for all log views")
    if need.api == "secretmanager":
        info = _info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission, resource=resource)
        return ApiError(
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied for resource '{resource}' (or it may not exist).",
            info,
        )
    if need.api == "run":
        return ApiError(
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied on resource '{resource}' (or resource may not exist).",
        )
    if need.api == "cloudscheduler":
        return ApiError(
            "PERMISSION_DENIED",
            f'The principal (user or service account) lacks IAM permission "{permission}" for the resource '
            f'"{resource}" (or the resource may not exist).',
        )
    if need.api == "artifactregistry":
        domain = "artifactregistry.googleapis.com"
        return ApiError(
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied on resource '//{domain}/{resource}' (or it may not exist).",
            _info("IAM_PERMISSION_DENIED", domain, permission=permission, resource=resource),
        )
    return ApiError(
        "PERMISSION_DENIED", plain, _info("IAM_PERMISSION_DENIED", "iam.googleapis.com", permission=permission)
    )


def _user_project_denied(project: str) -> ApiError:
    return ApiError(
        "PERMISSION_DENIED",
        f"Caller does not have required permission to use project {project}. Grant the caller the "
        "roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission.",
        _info("USER_PROJECT_DENIED", "googleapis.com", consumer=f"projects/{project}"),
    )


def _info(reason: str, domain: str, **metadata: str) -> Json:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain}
    return info | ({"metadata": metadata} if metadata else {})
