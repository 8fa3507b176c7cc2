# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of artifact_registry_image_info."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.docker_engine import (
    ENGINE_ERRORS,
    docker,
    docker_engine,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

Json = dict[str, Any]


class ActionModule(CloudActionModule):
    """Looks the image up."""

    ERRORS = (*CloudActionModule.ERRORS, *ENGINE_ERRORS)
    PURPOSE = "look up {repository_url}:{tag}"

    def answer(self, arguments: Json) -> Json:
        """Return the image's digest, as its registry tells the Docker Engine."""
        image = f"{arguments['repository_url']}:{arguments['tag']}"
        credentials = GoogleCloud().docker_credentials()
        try:
            found = docker_engine().images.get_registry_data(image, auth_config=credentials)
        except docker.errors.NotFound:
            return {"changed": False, "digest": None}
        return {"changed": False, "digest": found.id}
