# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What the action plugins that push an image have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from ansible import constants
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import CloudActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.docker_engine import ENGINE_ERRORS, docker_engine
from ansible_collections.slipway.provision.plugins.plugin_utils.file_lock import locked
from ansible_collections.slipway.provision.plugins.plugin_utils.sbom import SUFFIX, push_sbom, write_sbom

Json = dict[str, Any]


class ImagePushModule(CloudActionModule):
    """An action that pushes an image of this machine to a registry, by the Docker Engine."""

    ERRORS = (*CloudActionModule.ERRORS, *ENGINE_ERRORS)
    PURPOSE = "push {repository_url}:{tag}"
    AUTHENTICATION: ClassVar[str]
    """How the registry takes credentials: `basic`, or `token` where it gives a token for them."""

    def answer(self, arguments: Json) -> Json:
        """Push the list of what is in the image, then the image; return what they are called there.

        An image that is in the registry is not pushed again, so the list comes first: then it is there, too.
        """
        repository_url, tag = arguments["repository_url"], arguments["tag"]
        image, sbom = f"{repository_url}:{tag}", f"{repository_url}:{tag}{SUFFIX}"
        if not self._task.check_mode:
            engine = docker_engine(timeout=arguments["timeout_seconds"])
            engine.api.tag(arguments["image"], repository_url, tag)
            with turn(tag):
                # Another app of this run may have the same image.
                file = Path(constants.DEFAULT_LOCAL_TMP, f"{tag}{SUFFIX}.json")
                if not file.exists():
                    write_sbom(arguments["image"], file, arguments["timeout_seconds"])
                # Not before: a token may last for minutes only.
                credentials = self.credentials(arguments)
                push_sbom(file, sbom, self.AUTHENTICATION, credentials)
                for line in engine.images.push(repository_url, tag, auth_config=credentials, stream=True, decode=True):
                    if "error" in line:
                        raise ActionError(f"could not push {image}: {line['error']}")
        return {"changed": True, "image": image, "sbom": sbom}

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
