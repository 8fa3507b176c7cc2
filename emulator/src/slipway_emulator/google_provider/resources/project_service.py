"""google_project_service: Service Usage API v1, services of a project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slipway_emulator.google_provider import values
from slipway_emulator.google_provider.configuration import Configuration
from slipway_emulator.google_provider.resource import ApiError, Resource, call, found, wait
from slipway_emulator.google_provider.values import Object

_PRODUCT = "service_usage"


class ProjectService(Resource):
    """An API that a project may use."""

    immutable = ("project", "service")

    def validate(self, config: Object) -> Iterable[Any]:
        service = config["service"]
        if isinstance(service, str) and "." not in service:
            yield values.diagnostic(
                f"expected {service} to be a domain like serviceusage.googleapis.com", path=("service",)
            )

    def create(self, configuration: Configuration, planned: Object) -> Object:
        project, service = planned["project"], planned["service"]
        if service not in _enabled(configuration, project):
            operation = call(configuration, "POST", _PRODUCT, f"projects/{project}/services/{service}:enable", body={})
            wait(configuration, _PRODUCT, operation, f'Enable Project "{project}" Services: [{service}]')
        return planned | {"id": f"{project}/{service}"}

    def read(self, configuration: Configuration, state: Object) -> Object | None:
        project, _, service = state["id"].partition("/")
        there = found(lambda: call(configuration, "GET", "resource_manager", f"projects/{project}"))
        if there is None or service not in _enabled(configuration, project):
            return None
        return state | {"project": project, "service": service}

    def update(self, configuration: Configuration, prior: Object, planned: Object) -> Object:
        # What is left to change is for Terraform alone.
        return planned

    def delete(self, configuration: Configuration, state: Object) -> None:
        if state["disable_on_destroy"]:
            path = f"projects/{state['project']}/services/{state['service']}:disable"
            body = {"disableDependentServices": bool(state["disable_dependent_services"])}
            operation = call(configuration, "POST", _PRODUCT, path, body=body)
            wait(configuration, _PRODUCT, operation, "api to disable")

    def import_state(self, configuration: Configuration, identifier: str) -> Object:
        project, separator, service = identifier.partition("/")
        if not separator or "/" in service:
            raise ApiError(
                "Invalid google_project_service id format for import, expecting `{project}/{service}`, "
                f"found {identifier}"
            )
        return self.empty() | {"id": identifier, "project": project, "service": service}


def _enabled(configuration: Configuration, project: str) -> set[str]:
    """The APIs that a project may use (`ListCurrentlyEnabledServices`)."""
    path, names = f"projects/{project}/services", set()
    parameters = {"filter": "state:ENABLED", "pageSize": "200", "fields": "services/name,nextPageToken"}
    while True:
        answer = call(configuration, "GET", _PRODUCT, path, parameters=parameters)
        names |= {service["name"].rpartition("/")[2] for service in answer.get("services", [])}
        if not answer.get("nextPageToken"):
            return names
        parameters["pageToken"] = answer["nextPageToken"]
