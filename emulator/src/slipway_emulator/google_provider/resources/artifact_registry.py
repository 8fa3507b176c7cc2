"""google_artifact_registry_repository: Artifact Registry API v1, projects.locations.repositories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import (
    TERRAFORM_ONLY,
    ApiError,
    Resource,
    call,
    expand,
    flatten,
    found,
    identify,
    owned_labels,
    wait,
)
from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import UNKNOWN, Object

_PRODUCT = "artifact_registry"
_PATH = "projects/{project}/locations/{location}/repositories/{repository_id}"
_DURATION_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Repository(Resource):
    """A repository of container images or packages."""

    immutable = ("format", "kms_key_name", "location", "mode", "project", "repository_id")
    computed_blocks = ("vulnerability_scanning_config",)

    def validate(self, config: Object) -> Iterable[Any]:
        """What the provider refuses beyond the schema (resource_artifact_registry_repository.go)."""
        if config.get("remote_repository_config") and config.get("virtual_repository_config"):
            yield values.diagnostic(
                "Conflicting configuration arguments",
                '"remote_repository_config": conflicts with virtual_repository_config',
                ("remote_repository_config",),
            )
        sources = self.block.blocks["remote_repository_config"].block.blocks
        kinds = sorted(name for name in sources if name.endswith("_repository"))
        for remote in values.items(self.block.blocks["remote_repository_config"], config["remote_repository_config"]):
            given = [kind for kind in kinds if remote.get(kind)]
            if len(given) != 1:
                names = ",".join(f"remote_repository_config.0.{kind}" for kind in kinds)
                what = f"`{','.join(given)}` were specified" if given else "none were specified"
                yield values.diagnostic(
                    "Invalid combination of arguments", f"only one of `{names}` can be specified, but {what}."
                )

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        planned = super().complete_plan(configuration, planned, prior)
        if not planned["location"] or values.is_unknown(planned["location"]):
            planned["location"] = configuration.region or UNKNOWN
        return planned

    def create(self, configuration: Configuration, planned: Object) -> Object:
        name = _PATH.format_map(planned)
        parameters = {"repositoryId": planned["repository_id"]}
        parent = name.rpartition("/")[0]
        try:
            operation = call(configuration, "POST", _PRODUCT, parent, parameters=parameters, body=self._body(planned))
            wait(configuration, _PRODUCT, operation, "Creating Repository")
        except ApiError as error:
            raise ApiError(f"Error creating Repository: {error}", error.status) from None
        return self.read_back(configuration, planned | {"id": name})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        policies = [{"id": key} | policy for key, policy in (answer.get("cleanupPolicies") or {}).items()]
        answer = answer | {"cleanupPolicies": policies}
        identity = identify(state["id"], _PATH)
        read = flatten(self.block, answer) | owned_labels(state, answer) | identity
        read |= {"id": state["id"], "name": identity["repository_id"]}
        settled = values.settle(self.block, read, state)
        _keep_durations(settled["cleanup_policies"], state.get("cleanup_policies") or [])
        return settled

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        before, after = self._body(prior), self._body(planned)
        changed = sorted(key for key in set(before) | set(after) if before.get(key) != after.get(key))
        if changed:
            parameters = {"updateMask": ",".join(changed)}
            call(configuration, "PATCH", _PRODUCT, prior["id"], parameters=parameters, body=after)
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        operation = found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))
        if operation is not None:
            wait(configuration, _PRODUCT, operation, "Deleting Repository")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project, "location": configuration.region} | identify(
            identifier, _PATH, "{project}/{location}/{repository_id}", "{location}/{repository_id}", "{repository_id}"
        )
        return self.empty() | parts | {"id": _PATH.format_map(parts)}

    def _body(self, value: Object) -> dict[str, Any]:
        arguments = Block(
            {
                name: attribute
                for name, attribute in self.block.attributes.items()
                if attribute.optional or attribute.required
                if name not in ("id", "project", "location", "repository_id", *TERRAFORM_ONLY)
            },
            self.block.blocks,
        )
        body = expand(arguments, value)
        labels = value.get("effective_labels")
        body["labels"] = labels if isinstance(labels, dict) else {}
        # A map in the API, a set of blocks with an `id` in Terraform.
        policies = body.pop("cleanupPolicies", [])
        if policies:
            body["cleanupPolicies"] = {policy["id"]: _in_seconds(policy) for policy in policies}
        return body


def _in_seconds(policy: dict[str, Any]) -> dict[str, Any]:
    condition = dict(policy.get("condition") or {})
    for name in ("olderThan", "newerThan"):
        if name in condition:
            condition[name] = f"{_seconds(condition[name])}s"
    return policy | ({"condition": condition} if condition else {})


def _seconds(duration: str) -> int | None:
    try:
        return int(duration[:-1]) * _DURATION_SECONDS[duration[-1:]]
    except (KeyError, ValueError):
        return None


def _keep_durations(read: list[Object], state: list[Object]) -> None:
    """Durations as the user wrote them where the API answers the same one in seconds."""
    if values.is_unknown(state):
        return
    befores = {policy["id"]: policy for policy in state}
    for policy in read:
        for condition, before in zip(
            policy["condition"], befores.get(policy["id"], {}).get("condition") or [], strict=False
        ):
            for name in ("older_than", "newer_than"):
                if condition[name] and before[name] and _seconds(condition[name]) == _seconds(before[name]):
                    condition[name] = before[name]
