"""google_iam_workload_identity_pool and its providers: IAM API v1, projects.locations.workloadIdentityPools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import (
    TERRAFORM_ONLY,
    ApiError,
    Resource,
    call,
    camel,
    expand,
    flatten,
    found,
    identify,
    wait,
)
from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import Object

_PRODUCT = "iam_beta"
_POOL = "projects/{project}/locations/global/workloadIdentityPools/{workload_identity_pool_id}"
_PROVIDER = f"{_POOL}/providers/{{workload_identity_pool_provider_id}}"
_SHORTEST_ID, _LONGEST_ID = 4, 32
_KINDS = ("aws", "oidc", "saml", "x509")


class _Federation(Resource):
    """What pools and providers have in common.

    Args:
        block: the schema.
    """

    # The name, what the real provider calls it in messages, and the argument that ends the name.
    path: str
    title: str
    identifier: str

    def validate(self, config: Object) -> Iterable[Any]:
        """As ValidateWorkloadIdentityPoolId and ValidateWorkloadIdentityPoolProviderId."""
        value, key = config[self.identifier], self.identifier
        if not isinstance(value, str):
            return
        if value.startswith("gcp-"):
            yield values.diagnostic(f'"{key}" ("{value}") can not start with "gcp-"', path=(key,))
        if not re.fullmatch(r"[0-9a-z-]+", value):
            text = f'"{key}" must contain only lowercase letters (a-z), numbers (0-9), or dashes (-)'
            yield values.diagnostic(text, path=(key,))
        if len(value) < _SHORTEST_ID:
            yield values.diagnostic(f'"{key}" cannot be smaller than {_SHORTEST_ID} characters', path=(key,))
        if len(value) > _LONGEST_ID:
            yield values.diagnostic(f'"{key}" cannot be greater than {_LONGEST_ID} characters', path=(key,))

    def create(self, configuration: Configuration, planned: Object) -> Object:
        name = self.path.format_map(planned)
        parent, _, identifier = name.rpartition("/")
        parameters = {camel(self.identifier): identifier}
        try:
            operation = call(configuration, "POST", _PRODUCT, parent, parameters=parameters, body=self._body(planned))
        except ApiError as error:
            raise ApiError(f"Error creating {self.title}: {error}", error.status) from None
        wait(configuration, _PRODUCT, operation, f"Creating {self.title}")
        return self.read_back(configuration, planned | {"id": name})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None or answer.get("state") == "DELETED":
            return None
        read = flatten(self.block, answer) | identify(state["id"], self.path) | {"id": state["id"]}
        return values.settle(self.block, read, state)

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        before, after = self._body(prior), self._body(planned)
        changed = sorted(key for key in set(before) | set(after) if before.get(key) != after.get(key))
        if changed:
            parameters = {"updateMask": ",".join(self._masks(changed))}
            try:
                operation = call(configuration, "PATCH", _PRODUCT, prior["id"], parameters=parameters, body=after)
            except ApiError as error:
                raise ApiError(f'Error updating {self.title} "{prior["id"]}": {error}', error.status) from None
            wait(configuration, _PRODUCT, operation, f"Updating {self.title}")
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        operation = found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))
        if operation is not None:
            wait(configuration, _PRODUCT, operation, f"Deleting {self.title}")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        names = [f"{{{name}}}" for name in re.findall(r"\{(\w+)\}", self.path)]
        parts = {"project": configuration.project} | identify(
            identifier, self.path, "/".join(names), "/".join(names[1:])
        )
        return self.empty() | parts | {"id": self.path.format_map(parts)}

    def _masks(self, changed: list[str]) -> list[str]:
        return changed

    def _body(self, value: Object) -> dict[str, Any]:
        arguments = {
            name: attribute
            for name, attribute in self.block.attributes.items()
            if attribute.optional or attribute.required
            if name not in ("id", "project", *TERRAFORM_ONLY) and not name.endswith("_id")
        }
        blocks = {name: nested for name, nested in self.block.blocks.items() if name != "timeouts"}
        return expand(Block(arguments, blocks), value)


class Pool(_Federation):
    """A pool of identities from elsewhere."""

    immutable = ("project", "workload_identity_pool_id")
    path, title, identifier = _POOL, "WorkloadIdentityPool", "workload_identity_pool_id"

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        there = super().read(configuration, state)
        if there is not None:
            # The real provider asks for them, too; the emulator has none.
            call(configuration, "GET", _PRODUCT, f"{state['id']}:listAttestationRules")
        return there


class Provider(_Federation):
    """Who vouches for the identities of a pool."""

    immutable = ("project", "workload_identity_pool_id", "workload_identity_pool_provider_id")
    path, title, identifier = _PROVIDER, "WorkloadIdentityPoolProvider", "workload_identity_pool_provider_id"

    def validate(self, config: Object) -> Iterable[Any]:
        yield from super().validate(config)
        given = [kind for kind in _KINDS if config.get(kind)]
        if len(given) != 1:
            what = f"`{','.join(given)}` were specified" if given else "no argument was specified"
            yield values.diagnostic(
                "Invalid combination of arguments", f"one of `{','.join(_KINDS)}` must be specified, but {what}"
            )

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        there = super().read(configuration, state)
        for now, before in zip((there or {}).get("oidc") or [], state.get("oidc") or [], strict=False):
            # `jwksJsonDiffSuppress`: the same keys, however they are written.
            if _is_same_json(now["jwks_json"], before["jwks_json"]):
                now["jwks_json"] = before["jwks_json"]
        return there

    def _masks(self, changed: list[str]) -> list[str]:
        oidc = ["oidc.allowed_audiences", "oidc.issuer_uri", "oidc.jwks_json"]
        return [mask for name in changed for mask in (oidc if name == "oidc" else [name])]


def _is_same_json(one: Any, other: Any) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except (TypeError, ValueError):
        return False
