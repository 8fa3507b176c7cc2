# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Takes out of a built image what differs from one build to the next: times, and names of the engine's own."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import tarfile
import tempfile
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import IO, Any

from ansible_collections.slipway.provision.plugins.plugin_utils.image_source import EPOCH

Json = dict[str, Any]

# Where an image's configuration (OCI image specification) keeps what the engine adds: a container, a parent, a version.
_OF_THE_ENGINE = ("container", "container_config", "docker_version", "id", "parent")
_MEMORY_BYTES = 64 * 1024 * 1024


def rewrite(
    saved: IO[bytes],
    output: IO[bytes],
    name: str,
    bases: Iterable[list[str]],
    seconds: int,
    added: Mapping[str, bytes],
) -> None:
    """Write an image that the engine can load, which is equal for builds of equal content.

    Layers of a base image stay as they are. In the others, each file gets the time EPOCH, and so do compiled Python
    modules that name the time of their source, or Python would compile each of them at each start.

    Args:
        saved: the image as the engine saves it.
        output: where to.
        name: name and tag of the image that is written.
        bases: the layers of each base image, by their diff ids.
        seconds: when it was created, in seconds since 1970.
        added: files that the image gets in a last layer: absolute path, in a folder that the image has, to content.
    """
    with (
        tarfile.open(fileobj=saved) as source,
        tarfile.open(fileobj=output, mode="w", format=tarfile.GNU_FORMAT) as target,
    ):
        manifest = _json(source, "manifest.json")[0]
        config = _json(source, manifest["Config"])
        diff_ids = config["rootfs"]["diff_ids"]
        first = max((len(base) for base in bases if base == diff_ids[: len(base)]), default=0)
        files = {entry.name for layer in manifest["Layers"][first:] for entry in _layer(source, layer) if entry.isreg()}
        for number, layer in enumerate(manifest["Layers"]):
            with tempfile.SpooledTemporaryFile(_MEMORY_BYTES) as rewritten:
                if number < first:
                    shutil.copyfileobj(_member(source, layer), rewritten)
                else:
                    _rewrite_layer(_layer(source, layer), rewritten, files)
                rewritten.seek(0)
                diff_ids[number] = f"sha256:{hashlib.file_digest(rewritten, 'sha256').hexdigest()}"
                _add(target, f"{number}.tar", rewritten)
        if added:
            layer = _layer_of(added)
            diff_ids.append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
            config.setdefault("history", []).append({"created_by": f"add {' '.join(sorted(added))}"})
            _add(target, f"{len(diff_ids) - 1}.tar", io.BytesIO(layer))
        for key in _OF_THE_ENGINE:
            config.pop(key, None)
        config.get("config", {}).pop("Image", None)
        created = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for dated in (config, *config.get("history", [])):
            dated["created"] = created
        layers = [f"{number}.tar" for number in range(len(diff_ids))]
        _add(target, "config.json", io.BytesIO(json.dumps(config, sort_keys=True).encode()))
        loaded = [{"Config": "config.json", "RepoTags": [name], "Layers": layers}]
        _add(target, "manifest.json", io.BytesIO(json.dumps(loaded).encode()))


def _rewrite_layer(layer: tarfile.TarFile, output: IO[bytes], files: Collection[str]) -> None:
    # The format that keeps extended attributes.
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as target:
        for entry in layer:
            content = layer.extractfile(entry) if entry.isreg() else None
            if content and _source_of(entry.name) in files:
                content = io.BytesIO(_with_source_time(content.read()))
            entry.mtime = EPOCH
            entry.pax_headers = {key: value for key, value in entry.pax_headers.items() if not key.endswith("time")}
            target.addfile(entry, content)


def _layer_of(files: Mapping[str, bytes]) -> bytes:
    """A layer with files that are root's and that everybody may read."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as target:
        for path in sorted(files):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.mode, entry.mtime, entry.size = 0o644, EPOCH, len(files[path])
            target.addfile(entry, io.BytesIO(files[path]))
    return output.getvalue()


def _source_of(module: str) -> str | None:
    """Path of the source of a compiled Python module (PEP 3147); None for any other file."""
    path = PurePosixPath(module)
    if path.suffix != ".pyc" or path.parent.name != "__pycache__":
        return None
    return str(path.parent.parent / f"{path.name.partition('.')[0]}.py")


def _with_source_time(module: bytes) -> bytes:
    """A compiled module whose source has the time EPOCH; one that names a digest instead stays as it is (PEP 552)."""
    if module[4:8] != b"\0\0\0\0":
        return module
    return module[:8] + struct.pack("<I", EPOCH) + module[12:]


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    # Through a link: where two layers are equal, the engine saves one.
    content = archive.extractfile(name)
    if content is None:
        raise ValueError(f"{name} of a saved image is no file")
    return content


def _layer(archive: tarfile.TarFile, name: str) -> tarfile.TarFile:
    return tarfile.open(fileobj=_member(archive, name), encoding="utf-8", errors="surrogateescape")


def _json(archive: tarfile.TarFile, name: str) -> Any:
    return json.load(_member(archive, name))


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = content.seek(0, io.SEEK_END)
    content.seek(0)
    archive.addfile(entry, content)
