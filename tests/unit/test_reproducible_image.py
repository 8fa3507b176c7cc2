"""Two builds of one content are one image."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import docker
import pytest

from plugins.plugin_utils.image_source import DOCKERFILE, EPOCH, ImageSource
from plugins.plugin_utils.reproducible_image import _rewrite_layer, rewrite

BASE = "python:3.11-slim-bookworm"
NAME = "slipway-unit-test"
# Whatever has times and names of the engine's own: files, folders, a compiled module, a working directory, a user.
TEXT = f"""
FROM {BASE} AS build
RUN mkdir /built && date +%j > /built/day && ln /built/day /built/link && ln -s day /built/symbolic
FROM {BASE}
RUN mkdir -p /usr/share/removed && rm -r /usr/share/doc /usr/share/removed && useradd someone
WORKDIR /srv/made
COPY . .
COPY --from=build /built /built
RUN python3 -m compileall -q --invalidation-mode timestamp module.py
ENV PYTHONDONTWRITEBYTECODE=1
ARG REVISION
LABEL revision=$REVISION
HEALTHCHECK CMD true
"""


@pytest.fixture
def engine() -> Any:
    return docker.from_env()


def _built(engine: Any, source: ImageSource, name: str, arguments: dict[str, str]) -> Any:
    """The image of a build that uses no earlier one."""
    with tempfile.TemporaryFile() as context, tempfile.TemporaryFile() as saved, tempfile.TemporaryFile() as rewritten:
        source.write_context(context.write)
        context.seek(0)
        image, _ = engine.images.build(
            fileobj=context, custom_context=True, dockerfile=DOCKERFILE, buildargs=arguments, nocache=True, rm=True
        )
        for block in engine.api.get_image(image.id):
            saved.write(block)
        saved.seek(0)
        rewrite(
            saved, rewritten, name, [engine.images.get(BASE).attrs["RootFS"]["Layers"]], EPOCH, source.added_files()
        )
        rewritten.seek(0)
        engine.images.load(rewritten)
        engine.images.remove(image.id)
        return engine.images.get(name)


def _run(engine: Any, image: Any, *command: str) -> str:
    # Docker may lose what a container says that ends while it is followed: the log is read when it has ended.
    container = engine.containers.run(image.id, list(command), detach=True, network_mode="none")
    try:
        assert container.wait()["StatusCode"] == 0, container.logs().decode()
        return str(container.logs(stderr=False).decode().strip())
    finally:
        container.remove(force=True)


@pytest.mark.engine
def test_two_builds_are_one_image(engine: Any, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("answer = 42\n")
    (tmp_path / "Dockerfile").write_text(TEXT)
    (tmp_path / "authorities.pem").write_text("authorities")
    added = {"/database-ca.pem": tmp_path / "authorities.pem"}
    source = ImageSource(tmp_path, tmp_path / "Dockerfile", {}, "linux/amd64", added)
    try:
        one = _built(engine, source, f"{NAME}:one", {"REVISION": "1"})
        two = _built(engine, source, f"{NAME}:two", {"REVISION": "1"})
        assert one.id == two.id
        # Another commit of equal content: layers that a registry has already.
        other = _built(engine, source, f"{NAME}:other", {"REVISION": "2"})
        assert other.id != one.id
        assert other.attrs["RootFS"] == one.attrs["RootFS"]

        base = engine.images.get(BASE)
        layers = base.attrs["RootFS"]["Layers"]
        assert one.attrs["RootFS"]["Layers"][: len(layers)] == layers
        assert one.attrs["Config"]["Labels"]["revision"] == "1"
        assert one.attrs["Config"]["Healthcheck"] == {"Test": ["CMD-SHELL", "true"]}
        assert one.attrs["Created"].startswith("1980-01-01T00:00:00")

        # What was added is there for everybody.
        said = _run(engine, one, "stat", "-c", "%u %a %Y", "/database-ca.pem")
        assert said == f"0 644 {EPOCH}"
        assert _run(engine, one, "cat", "/database-ca.pem") == "authorities"
        # It runs, removed is removed, links are links, and the compiled module is taken for that of its source.
        assert _run(engine, one, "stat", "-c", "%h %Y", "/built/link", "module.py") == f"2 {EPOCH}\n1 {EPOCH}"
        assert _run(engine, one, "readlink", "/built/symbolic") == "day"
        assert _run(engine, one, "sh", "-c", "ls -d /usr/share/doc 2>&1 || true").endswith("No such file or directory")
        said = _run(engine, one, "sh", "-c", "python3 -v -c 'import module' 2>&1 | grep 'module.*matches'")
        assert "made/module.py" in said
        assert _run(engine, one, "python3", "-c", "import module; print(module.answer)") == "42"
    finally:
        for image in engine.images.list(NAME):
            for tag in image.tags:
                engine.images.remove(tag, force=True)


def test_names_attributes_and_other_compiled_modules_are_kept() -> None:
    original, rewritten = io.BytesIO(), io.BytesIO()
    by_digest = b"\xa7\r\r\n\x03\0\0\0" + b"digest.." + b"code"
    of_a_base = b"\xa7\r\r\n\0\0\0\0" + b"\x01\x02\x03\x04" + b"\x05\0\0\0" + b"code"
    contents = {
        "latin-\udce9": b"x",
        "n" * 300: b"x",
        "a/module.py": b"x",
        "a/__pycache__/module.cpython-311.pyc": of_a_base,
        "a/__pycache__/digest.cpython-311.pyc": by_digest,
        "base/__pycache__/module.cpython-311.pyc": of_a_base,
    }
    with tarfile.open(fileobj=original, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid, entry.mtime = len(content), 0o4751, 10001, 1234567890.5
            entry.pax_headers = {"SCHILY.xattr.security.capability": "\x01\udcff", "atime": "5.5"}
            archive.addfile(entry, io.BytesIO(content))
    original.seek(0)
    with tarfile.open(fileobj=original, errors="surrogateescape") as layer:
        _rewrite_layer(layer, rewritten, set(contents))
    rewritten.seek(0)
    with tarfile.open(fileobj=rewritten, errors="surrogateescape") as layer:
        entries = {entry.name: entry for entry in layer}
        kept = {name: layer.extractfile(name).read() for name in entries}  # type: ignore[union-attr]  # all are files
    assert entries.keys() == contents.keys()
    assert {(entry.mode, entry.uid, entry.mtime) for entry in entries.values()} == {(0o4751, 10001, EPOCH)}
    for entry in entries.values():
        assert entry.pax_headers["SCHILY.xattr.security.capability"] == "\x01\udcff"
        assert "atime" not in entry.pax_headers
    patched = kept.pop("a/__pycache__/module.cpython-311.pyc")
    assert patched == of_a_base[:8] + EPOCH.to_bytes(4, "little") + of_a_base[12:]
    assert kept == {name: contents[name] for name in kept}
