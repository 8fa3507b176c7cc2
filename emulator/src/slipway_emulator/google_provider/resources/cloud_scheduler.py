"""google_cloud_scheduler_job: Cloud Scheduler API v1, projects.locations.jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

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
)
from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import UNKNOWN, Object, is_unknown

_PRODUCT = "cloud_scheduler"
_PATH = "projects/{project}/locations/{region}/jobs/{name}"
_DEFAULT_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TERRAFORM_ONLY = ("paused", *TERRAFORM_ONLY)


class Job(Resource):
    """A job of Cloud Scheduler (hashicorp/google 7.45, resource_cloud_scheduler_job.go)."""

    immutable = ("name", "region", "project")
    defaults: ClassVar[dict[str, Any]] = {"attempt_deadline": "180s", "time_zone": "Etc/UTC"}

    def validate(self, config: Object) -> Iterable[Any]:
        for target in config["http_target"] or []:
            if not is_unknown(target) and target["oauth_token"] and target["oidc_token"]:
                yield values.diagnostic(
                    "Error in http_target: only one of oauth_token or oidc_token can be specified, but not both.",
                    path=("http_target",),
                )

    def complete_plan(self, configuration: Configuration, planned: Object, prior: Object | None) -> Object:
        planned = super().complete_plan(configuration, planned, prior)
        if not planned["region"] or is_unknown(planned["region"]):
            planned["region"] = configuration.region or UNKNOWN
        token, before = _token(planned), _token(prior or {})
        if token is not None and before is not None and not token["scope"] and before["scope"] == _DEFAULT_SCOPE:
            # The default is what nothing stands for (`authHeaderDiffSuppress`).
            token["scope"] = before["scope"]
        return planned

    def create(self, configuration: Configuration, planned: Object) -> Object:
        name = _PATH.format_map(planned)
        try:
            call(configuration, "POST", _PRODUCT, name.rpartition("/")[0], body=self._body(planned, name))
        except ApiError as error:
            raise ApiError(f"Error creating Job: {error}", error.status) from None
        # Also one that is not paused is resumed.
        self._set_state(configuration, name, planned)
        return self.read_back(configuration, planned | {"id": name})

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        read = flatten(self.block, answer) | identify(state["id"], _PATH) | {"id": state["id"]}
        read |= {"paused": answer["state"] == "PAUSED"}
        token, before = _token(read), _token(state)
        if token is not None and before is not None and not before["scope"] and token["scope"] == _DEFAULT_SCOPE:
            token["scope"] = before["scope"]
        return values.settle(self.block, read, state) | {name: state.get(name) for name in TERRAFORM_ONLY}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        body = self._body(planned, prior["id"])
        if body != self._body(prior, prior["id"]):
            try:
                call(configuration, "PATCH", _PRODUCT, prior["id"], body=body)
            except ApiError as error:
                raise ApiError(f'Error updating Job "{prior["id"]}": {error}', error.status) from None
        if bool(prior.get("paused")) != bool(planned.get("paused")):
            self._set_state(configuration, prior["id"], planned)
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        defaults = {"project": configuration.project, "region": configuration.region}
        parts = defaults | identify(identifier, _PATH, "{project}/{region}/{name}", "{region}/{name}", "{name}")
        return self.empty() | parts | {"id": _PATH.format_map(parts)}

    @staticmethod
    def _set_state(configuration: Configuration, name: str, planned: Object) -> None:
        verb = "pause" if planned.get("paused") is True else "resume"
        try:
            call(configuration, "POST", _PRODUCT, f"{name}:{verb}", body={})
        except ApiError as error:
            raise ApiError(f"Error setting Cloud Scheduler Job status: {error}", error.status) from None

    def _body(self, value: Object, name: str) -> dict[str, Any]:
        arguments = Block(
            {
                name: attribute
                for name, attribute in self.block.attributes.items()
                if attribute.optional and name not in ("id", "project", "region", *_TERRAFORM_ONLY)
            },
            self.block.blocks,
        )
        return expand(arguments, value) | {"name": name}


def _token(value: Object) -> Object | None:
    """The OAuth token of a job, where it has one."""
    for target in value.get("http_target") or []:
        if not is_unknown(target):
            for token in target["oauth_token"] or []:
                return None if is_unknown(token) else token
    return None
