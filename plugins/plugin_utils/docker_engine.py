# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""The Docker Engine, as the action plugins reach it."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import MissingLibraryError

try:
    import docker
    from docker.errors import DockerException

    ENGINE_ERRORS: tuple[type[Exception], ...] = (DockerException,)
except ImportError:
    docker = None
    ENGINE_ERRORS = ()


def docker_engine(**options: Any) -> Any:
    """A client of the engine that the environment names.

    Args:
        options: of `docker.from_env`.

    Raises:
        MissingLibraryError: the library is not installed.
        Exception: one of ENGINE_ERRORS, where no engine answers.
    """
    if docker is None:
        raise MissingLibraryError("docker")
    return docker.from_env(**options)
