"""What the tests of Cloud Run share: services of the test image, and their containers."""

from __future__ import annotations

import copy
from typing import Any

import docker

from emulator.tests.google_apis import RUN, Google
from emulator.tests.stack import Json

LABEL = "run.googleapis.com/revision"
_PROBE = {"httpGet": {"path": "/health"}, "periodSeconds": 1, "failureThreshold": 30}
_PUBLIC = {"policy": {"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}]}}


class CloudRun:
    """Cloud Run services of the test image.

    Args:
        google: the project.
        image: the test image, by its digest.
    """

    def __init__(self, google: Google, image: str) -> None:
        self.google = google
        self.image = image

    def path(self, name: str) -> str:
        """Where a service is asked for."""
        return f"{RUN}/{self.google.parent}/services/{name}"

    def service(self, **variables: str) -> Json:
        """A service of the test image with these variables."""
        container = {
            "image": self.image,
            "ports": [{"containerPort": 8000}],
            "env": [{"name": name, "value": value} for name, value in variables.items()],
            "resources": {"limits": {"cpu": "1", "memory": "128Mi"}},
            "startupProbe": copy.deepcopy(_PROBE),
        }
        return {"template": {"containers": [container], "scaling": {"maxInstanceCount": 3}}}

    def create(self, name: str, body: Json | None = None) -> Json:
        """Create a service; the operation when it is done."""
        where = f"{self.google.parent}/services"
        return self.google.operate(RUN, "POST", where, body or self.service(), serviceId=name)

    def update(self, name: str, body: Json, **parameters: str) -> Json:
        """Change a service; the operation when it is done."""
        return self.google.operate(RUN, "PATCH", f"{self.google.parent}/services/{name}", body, **parameters)

    def get(self, name: str) -> Json:
        """A service."""
        return self.google.call("GET", self.path(name))

    def revision(self, name: str) -> Json:
        """A revision, by its whole name."""
        return self.google.call("GET", f"{RUN}/{name}")

    def open(self, name: str) -> str:
        """Let everybody call a service; its host name."""
        self.google.call("POST", f"{self.path(name)}:setIamPolicy", _PUBLIC)
        return host(self.get(name)["uri"])

    def delete(self, name: str) -> None:
        """Delete a service, and wait until it is gone."""
        assert "error" not in self.google.operate(RUN, "DELETE", f"{self.google.parent}/services/{name}")


def host(uri: str) -> str:
    """The host name of a service's address."""
    return uri.removeprefix("https://")


def short(name: str) -> str:
    """The last part of a name."""
    return name.rpartition("/")[2]


def containers(engine: docker.DockerClient, name: str) -> list[Any]:
    """The containers of a revision, or of all revisions of a service, by its whole name."""
    found = engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    return [container for container in found if f"{container.labels[LABEL]}/".startswith(f"{name}/")]
