# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What the action plugins that push an image have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible import constants
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.docker_engine import ENGINE_ERRORS, docker_engine
from ansible_collections.slipway.provision.plugins.plugin_utils.file_lock import locked

Json = dict[str, Any]


class ImagePushModule(CloudActionModule):
    """An action that pushes an image of this machine to a registry, by the Docker Engine."""

    ERRORS = (*CloudActionModule.ERRORS, *ENGINE_ERRORS)
    PURPOSE = "push {repository_url}:{tag}"

    def answer(self, arguments: Json) -> Json:
        """Push the image, wait for the end and return what it is called there."""
        repository_url, tag = arguments["repository_url"], arguments["tag"]
        image = f"{repository_url}:{tag}"
        if not self._task.check_mode:
            engine = docker_engine(timeout=arguments["timeout_seconds"])
            engine.api.tag(arguments["image"], repository_url, tag)
            with turn(tag):
                # Not before: a token may last for minutes only.
                credentials = self.credentials(arguments)
                for line in engine.images.push(repository_url, tag, auth_config=credentials, stream=True, decode=True):
                    if "error" in line:
                        raise ActionError(f"could not push {image}: {line['error']}")
        return {"changed": True, "image": image}

    @abstractmethod
    def credentials(self, arguments: Json) -> dict[str, str]:
        """`username` and `password` of the registry; the engine keeps them for this one push."""


@contextmanager
def turn(tag: str) -> Iterator[None]:
    """Wait until no other app of this run pushes the same image.

    A registry may mount layers that another of its repositories has ("Cross Repository Blob Mount" of the OCI
    Distribution Specification; Amazon ECR where BLOB_MOUNTING is on); pushed side by side, each app's are compressed
    and sent.
    """
    # Ansible gives a run a folder of its own, and removes it at the end.
    lock = Path(constants.DEFAULT_LOCAL_TMP, f"push-{tag}")
    lock.touch()
    with locked(lock):
        yield
