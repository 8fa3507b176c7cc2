# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of image_tag: the source and the engine are those of the machine that runs the playbook."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import BaseActionModule
from ansible_collections.slipway.provision.plugins.plugin_utils.docker_engine import ENGINE_ERRORS, docker_engine
from ansible_collections.slipway.provision.plugins.plugin_utils.git_revision import GitError, Revision, revision
from ansible_collections.slipway.provision.plugins.plugin_utils.image_source import (
    EPOCH,
    SourceError,
    image_source,
)

Json = dict[str, Any]


class ActionModule(BaseActionModule):
    """Computes the tag."""

    ERRORS = (*ENGINE_ERRORS, SourceError)
    PURPOSE = "compute the image tag"

    def answer(self, arguments: Json) -> Json:
        """Return tag and revision, and warn where git does not tell it."""
        source = image_source(arguments)
        tag = source.tag(docker_engine())
        warnings = []
        try:
            found = revision(source.context, source.dockerfile, source.files())
        except GitError as error:
            # The tag holds without it: what is deployed does not depend on what git says.
            found = Revision()
            warnings = [f"the image names no revision, because git does not tell it: {error}"]
        created = EPOCH if found.seconds is None else found.seconds
        return {
            "changed": False,
            "tag": tag,
            "revision": found.name,
            "created_seconds": created,
            "warnings": warnings,
        }
