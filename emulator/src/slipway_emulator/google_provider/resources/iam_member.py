"""google_*_iam_member: one member of one role in the IAM policy of another resource."""

from __future__ import annotations

import re
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
        if not planned["location"] or is_unknown(planned["location"]):
            planned["location"] = configuration.region or UNKNOWN
        # The name may be given in full; it names the same resource.
        for source in (planned, prior or {}):
            if isinstance(source.get(self._name), str):
                source[self._name] = source[self._name].rpartition("/")[2]
        return planned

    def create(self, configuration: Configuration, planned: Object) -> Object:
        self._modify(configuration, planned, lambda members: members | {planned["member"]})
        name = self._path.format_map(planned)
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
        name, *rest = identifier.split()
        if len(rest) != 2:
            raise ApiError(
                f"Wrong number of parts to Member id {identifier.split()}; expected 'resource_name role member'."
            )
        parts = {"project": configuration.project, "location": configuration.region} | identify(
            name,
            self._path,
            f"{{project}}/{{location}}/{{{self._name}}}",
            f"{{location}}/{{{self._name}}}",
            f"{{{self._name}}}",
        )
        identity = "/".join([self._path.format_map(parts), *rest])
        return self.empty() | parts | {"role": rest[0], "member": rest[1], "id": identity}

    def _policy(self, configuration: Configuration, state: Object) -> Any:
        path = f"{self._path.format_map(state)}:getIamPolicy"
        parameters = {"options.requestedPolicyVersion": str(_POLICY_VERSION)}
        return call(configuration, "GET", self._product, path, parameters=parameters)

    def _modify(self, configuration: Configuration, state: Object, change: Callable[[set[str]], set[str]]) -> None:
        """Change the members of the state's role, again when somebody else was faster."""
        for attempt in range(_ATTEMPTS):
            policy = self._policy(configuration, state)
            bindings = policy.get("bindings", [])
            mine = [binding for binding in bindings if _is_of(binding, state)]
            members = change({member for binding in mine for member in binding["members"]})
            others = [binding for binding in bindings if not _is_of(binding, state)]
            if members:
                others.append({"role": state["role"], "members": sorted(members)} | _condition(state))
            body = {"policy": policy | {"bindings": others, "version": _POLICY_VERSION}}
            try:
                call(configuration, "POST", self._product, f"{self._path.format_map(state)}:setIamPolicy", body=body)
            except ApiError as error:
                if error.status != 409 or attempt == _ATTEMPTS - 1:
                    raise
            else:
                return


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
