"""The OpenAPI document is true: every route is in it, and every answer is as it says."""

from __future__ import annotations

import re
from typing import Any

import conftest
import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from slipway_app import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
UNDOCUMENTED = {"/openapi.json", "/docs", "/docs/<any(css,js):kind>/<name>"}


def test_every_route_is_documented(app: Flask, client: FlaskClient) -> None:
    documented = {
        (path, method.upper())
        for path, operations in client.get("/openapi.json").json["paths"].items()
        for method in operations
    }
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule not in UNDOCUMENTED
    }
    assert documented == served


def test_document_names_its_errors(client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (path, method)
            if operation.get("parameters"):
                assert "422" in operation["responses"], (path, method)
    assert document["paths"]["/users/{user_id}"]["get"]["parameters"][0]["schema"]["minimum"] == 1


def test_page_needs_no_other_host(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    assets = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(assets) == 2
    for asset in assets:
        with client.get(asset) as answer:
            assert answer.status_code == 200, asset
            assert len(answer.data) > 10_000
    assert client.get("/docs/js/..%2f..%2f..%2f__init__.py").status_code == 404


def operations() -> list[tuple[str, str]]:
    """Return path and method of everything documented; making the document needs no server."""
    application = create_app(conftest.settings("postgresql://nowhere"))
    paths = application.test_client().get("/openapi.json").json["paths"]
    return [(path, method) for path, operations in paths.items() for method in operations]


@pytest.fixture
def document(app: Flask, client: FlaskClient) -> Any:
    """The document, and something for ids to name."""
    for user in ("ada", "bob"):
        client.post("/users", json={"name": user, "email": f"{user}@example.com"})
    client.post("/tasks", json={"title": "Write"})
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("path", "method"), operations())
def test_answers_are_as_documented(document: Any, path: str, method: str, mode: GenerationMode) -> None:
    """Whatever is sent, fitting or not, is answered with a documented status, type and body."""
    operation = document[path][method]

    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    try:
        send()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "only an operation that takes nothing has no wrong request"
