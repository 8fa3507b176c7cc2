"""A deployment of Cloud Run, by the service's own condition."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils import deployment
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

_SUCCEEDED = "CONDITION_SUCCEEDED"

Json = dict[str, Any]


class Deployment(deployment.Deployment):
    """The last deployment of one service."""

    def __init__(self, request: deployment.Request) -> None:
        super().__init__(request)
        self._cloud = GoogleCloud()

    @property
    def name(self) -> str:
        """Full name of the service, `projects/<project>/locations/<region>/services/<service>`."""
        return str(self.request.outputs["service_id"])

    def follow(self) -> str:
        """Wait until the service is settled, and return its latest revision."""
        late = f"The deployment of {self.name} is under way after {self.request.timeout_seconds} s still"
        service = self.wait_for(self._settled, lambda: late)
        condition = service.get("terminalCondition", {})
        if condition.get("state") != _SUCCEEDED:
            reason = condition.get("message", "Cloud Run gives no reason")
            serving = service.get("latestReadyRevision") or "No revision"
            raise ActionError(
                f"The deployment of {self.name} failed: {reason}. {serving} goes on serving. Cloud Run does not try "
                "the same again by itself: fix the source, or where the cause was elsewhere and is gone, change a "
                "variable of app_environment_variables."
            )
        return str(service["latestReadyRevision"])

    def running(self) -> dict[str, list[str]]:
        """Digests of the revisions that get requests."""
        service = self._describe()
        serving = {
            traffic.get("revision", service["latestReadyRevision"].rpartition("/")[2])
            for traffic in service.get("trafficStatuses", [])
            if traffic.get("percent")
        }
        found = defaultdict(list)
        for name in sorted(serving):
            revision = self._cloud.get("cloud_run_v2", f"{self.name}/revisions/{name}") or {"containers": []}
            for container in revision["containers"]:
                found[container["image"].partition("@")[2]].append(name)
        return found

    def _settled(self) -> Json | None:
        """The service (Cloud Run Admin API v2, "Service") where nothing is under way."""
        service = self._describe()
        return None if service.get("reconciling") else service

    def _describe(self) -> Json:
        service: Json | None = self._cloud.get("cloud_run_v2", self.name)
        if service is None:
            raise ActionError(f"Cloud Run knows no {self.name}")
        return service
