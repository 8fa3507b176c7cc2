"""Action plugin of artifact_registry_image_info."""

from __future__ import annotations

from typing import Any

import docker
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud
from docker.errors import APIError, DockerException

Json = dict[str, Any]


def find_digest(engine: Any, image: str, credentials: dict[str, str]) -> str | None:
    """Digest of an image, as its registry tells the engine; None where the registry has none.

    Args:
        engine: a client of the Docker Engine.
        image: the image with its tag.
        credentials: of the registry.

    Raises:
        ActionError: the registry or the engine refuses.
    """
    try:
        return str(engine.images.get_registry_data(image, auth_config=credentials).id)
    except APIError as error:
        if error.status_code == 404:
            return None
        raise ActionError(f"could not look up {image}: {error.explanation}") from error
    except DockerException as error:
        raise ActionError(f"could not look up {image}: {error}") from error


class ActionModule(CloudActionModule):
    """Looks the image up."""

    PURPOSE = "look the image up in Artifact Registry"

    def answer(self, arguments: Json) -> Json:
        """Return the image's digest."""
        image = f"{arguments['repository_url']}:{arguments['tag']}"
        digest = find_digest(docker.from_env(), image, GoogleCloud().docker_credentials())
        return {"changed": False, "digest": digest}
