# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of image_build."""

from __future__ import annotations

import hashlib
import tempfile
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError, BaseActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.docker_engine import (
    ENGINE_ERRORS,
    docker,
    docker_engine,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.file_lock import locked
from ansible_collections.slipway.provision.plugins.plugin_utils.image_source import (
    DOCKERFILE,
    EPOCH,
    ImageSource,
    SourceError,
    image_source,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.reproducible_image import rewrite

# No registry's: an image of this name is there when it is complete.
_REPOSITORY = "slipway-build"
_LINES_OF_LOG = 60

Json = dict[str, Any]


class ActionModule(BaseActionModule):
    """Builds the image."""

    _supports_check_mode = False
    ERRORS = (*ENGINE_ERRORS, OSError, SourceError)
    PURPOSE = "build {source}"

    def answer(self, arguments: Json) -> Json:
        """Return the image's name."""
        source = image_source(arguments)
        name = f"{_REPOSITORY}:{arguments['tag']}"
        engine = docker_engine(timeout=arguments["timeout_seconds"])
        try:
            # No other app builds from this folder meanwhile.
            with locked(source.context):
                try:
                    engine.images.get(name)
                except docker.errors.ImageNotFound:
                    _build(engine, source, name, arguments)
        except docker.errors.BuildError as error:
            log = "".join(line.get("stream", "") for line in error.build_log)
            last = "\n".join(log.splitlines()[-_LINES_OF_LOG:])
            raise ActionError(f"could not build {source.context}: {error.msg}\n{last}") from error
        # A local image is a means; what changes is the registry.
        return {"changed": False, "image": name}


def _build(engine: Any, source: ImageSource, name: str, arguments: Json) -> None:
    """Build the image and give it its name.

    Raises:
        BuildError: a step of the Dockerfile fails.
        DockerException: the engine refuses.
        SourceError: the source cannot be read, or changed since its tag was computed.
    """
    with tempfile.TemporaryFile() as context:
        source.write_context(context.write)
        context.seek(0)
        image, _ = engine.images.build(
            fileobj=context,
            custom_context=True,
            dockerfile=DOCKERFILE,
            buildargs={"SOURCE_DATE_EPOCH": str(EPOCH), **source.arguments, "REVISION": arguments["revision"]},
            network_mode=arguments["network"],
            platform=source.platform,
            rm=True,
            forcerm=True,
        )
        context.seek(0)
        bases = [engine.images.get(base).attrs["RootFS"]["Layers"] for base in source.base_images()]
        if source.tag(engine, hashlib.file_digest(context, "sha256").hexdigest()) != arguments["tag"]:
            raise SourceError("its files or its base images changed during the run", "Run again")
    with tempfile.TemporaryFile() as saved, tempfile.TemporaryFile() as rewritten:
        for block in engine.api.get_image(image.id):
            saved.write(block)
        saved.seek(0)
        rewrite(saved, rewritten, name, bases, arguments["created_seconds"], source.added_files())
        rewritten.seek(0)
        engine.images.load(rewritten)
