"""Action plugin of artifact_registry_image_info."""

from __future__ import annotations

from typing import Any

import docker
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud
from docker.errors import DockerException, NotFound

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Looks the image up."""

    ERRORS = (*CloudActionModule.ERRORS, DockerException)
    PURPOSE = "look up {repository_url}:{tag}"

    def answer(self, arguments: Json) -> Json:
        """Return the image's digest, as its registry tells the Docker Engine."""
        image = f"{arguments['repository_url']}:{arguments['tag']}"
        credentials = GoogleCloud().docker_credentials()
        try:
            found = docker.from_env().images.get_registry_data(image, auth_config=credentials)
        except NotFound:
            return {"changed": False, "digest": None}
        return {"changed": False, "digest": found.id}
