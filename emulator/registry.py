"""Elastic Container Registry: repositories whose address a Docker Engine of this machine can use."""

from __future__ import annotations

from typing import Any

from ministack.services import ecr


def install(address: str) -> None:
    """Serve the repositories at a loopback address, which Docker accepts without TLS.

    Args:
        address: host and port of the gateway as the Docker Engine reaches it.
    """
    original_token = ecr._get_authorization_token

    def repository_uri(name: str) -> str:
        return f"{address}/{name}"

    def authorization_token(data: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = original_token(data)
        registry = f"{ecr.get_account_id()}.dkr.ecr.{ecr.get_region()}.amazonaws.com"
        return status, headers, body.replace(f"https://{registry}".encode(), f"http://{address}".encode())

    ecr._repo_uri = repository_uri
    ecr._get_authorization_token = authorization_token
