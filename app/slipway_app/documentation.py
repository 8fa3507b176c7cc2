"""``/openapi.json``, made from the routes and their types, and ``/docs``, its page without foreign hosts."""

from __future__ import annotations

from functools import cache, partial
from html import escape
from pathlib import Path
from typing import Any

import flask_openapi_swagger
from flask import Response, send_from_directory
from flask_openapi.models.info import Info

from slipway_app.config import Settings
from slipway_app.errors import ErrorBody, raise_validation_error
from slipway_app.http import Application

API_KEY_SCHEME = "api_key"
_SWAGGER_UI = Path(flask_openapi_swagger.__file__).parent / "templates" / "swagger"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/css/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/js/swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({{url: "/openapi.json", dom_id: "#page", deepLinking: true}})</script>
</body>
</html>
"""


def create_documented_app(settings: Settings) -> Application:
    """Return an application without features that documents those it is given."""
    schemes: dict[str, Any] = {API_KEY_SCHEME: {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    app = Application(
        "slipway_app",
        info=Info(title=settings.app_name, version=settings.version),
        security_schemes=schemes if settings.api_key_secret_id else None,
        validation_error_model=ErrorBody,
        validation_error_callback=raise_validation_error,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"
    page = _PAGE.format(title=escape(settings.app_name))
    document = cache(partial(_document, app))

    @app.route("/openapi.json")
    def get_openapi() -> dict[str, Any]:
        return document()

    @app.route("/docs")
    def get_page() -> Response:
        return Response(page, mimetype="text/html")

    @app.route("/docs/<any(css,js):kind>/<name>")
    def get_asset(kind: str, name: str) -> Response:
        return send_from_directory(_SWAGGER_UI / kind, name, max_age=3600)

    return app


def _document(app: Application) -> dict[str, Any]:
    """Return the OpenAPI document.

    The library adds a list of validation errors as 422 to every operation that names no 422 of its own.
    Operations here name what they answer, so the additions go.
    """
    document: dict[str, Any] = app.api_doc
    for operations in document["paths"].values():
        for operation in operations.values():
            schema = (
                operation["responses"]["422"].get("content", {}).get("application/json", {}).get("schema", {})
            )
            if schema.get("type") == "array":
                del operation["responses"]["422"]
    return document
