"""Push an image by the Docker Engine."""

from __future__ import annotations

from typing import Any


class PushError(Exception):
    """The registry or the engine refused; the message is theirs."""


def push(engine: Any, image: str, repository_url: str, tag: str, authentication: dict[str, str]) -> None:
    """Push one image of this machine to a repository and wait for the end.

    Args:
        engine: a client of the Docker Engine.
        image: name and tag of the image on this machine.
        repository_url: the repository, without a tag.
        tag: the image's tag there.
        authentication: credentials of the registry; the engine keeps them for this one push.

    Raises:
        PushError: the engine reports an error in the course of the push.
    """
    engine.api.tag(image, repository_url, tag)
    for line in engine.images.push(repository_url, tag, auth_config=authentication, stream=True, decode=True):
        if "error" in line:
            raise PushError(line["error"])
