"""Action plugin of cloud_run_deployment."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from ansible_collections.slipway.provision.plugins.plugin_utils.aws_action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleActionModule, GoogleCloud

_POLL_SECONDS = 1.0
_SUCCEEDED = "CONDITION_SUCCEEDED"

Json = dict[str, Any]


class Deployment:
    """The last deployment of one service.

    Args:
        cloud: answers questions.
        service: full name, `projects/<project>/locations/<region>/services/<service>`.
    """

    def __init__(self, cloud: GoogleCloud, service: str) -> None:
        self._cloud, self._service = cloud, service

    def wait(self, timeout_seconds: float) -> Json:
        """Follow the deployment to its end, and return the service (Cloud Run Admin API v2, "Service").

        Raises:
            ActionError: it failed, or took too long.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            service: Json | None = self._cloud.get("cloud_run_v2", self._service)
            if service is None:
                raise ActionError(f"Cloud Run knows no {self._service}")
            if not service.get("reconciling"):
                break
            if time.monotonic() > deadline:
                raise ActionError(f"The deployment of {self._service} is under way after {timeout_seconds:.0f} s still")
            time.sleep(_POLL_SECONDS)
        condition = service.get("terminalCondition", {})
        if condition.get("state") != _SUCCEEDED:
            reason = condition.get("message", "Cloud Run gives no reason")
            serving = service.get("latestReadyRevision") or "No revision"
            raise ActionError(
                f"The deployment of {self._service} failed: {reason}. {serving} goes on serving. Cloud Run does not "
                "try the same again by itself: mend the source, or where the cause was elsewhere and is gone, change a "
                "variable of app_environment_variables."
            )
        return service

    def image_digest(self, service: Json, requested: str) -> str:
        """Digest of the image that gets all requests.

        Args:
            service: as `wait` returns it.
            requested: digest of the image that it was told to run.

        Raises:
            ActionError: another revision serves, or another image.
        """
        serving = {
            traffic.get("revision", service["latestReadyRevision"].rpartition("/")[2])
            for traffic in service.get("trafficStatuses", [])
            if traffic.get("percent")
        }
        images = set()
        for name in sorted(serving):
            revision = self._cloud.get("cloud_run_v2", f"{self._service}/revisions/{name}") or {"containers": []}
            images |= {container["image"].partition("@")[2] for container in revision["containers"]}
        if images != {requested}:
            raise ActionError(
                f"{self._service} runs {', '.join(sorted(images)) or 'nothing'} in {', '.join(sorted(serving))}, "
                f"asked for was {requested}"
            )
        return requested


class ActionModule(GoogleActionModule):
    """Follows the deployment."""

    ARGUMENTS: ClassVar = {
        "service": {"type": "str", "required": True},
        "image_digest": {"type": "str", "required": True},
        "timeout_seconds": {"type": "int", "default": 900},
    }
    PURPOSE = "follow the deployment"

    def act(self, arguments: Json) -> Json:
        """Wait for its end, and return what runs."""
        deployment = Deployment(GoogleCloud(), arguments["service"])
        service = deployment.wait(arguments["timeout_seconds"])
        digest = deployment.image_digest(service, arguments["image_digest"])
        return {"changed": False, "revision": service["latestReadyRevision"], "image_digest": digest}
