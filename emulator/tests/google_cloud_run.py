"""What the tests of Cloud Run share: services of the test image, and their containers."""

from __future__ import annotations

import copy
from typing import Any

import docker

from emulator.tests.google_apis import LOGGING, RUN, Google
from emulator.tests.stack import Json

LABEL, TASK_LABEL = "run.googleapis.com/revision", "run.googleapis.com/task"
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

    def worker_pool(self, count: int = 1, **variables: str) -> Json:
        """A worker pool of the test image with these variables."""
        return {"template": {"containers": [self._container(variables)]}, "scaling": {"manualInstanceCount": count}}

    def job(self, program: str, **variables: str) -> Json:
        """A job that runs a program in Python once, with these variables."""
        container = self._container(variables) | {"command": ["python", "-uc"], "args": [program]}
        return {"template": {"template": {"containers": [container], "maxRetries": 0, "timeout": "60s"}}}

    def _container(self, variables: dict[str, str]) -> Json:
        environment = [{"name": name, "value": value} for name, value in variables.items()]
        return {"image": self.image, "env": environment, "resources": {"limits": {"cpu": "1", "memory": "512Mi"}}}

    def make(self, collection: str, name: str, body: Json) -> Json:
        """Create a worker pool or a job; the operation when it is done."""
        parameter = {"workerPools": "workerPoolId", "jobs": "jobId"}[collection]
        return self.google.operate(RUN, "POST", f"{self.google.parent}/{collection}", body, **{parameter: name})

    def execute(self, job: str, body: Json | None = None) -> Json:
        """Run a job; the operation when it is done."""
        return self.google.operate(RUN, "POST", f"{self.google.parent}/jobs/{job}:run", body or {})

    def log(self, wanted: str) -> list[Json]:
        """The log entries that a filter finds, the oldest first."""
        body = {"resourceNames": [f"projects/{self.google.project}"], "filter": wanted}
        entries: list[Json] = self.google.call("POST", f"{LOGGING}/entries:list", body).get("entries", [])
        return entries

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
    """The containers of a revision, or of all of a service, worker pool or job, by its whole name."""
    label = TASK_LABEL if "/jobs/" in name else LABEL
    found = engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)
    return [container for container in found if f"{container.labels[label]}/".startswith(f"{name}/")]
