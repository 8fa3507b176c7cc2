"""The application of Slipway: one image, whose features are chosen by configuration."""

from __future__ import annotations

import os

from flask import Flask

from slipway_app import beers, documentation, errors, health, hello, http, logging, records, tasks
from slipway_app.config import ConfigError, Settings
from slipway_app.database import Database
from slipway_app.secrets import CachedSecret
from slipway_app.storage import Storage

__all__ = ["ConfigError", "Settings", "create_app"]


def create_app(settings: Settings | None = None) -> Flask:
    """Return the WSGI application.

    Nothing is connected yet: the database's pool opens with the first request that needs it, so an
    application made before a fork is safe to serve from its children.

    Args:
        settings: what to serve; read from the environment where it is not given.

    Raises:
        ConfigError: a setting is missing or wrong.
    """
    settings = settings or Settings.from_environment(os.environ)
    logging.configure(settings.log_level)
    app = documentation.create_documented_app(settings)
    errors.register(app)
    http.register(
        app, http.ApiKey(CachedSecret(settings.api_key_secret_id)) if settings.api_key_secret_id else None
    )
    security: list[dict[str, list[str]]] = (
        [{documentation.API_KEY_SCHEME: []}] if settings.api_key_secret_id else []
    )

    checks = {}
    database = storage = None
    if settings.database:
        database = Database(settings.database, settings.app_name)
        checks["database"] = database.check
    if settings.bucket_name:
        storage = Storage(settings.bucket_name)
        checks["bucket"] = storage.check

    app.register_api(health.create_blueprint(settings, checks))
    if "hello" in settings.features:
        app.register_api(hello.create_blueprint())
    else:
        app.register_api(health.create_index(settings))
    if database and "records" in settings.features:
        app.register_api(records.create_blueprint(database, security))
    if database and "beers" in settings.features:
        app.register_api(beers.create_blueprint(database, security))
    if database and storage and "tasks" in settings.features:
        app.register_api(tasks.create_blueprint(database, storage, security))
    app.extensions["slipway_database"] = database
    request_log = logging.RequestLog(app.wsgi_app, enabled=settings.log_level in ("DEBUG", "INFO"))
    app.wsgi_app = request_log  # type: ignore[method-assign]
    return app
