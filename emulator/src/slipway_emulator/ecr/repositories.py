"""Elastic Container Registry: repositories whose address a Docker Engine of this machine can use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import ecr

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts


Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, str], bytes]


def repository_uri(_original: Function, parts: Parts) -> Function:
    def repository_uri(name: str) -> str:
        return f"{parts.registry_address}/{name}"

    return repository_uri


def delete_repository(original: Function, _: Parts) -> Function:
    def delete_repository(data: Json) -> Response:
        response: Response = original(data)
        if response[0] == 200:
            # They are kept otherwise, and a new repository of the same name would begin with old images.
            for blobs in (ecr._layer_blobs, ecr._manifest_blobs, ecr._uploads):
                blobs.pop(data["repositoryName"], None)
        return response

    return delete_repository
