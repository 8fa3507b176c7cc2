"""google_*_iam_member: one member of one role in the IAM policy of another resource."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import ApiError, Resource, call, found, identify
from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import UNKNOWN, Object, is_unknown

# The version of a policy that may hold conditions (IAM, "Policy").
_POLICY_VERSION = 3
_ATTEMPTS = 5
# As the real provider, one change of a policy at a time (`GetMutexKey`): members of one resource are made in parallel.
_TURN = threading.Lock()
_ACCOUNT_LINK = re.compile(r"projects/[^/]+/serviceAccounts/[^/@]+@[-a-z0-9.]+\.gserviceaccount\.com$")
_MEMBER = re.compile(r".+:.+|projectOwners|projectReaders|projectWriters|allUsers|allAuthenticatedUsers")


class IamMember(Resource):
    """A member of a role.

    Args:
        block: the schema.
        product: the API of the resource that has the policy.
        path: the resource, with the names of this one's attributes in braces; the last one is the resource's name.
    """

    def __init__(self, block: Block, product: str, path: str) -> None:
        super().__init__(block)
        self._product = product
        self._path = path
        self._name = re.findall(r"\{(\w+)\}", path)[-1]
        self.immutable = ("condition", "location", "member", "project", "role", self._name)

    def validate(self, config: Object) -> Iterable[Any]:
        member = config["member"]
        if isinstance(member, str) and (member.startswith("deleted") or not _MEMBER.search(member)):
            yield values.diagnostic(
                f'invalid value "{member}" for member (IAM members must have one of the values outlined here: '
                "https://cloud.google.com/billing/docs/reference/rest/v1/Policy#Binding)",
                path=("member",),
            )

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        planned = super().complete_plan(configuration, planned, prior)
        if "location" in planned and (not planned["location"] or is_unknown(planned["location"])):
            planned["location"] = configuration.region or UNKNOWN
        # The name may be given in full; it names the same resource.
        for source in (planned, prior or {}):
            if isinstance(source.get(self._name), str):
                source[self._name] = source[self._name].rpartition("/")[2]
        return planned

    def create(self, configuration: Configuration, planned: Object) -> Object:
        self._modify(configuration, planned, lambda members: members | {planned["member"]})
        name = self._resource(planned)
        state = planned | {"id": "/".join([name, planned["role"], planned["member"], *_condition_title(planned)])}
        read = self.read(configuration, state)
        if read is None:
            raise ApiError(f"{planned['member']} was made a member of {planned['role']}, and is none")
        return read

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        policy = found(lambda: self._policy(configuration, state))
        for binding in (policy or {}).get("bindings", []):
            if _is_of(binding, state):
                for member in binding["members"]:
                    if member.lower() == state["member"].lower():
                        return state | {"member": member, "etag": policy.get("etag")}
        return None

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        # Everything about a member makes it another one.
        return planned

    def delete(self, configuration: Configuration, state: Object) -> None:
        try:
            self._modify(configuration, state, lambda members: members - {state["member"]})
        except ApiError as error:
            # The resource is gone, and its policy with it.
            if error.status != 404:
                raise

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        name, role, member = self._parts(identifier)
        names = [f"{{{one}}}" for one in re.findall(r"\{(\w+)\}", self._path)]
        parts = {"project": configuration.project} | identify(
            name, self._path, *("/".join(names[start:]) for start in range(len(names)))
        )
        if "{location}" in names:
            parts = {"location": configuration.region} | parts
        identity = "/".join([self._resource(parts), role, member])
        return self.empty() | parts | {"role": role, "member": member, "id": identity}

    @staticmethod
    def _parts(identifier: str) -> tuple[str, str, str]:
        """Resource, role and member of an import's identifier."""
        name, *rest = identifier.split()
        if len(rest) != 2:
            raise ApiError(
                f"Wrong number of parts to Member id {identifier.split()}; expected 'resource_name role member'."
            )
        return name, rest[0], rest[1]

    def _resource(self, state: Object) -> str:
        """What the identity of a member begins with."""
        return self._path.format_map(state)

    def _policy(self, configuration: Configuration, state: Object) -> Any:
        path = f"{self._path.format_map(state)}:getIamPolicy"
        parameters = {"options.requestedPolicyVersion": str(_POLICY_VERSION)}
        return call(configuration, "GET", self._product, path, parameters=parameters)

    def _write(self, configuration: Configuration, state: Object, policy: Any) -> None:
        path = f"{self._path.format_map(state)}:setIamPolicy"
        call(configuration, "POST", self._product, path, body={"policy": policy})

    def _modify(self, configuration: Configuration, state: Object, change: Callable[[set[str]], set[str]]) -> None:
        """Change the members of the state's role, again when somebody else was faster."""
        with _TURN:
            self._modify_in_turn(configuration, state, change)

    def _modify_in_turn(
        self, configuration: Configuration, state: Object, change: Callable[[set[str]], set[str]]
    ) -> None:
        for attempt in range(_ATTEMPTS):
            policy = self._policy(configuration, state)
            bindings = policy.get("bindings", [])
            mine = [binding for binding in bindings if _is_of(binding, state)]
            members = change({member for binding in mine for member in binding["members"]})
            others = [binding for binding in bindings if not _is_of(binding, state)]
            if members:
                others.append({"role": state["role"], "members": sorted(members)} | _condition(state))
            try:
                self._write(configuration, state, policy | {"bindings": others, "version": _POLICY_VERSION})
            except ApiError as error:
                if error.status != 409 or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return


class ProjectIamMember(IamMember):
    """A member of a role of a project (iam_project.go)."""

    def __init__(self, block: Block) -> None:
        super().__init__(block, "resource_manager", "projects/{project}")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        project, role, member = self._parts(identifier)
        identity = f"{project}/{role}/{member}"
        return self.empty() | {"project": project, "role": role, "member": member, "id": identity}

    def _resource(self, state: Object) -> str:
        return str(state["project"])

    def _policy(self, configuration: Configuration, state: Object) -> Any:
        body = {"options": {"requestedPolicyVersion": _POLICY_VERSION}}
        return call(configuration, "POST", self._product, f"{self._path.format_map(state)}:getIamPolicy", body=body)

    def _write(self, configuration: Configuration, state: Object, policy: Any) -> None:
        body = {"policy": policy, "updateMask": "bindings,etag,auditConfigs"}
        call(configuration, "POST", self._product, f"{self._path.format_map(state)}:setIamPolicy", body=body)


class ServiceAccountIamMember(IamMember):
    """Who may act as a service account (iam_service_account.go)."""

    def __init__(self, block: Block) -> None:
        super().__init__(block, "iam_beta", "{service_account_id}")

    def validate(self, config: Object) -> Iterable[Any]:
        yield from super().validate(config)
        account = config["service_account_id"]
        if isinstance(account, str) and not _ACCOUNT_LINK.search(account):
            yield values.diagnostic(
                f'"service_account_id" ("{account}") doesn\'t match regexp "{_ACCOUNT_LINK.pattern}"',
                path=("service_account_id",),
            )

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        # The name of an account is given in full.
        return Resource.complete_plan(self, configuration, planned, prior)

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        account, role, member = self._parts(identifier)
        identity = f"{account}/{role}/{member}"
        return self.empty() | {"service_account_id": account, "role": role, "member": member, "id": identity}

    def _policy(self, configuration: Configuration, state: Object) -> Any:
        path = f"{self._path.format_map(state)}:getIamPolicy"
        parameters = {"options.requestedPolicyVersion": str(_POLICY_VERSION)}
        return call(configuration, "POST", self._product, path, parameters=parameters)


class BucketIamMember(IamMember):
    """A member of a role of a bucket (iam_storage_bucket.go)."""

    def __init__(self, block: Block) -> None:
        super().__init__(block, "storage", "b/{bucket}")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        name, role, member = self._parts(identifier)
        bucket = name.rpartition("/")[2]
        identity = f"b/{bucket}/{role}/{member}"
        return self.empty() | {"bucket": bucket, "role": role, "member": member, "id": identity}

    def _policy(self, configuration: Configuration, state: Object) -> Any:
        parameters = {"optionsRequestedPolicyVersion": str(_POLICY_VERSION)}
        return call(configuration, "GET", self._product, f"{self._resource(state)}/iam", parameters=parameters)

    def _write(self, configuration: Configuration, state: Object, policy: Any) -> None:
        call(configuration, "PUT", self._product, f"{self._resource(state)}/iam", body=policy)


def _condition(state: Object) -> dict[str, Any]:
    given = state.get("condition") or []
    return {"condition": {key: value for key, value in given[0].items() if value}} if given else {}


def _condition_title(state: Object) -> list[str]:
    given = state.get("condition") or []
    return [given[0]["title"]] if given else []


def _is_of(binding: dict[str, Any], state: Object) -> bool:
    return bool(
        binding["role"] == state["role"] and binding.get("condition", {}) == _condition(state).get("condition", {})
    )
