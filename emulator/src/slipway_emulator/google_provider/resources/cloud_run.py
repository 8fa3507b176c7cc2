"""google_cloud_run_v2_service: Cloud Run Admin API v2, projects.locations.services."""

from __future__ import annotations

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
    owned_labels,
    wait,
)
from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import Object

_PRODUCT = "cloud_run_v2"

# hashicorp/google 7.45, resource_cloud_run_v2_service.go.
_PROBES = ("template.containers.liveness_probe", "template.containers.startup_probe")
_PROBE_DEFAULTS: dict[str, Any] = {
    "failure_threshold": 3,
    "initial_delay_seconds": 0,
    "period_seconds": 10,
    "timeout_seconds": 1,
    "http_get.path": "/",
}
_TERRAFORM_ONLY = ("deletion_protection", *TERRAFORM_ONLY)


class Service(Resource):
    """A Cloud Run service."""

    immutable = ("name", "location", "project")
    computed_blocks = (
        "scaling",
        "traffic",
        "template.scaling",
        "template.containers.ports",
        "template.containers.resources",
        "template.containers.startup_probe",
    )
    defaults: ClassVar[dict[str, Any]] = {"deletion_protection": True} | {
        f"{probe}.{name}": default for probe in _PROBES for name, default in _PROBE_DEFAULTS.items()
    }

    def create(self, configuration: Configuration, planned: Object) -> Object:
        parent = "projects/{project}/locations/{location}/services".format_map(planned)
        body = self._body(planned)
        try:
            operation = call(
                configuration, "POST", _PRODUCT, parent, parameters={"serviceId": planned["name"]}, body=body
            )
        except ApiError as error:
            raise ApiError(f"Error creating Service: {error}", error.status) from None
        state = planned | {"id": f"{parent}/{planned['name']}"}
        try:
            wait(configuration, _PRODUCT, operation, "Creating Service")
        except ApiError as error:
            # What failed to start is there all the same: Terraform keeps it, and makes it anew next time.
            kept = self.read(configuration, state)
            raise ApiError(f"Error waiting to create Service: {error}", state=kept) from None
        return self._read_back(configuration, state)

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        identity = identify(state["id"], "projects/{project}/locations/{location}/services/{name}")
        read = flatten(self.block, answer) | owned_labels(state, answer) | identity | {"id": state["id"]}
        return values.settle(self.block, read, state) | {name: state.get(name) for name in _TERRAFORM_ONLY}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        body = self._body(planned)
        if body != self._body(prior):
            try:
                operation = call(configuration, "PATCH", _PRODUCT, prior["id"], body=body)
            except ApiError as error:
                raise ApiError(f'Error updating Service "{prior["id"]}": {error}', error.status) from None
            try:
                wait(configuration, _PRODUCT, operation, "Updating Service")
            except ApiError as error:
                raise ApiError(str(error), state=self._read_back(configuration, planned)) from None
        return self._read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        if state.get("deletion_protection"):
            raise ApiError(
                "cannot destroy service without setting deletion_protection=false and running `terraform apply`"
            )
        operation = found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))
        if operation is not None:
            wait(configuration, _PRODUCT, operation, "Deleting Service")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(
            identifier,
            "projects/{project}/locations/{location}/services/{name}",
            "{project}/{location}/{name}",
            "{location}/{name}",
        )
        name = "projects/{project}/locations/{location}/services/{name}".format_map(parts)
        return self.empty() | parts | {"id": name, "deletion_protection": True}

    def _body(self, value: Object) -> dict[str, Any]:
        arguments = Block(
            {
                name: attribute
                for name, attribute in self.block.attributes.items()
                if attribute.optional and name not in ("id", "project", *_TERRAFORM_ONLY)
            },
            self.block.blocks,
        )
        body = expand(arguments, value)
        for container in body["template"].get("containers", []):
            if "ports" in container:
                # At most one in Terraform, a list in the API.
                container["ports"] = [container["ports"]]
            if "resources" in container:
                # Sent even where nothing is said: whoever sets limits has to say that CPU is only for requests.
                container["resources"].setdefault("cpuIdle", False)
        for kind in ("labels", "annotations"):
            effective = value.get(f"effective_{kind}")
            body[kind] = effective if isinstance(effective, dict) else {}
        return body

    def _read_back(self, configuration: Configuration, state: Object) -> Object:
        read = self.read(configuration, state)
        if read is None:
            raise ApiError(f"{state['id']} was there, and is gone")
        return read
