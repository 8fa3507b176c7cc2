"""Action plugin of image_tag: the source and the engine are those of the machine that runs the playbook."""

from __future__ import annotations

from typing import Any

import docker
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.provision.plugins.plugin_utils.action import argument_spec
from ansible_collections.slipway.provision.plugins.plugin_utils.git_revision import GitError, Revision, revision
from ansible_collections.slipway.provision.plugins.plugin_utils.image_source import (
    EPOCH,
    SourceError,
    image_source,
)
from docker.errors import DockerException

Json = dict[str, Any]


class ActionModule(ActionBase):
    """Computes the tag."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return tag and revision, or why there is no tag."""
        result: Json = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec=argument_spec(self))
        source = image_source(arguments)
        try:
            tag = source.tag(docker.from_env())
        except (DockerException, SourceError) as error:
            return result | {"failed": True, "msg": f"could not compute the image tag: {error}"}
        try:
            found = revision(source.context, source.dockerfile, source.files())
        except GitError as error:
            # The tag holds without it: what is deployed does not depend on what git says.
            found = Revision()
            result["warnings"] = [f"the image names no revision, because git does not tell it: {error}"]
        created = EPOCH if found.seconds is None else found.seconds
        return result | {"changed": False, "tag": tag, "revision": found.name, "created_seconds": created}
