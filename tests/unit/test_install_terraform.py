"""scripts/install-terraform: what it takes from the server of releases, and what it leaves."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/install-terraform"
VERSION = re.findall(r"^version=(.*)$", SCRIPT.read_text(), re.MULTILINE)[0]


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[str]:
    """URL of a server whose releases are others than HashiCorp's."""
    folder = tmp_path / "releases" / VERSION
    folder.mkdir(parents=True)
    for platform in ("linux_amd64", "linux_arm64"):
        with zipfile.ZipFile(folder / f"terraform_{VERSION}_{platform}.zip", "w") as archive:
            archive.writestr("terraform", "#!/bin/sh\n")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _install(script: Path, directory: Path, releases: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TERRAFORM_RELEASES": releases}
    return subprocess.run([script, directory], capture_output=True, text=True, check=False, env=environment)


def test_another_release_is_refused(releases: str, tmp_path: Path) -> None:
    ended = _install(SCRIPT, tmp_path / "bin", releases)
    assert ended.returncode != 0
    assert "FAILED" in ended.stdout
    assert not (tmp_path / "bin").exists()


def test_release_with_the_sum_is_installed(releases: str, tmp_path: Path) -> None:
    archive = next((tmp_path / "releases").rglob("*.zip"))
    found = subprocess.run(["sha256sum", archive], capture_output=True, text=True, check=True).stdout.split()[0]
    script = tmp_path / "install-terraform"
    script.write_text(re.sub(r"\b[0-9a-f]{64}\b", found, SCRIPT.read_text()))
    script.chmod(0o755)
    assert _install(script, tmp_path / "bin", releases).returncode == 0
    assert os.access(tmp_path / "bin/terraform", os.X_OK)


def test_server_without_the_release(releases: str, tmp_path: Path) -> None:
    ended = _install(SCRIPT, tmp_path / "bin", f"{releases}/nowhere")
    assert ended.returncode != 0
    assert "404" in ended.stderr
    assert not (tmp_path / "bin").exists()
