"""Action plugin of artifact_registry_image_push."""

from __future__ import annotations

from typing import Any

import docker
from ansible_collections.slipway.provision.plugins.module_utils.docker_push import PushError, push
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud
from docker.errors import DockerException

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Pushes the image."""

    PURPOSE = "get a token to push the image"

    def answer(self, arguments: Json) -> Json:
        """Return what was pushed."""
        repository_url, tag = arguments["repository_url"], arguments["tag"]
        image = f"{repository_url}:{tag}"
        if not self._task.check_mode:
            credentials = GoogleCloud().docker_credentials()
            try:
                engine = docker.from_env(timeout=arguments["timeout_seconds"])
                push(engine, arguments["image"], repository_url, tag, credentials)
            except (DockerException, PushError) as error:
                raise ActionError(f"could not push {image}: {error}") from error
        return {"changed": True, "image": image}
