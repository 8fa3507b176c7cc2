"""What every deployment answers: ``/healthz``, ``/health`` and ``/version``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Literal

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel

from slipway_app.config import Settings
from slipway_app.http import PLAIN_TEXT

log = logging.getLogger(__name__)


class Health(BaseModel):
    """Readiness, by dependency."""

    status: Literal["ok", "unavailable"]
    unavailable: list[str]
    checks: dict[str, Literal["ok", "unavailable"]]


class Version(BaseModel):
    """What is running."""

    version: str
    revision: str
    image_digest: str | None


def create_blueprint(settings: Settings, checks: Mapping[str, Callable[[], None]]) -> APIBlueprint:
    """Return the three endpoints.

    Args:
        settings: says what is running.
        checks: by dependency, a call that raises when the dependency is down, within a few seconds.
    """
    api = APIBlueprint("health", __name__, abp_tags=[{"name": "operations"}])

    @api.get("/healthz", responses={200: PLAIN_TEXT})
    def get_liveness() -> Response:
        """Answer as long as the process serves; nothing else is asked."""
        return Response("ok", mimetype="text/plain")

    @api.get("/health", responses={200: Health, 503: Health})
    def get_readiness() -> tuple[dict[str, object], int]:
        """Tell whether the database and the bucket, where there are any, can be reached."""
        unavailable = []
        for name, check in checks.items():
            try:
                check()
            except Exception as error:
                log.warning("%s is unavailable: %s: %s", name, type(error).__name__, error)
                unavailable.append(name)
        return {
            "status": "unavailable" if unavailable else "ok",
            "unavailable": unavailable,
            "checks": {name: "unavailable" if name in unavailable else "ok" for name in checks},
        }, HTTPStatus.SERVICE_UNAVAILABLE if unavailable else HTTPStatus.OK

    @api.get("/version", responses={200: Version})
    def get_version() -> dict[str, str | None]:
        """Tell version, git revision and image digest of what is running."""
        return {
            "version": settings.version,
            "revision": settings.revision,
            "image_digest": settings.image_digest,
        }

    return api


class Index(BaseModel):
    """What this deployment is, and where its documentation is."""

    status: Literal["ok"]
    app: str
    features: list[str]
    documentation: str


def create_index(settings: Settings) -> APIBlueprint:
    """Return ``/`` for the deployments whose features have no page of their own there."""
    api = APIBlueprint("index", __name__, abp_tags=[{"name": "operations"}])

    @api.get("/", responses={200: Index})
    def get_index() -> dict[str, object]:
        """Tell what is served here."""
        return {
            "status": "ok",
            "app": settings.app_name,
            "features": list(settings.features),
            "documentation": "/docs",
        }

    return api
