"""What the action plugins that call Google Cloud have in common."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleSession
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError

Json = dict[str, Any]

_SCOPE = "cloud-platform"
# Another address comes by the variable that Terraform's google provider reads ("Provider Configuration Reference").
_ADDRESSES = {
    "artifact_registry": "https://artifactregistry.googleapis.com/v1/",
    "cloud_run_v2": "https://run.googleapis.com/v2/",
    "iam": "https://iam.googleapis.com/v1/",
}
# What stands for the user in Docker's log-in ("Authentication methods" of Artifact Registry).
_DOCKER_USER = "oauth2accesstoken"


class GoogleCloud:
    """Google Cloud with the credentials that its clients find in the environment.

    Raises:
        GoogleError: there are none.
    """

    def __init__(self) -> None:
        self._session = GoogleSession(_SCOPE)

    def get(self, product: str, path: str, **query: str) -> Json | None:
        """What an API answers; None where there is no such thing, and in a project where the API is not switched on.

        Args:
            product: the API, as Terraform's google provider calls it: `cloud_run_v2`.
            path: behind the version: `projects/…`.
            query: query parameters.

        Raises:
            ActionError: the API refuses.
            GoogleError: it does not answer.
        """
        address = os.environ.get(f"GOOGLE_{product.upper()}_CUSTOM_ENDPOINT") or _ADDRESSES[product]
        answer = self._session.request("GET", address + path, params=query)
        if answer.status_code == 404 or (answer.status_code == 403 and _is_switched_off(answer)):
            return None
        if not answer.ok:
            raise ActionError(f"{address}{path} answers {answer.status_code}: {answer.text}")
        found: Json = answer.json()
        return found

    def docker_credentials(self) -> dict[str, str]:
        """Credentials of Artifact Registry for the Docker Engine, valid for minutes at the least."""
        return {"username": _DOCKER_USER, "password": self._session.token()}


def _is_switched_off(answer: Any) -> bool:
    """Whether an API refuses because the project does not use it ("ErrorInfo" of google.rpc)."""
    try:
        details = answer.json()["error"].get("details", [])
    except (KeyError, ValueError):
        # Not of the API, but of something on the way to it.
        return False
    return any(detail.get("reason") == "SERVICE_DISABLED" for detail in details)
