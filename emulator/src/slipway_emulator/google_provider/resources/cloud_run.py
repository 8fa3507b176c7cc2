"""google_cloud_run_v2_job, _service and _worker_pool: Cloud Run Admin API v2."""

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

_PROBE_DEFAULTS: dict[str, Any] = {
    "failure_threshold": 3,
    "initial_delay_seconds": 0,
    "period_seconds": 10,
    "timeout_seconds": 1,
}
_TERRAFORM_ONLY = ("deletion_protection", *TERRAFORM_ONLY)


def _probes(containers: str, *kinds: str) -> dict[str, Any]:
    """The defaults of probes of containers at a path."""
    return {f"{containers}.{kind}.{name}": value for kind in kinds for name, value in _PROBE_DEFAULTS.items()}


class _RunResource(Resource):
    """What the three have in common: a name in a location, operations, protection, and what is kept of a failure."""

    immutable = ("name", "location", "project")
    # What the API calls the collection, and the parameter with the name of a new one; what the provider's messages call
    # one, and its refusal to delete one that is protected.
    collection: ClassVar[str]
    identifier: ClassVar[str]
    title: ClassVar[str]
    noun: ClassVar[str]

    def create(self, configuration: Configuration, planned: Object) -> Object:
        parent = f"projects/{planned['project']}/locations/{planned['location']}/{self.collection}"
        parameters = {self.identifier: planned["name"]}
        try:
            operation = call(configuration, "POST", _PRODUCT, parent, parameters=parameters, body=self.body(planned))
        except ApiError as error:
            raise ApiError(f"Error creating {self.title}: {error}", error.status) from None
        state = planned | {"id": f"{parent}/{planned['name']}"}
        try:
            wait(configuration, _PRODUCT, operation, f"Creating {self.title}")
        except ApiError as error:
            # What failed to start is there all the same: Terraform keeps it, and makes it anew next time.
            kept = self.read(configuration, state)
            raise ApiError(f"Error waiting to create {self.title}: {error}", state=kept) from None
        return self.read_back(configuration, state)

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        answer = found(lambda: call(configuration, "GET", _PRODUCT, state["id"]))
        if answer is None:
            return None
        read = flatten(self.block, answer) | owned_labels(state, answer)
        read |= identify(state["id"], self._path) | {"id": state["id"]}
        return values.settle(self.block, read, state) | {name: state.get(name) for name in _TERRAFORM_ONLY}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        body = self.body(planned)
        if body != self.body(prior):
            try:
                operation = call(configuration, "PATCH", _PRODUCT, prior["id"], body=body)
            except ApiError as error:
                raise ApiError(f'Error updating {self.title} "{prior["id"]}": {error}', error.status) from None
            try:
                wait(configuration, _PRODUCT, operation, f"Updating {self.title}")
            except ApiError as error:
                raise ApiError(str(error), state=self.read_back(configuration, planned)) from None
        return self.read_back(configuration, planned)

    def delete(self, configuration: Configuration, state: Object) -> None:
        if state.get("deletion_protection"):
            raise ApiError(
                f"cannot destroy {self.noun} without setting deletion_protection=false and running `terraform apply`"
            )
        operation = found(lambda: call(configuration, "DELETE", _PRODUCT, state["id"]))
        if operation is not None:
            wait(configuration, _PRODUCT, operation, f"Deleting {self.title}")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        parts = {"project": configuration.project} | identify(
            identifier, self._path, "{project}/{location}/{name}", "{location}/{name}"
        )
        return self.empty() | parts | {"id": self._path.format_map(parts), "deletion_protection": True}

    @property
    def _path(self) -> str:
        return f"projects/{{project}}/locations/{{location}}/{self.collection}/{{name}}"

    def body(self, value: Object) -> dict[str, Any]:
        """What the API is told."""
        arguments = Block(
            {
                name: attribute
                for name, attribute in self.block.attributes.items()
                if attribute.optional and name not in ("id", "project", *_TERRAFORM_ONLY)
            },
            self.block.blocks,
        )
        body = expand(arguments, value)
        for kind in ("labels", "annotations"):
            effective = value.get(f"effective_{kind}")
            body[kind] = effective if isinstance(effective, dict) else {}
        return body


class Service(_RunResource):
    """A Cloud Run service (hashicorp/google 7.45, resource_cloud_run_v2_service.go)."""

    collection, identifier, title, noun = "services", "serviceId", "Service", "service"
    computed_blocks = (
        "scaling",
        "traffic",
        "template.scaling",
        "template.containers.ports",
        "template.containers.resources",
        "template.containers.startup_probe",
    )
    defaults: ClassVar[dict[str, Any]] = {
        "deletion_protection": True,
        "template.containers.liveness_probe.http_get.path": "/",
        "template.containers.startup_probe.http_get.path": "/",
    } | _probes("template.containers", "liveness_probe", "startup_probe")

    def body(self, value: Object) -> dict[str, Any]:
        body = super().body(value)
        for container in body["template"].get("containers", []):
            if "ports" in container:
                # At most one in Terraform, a list in the API.
                container["ports"] = [container["ports"]]
            if "resources" in container:
                # Sent even where nothing is said: whoever sets limits has to say that CPU is only for requests.
                container["resources"].setdefault("cpuIdle", False)
        return body


class WorkerPool(_RunResource):
    """A Cloud Run worker pool (resource_cloud_run_v2_worker_pool.go)."""

    collection, identifier, title, noun = "workerPools", "workerPoolId", "WorkerPool", "WorkerPool"
    computed_blocks = ("scaling", "instance_splits", "template.containers.resources")
    defaults: ClassVar[dict[str, Any]] = {"deletion_protection": True} | _probes(
        "template.containers", "liveness_probe", "startup_probe"
    )

    def body(self, value: Object) -> dict[str, Any]:
        body = super().body(value)
        if "scaling" in body:
            # Sent even where nothing is said.
            body["scaling"].setdefault("manualInstanceCount", 0)
        return body


class Job(_RunResource):
    """A Cloud Run job (resource_cloud_run_v2_job.go)."""

    collection, identifier, title, noun = "jobs", "jobId", "Job", "job"
    computed_blocks = (
        "template.template.containers",
        "template.template.containers.resources",
        "template.template.containers.startup_probe",
    )
    defaults: ClassVar[dict[str, Any]] = {
        "deletion_protection": True,
        "template.template.max_retries": 3,
        "template.template.containers.startup_probe.http_get.path": "/",
    } | _probes("template.template.containers", "startup_probe")
