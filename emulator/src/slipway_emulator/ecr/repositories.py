"""Elastic Container Registry: repositories whose address a Docker Engine of this machine can use."""

from __future__ import annotations

from typing import Any

from ministack.services import ecr

from slipway_emulator.ministack_functions import replace

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]


def install(address: str) -> None:
    """Serve the repositories at a loopback address, which Docker accepts without TLS.

    Args:
        address: host and port of the gateway as the Docker Engine reaches it.
    """
    original_token = ecr._get_authorization_token
    original_delete = ecr._delete_repository

    def repository_uri(name: str) -> str:
        return f"{address}/{name}"

    def authorization_token(data: Json) -> Response:
        status, headers, body = original_token(data)
        registry = f"{ecr.get_account_id()}.dkr.ecr.{ecr.get_region()}.amazonaws.com"
        return status, headers, body.replace(f"https://{registry}".encode(), f"http://{address}".encode())

    def delete_repository(data: Json) -> Response:
        response: Response = original_delete(data)
        if response[0] == 200:
            # MiniStack keeps them, and a new repository of the same name would begin with old images.
            for blobs in (ecr._layer_blobs, ecr._manifest_blobs, ecr._uploads):
                blobs.pop(data["repositoryName"], None)
        return response

    replace(ecr, "_repo_uri", repository_uri)
    replace(ecr, "_get_authorization_token", authorization_token)
    replace(ecr, "_delete_repository", delete_repository)
