# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What an image is built from: build context, Dockerfile, build arguments, base images, platform, added files."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import MissingLibraryError
from ansible_collections.slipway.provision.plugins.plugin_utils.docker_engine import docker
from ansible_collections.slipway.provision.plugins.plugin_utils.python_project import DOCKERFILE as PYTHON_DOCKERFILE
from ansible_collections.slipway.provision.plugins.plugin_utils.python_project import python_image

EPOCH = 315532800
"""Modification time of all files, in seconds: 1980, before which no ZIP file and so no Python wheel can go."""

DOCKERFILE = ".slipway.Dockerfile"
"""What the Dockerfile is called in the build context that the engine gets."""

# The engine reads the two and takes out what the second one names, so COPY does not see them.
_IGNORED_BY_THE_ENGINE = f".dockerignore\n{DOCKERFILE}\n".encode()
# Each git command writes into it, so that no two checkouts are equal. `!.git` in .dockerignore takes it along.
_IGNORED_BY_DEFAULT = [".git", "**/.git"]

_INSTRUCTION = re.compile(r"\s*(ARG|FROM|COPY)\s+(.*)", re.IGNORECASE | re.DOTALL)
_COPY_FROM = re.compile(r"--from=(\S+)")
_FROM = re.compile(r"(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:[-+])([^}]*))?\})")


class SourceError(Exception):
    """The source cannot be built from.

    Args:
        what: what is wrong.
        remedy: what to do.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True)
class ImageSource:
    """What an image is built from.

    Attributes:
        context: folder of the application, resolved.
        dockerfile: the Dockerfile, resolved.
        arguments: build arguments that are part of what was asked for.
        platform: operating system and CPU architecture, `linux/amd64`.
        added: files that the built image gets in a layer of their own: path in the image to a file of this machine.
    """

    context: Path
    dockerfile: Path
    arguments: Mapping[str, str]
    platform: str = "linux/amd64"
    added: Mapping[str, Path] = field(default_factory=dict)

    def files(self) -> list[str]:
        """Names in the build context below its folder, sorted: what .dockerignore leaves.

        Raises:
            MissingLibraryError: the library docker, which reads .dockerignore, is not installed.
            SourceError: a folder or .dockerignore cannot be read.
        """
        if docker is None:
            raise MissingLibraryError("docker")
        # As BuildKit has it, a Dockerfile's own file goes before that of the folder.
        own = self.dockerfile.with_name(f"{self.dockerfile.name}.dockerignore")
        ignore = own if own.is_file() else self.context / ".dockerignore"
        try:
            text = ignore.read_text("utf-8-sig", "surrogateescape") if ignore.is_file() else ""
            patterns = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
            names = docker.utils.build.walk(str(self.context), _IGNORED_BY_DEFAULT + patterns)
            return sorted({name for name in names if name not in (".dockerignore", DOCKERFILE)}, key=os.fsencode)
        except OSError as error:
            raise _unreadable(error) from error

    def check(self) -> None:
        """Check what can be said without an engine and without reading what the files hold.

        Raises:
            SourceError: a file cannot be read, or a FROM names nothing.
        """
        for name in self.files():
            path = self.context / name
            if path.is_file() and not path.is_symlink() and not os.access(path, os.R_OK):
                raise _unreadable(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)))
        self.base_images()

    def write_context(self, write: Callable[[bytes], object]) -> None:
        """Write the build context as a tar archive, which is equal for equal content.

        Of what a file system knows of a file, its content and whether its owner may execute it go in: owners, times,
        umask and hard links are those of a checkout and not of the source.

        Args:
            write: takes the archive's bytes, one part after the other.

        Raises:
            SourceError: a file cannot be read.
        """
        try:
            # GNU's format keeps names as the bytes they are.
            with tarfile.open(fileobj=SimpleNamespace(write=write), mode="w|", format=tarfile.GNU_FORMAT) as archive:
                for name in self.files():
                    path = self.context / name
                    entry, status = _entry(name), path.lstat()
                    if stat.S_ISLNK(status.st_mode):
                        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
                        archive.addfile(entry)
                    elif stat.S_ISDIR(status.st_mode):
                        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                        archive.addfile(entry)
                    elif stat.S_ISREG(status.st_mode):
                        entry.size, entry.mode = status.st_size, 0o755 if status.st_mode & stat.S_IXUSR else 0o644
                        with path.open("rb") as file:
                            archive.addfile(entry, file)
                    # What is left are sockets, pipes and devices, which are no source.
                for name, content in (
                    (".dockerignore", _IGNORED_BY_THE_ENGINE),
                    (DOCKERFILE, self.dockerfile.read_bytes()),
                ):
                    entry = _entry(name)
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
        except OSError as error:
            raise _unreadable(error) from error

    def base_images(self) -> list[str]:
        """The images that the Dockerfile's stages begin with or copy from, without its own stages.

        Raises:
            SourceError: the Dockerfile cannot be read, or a FROM names nothing.
        """
        try:
            text = self.dockerfile.read_text("utf-8-sig", "surrogateescape")
        except OSError as error:
            raise _unreadable(error) from error
        variables: dict[str, str] = {}
        stages, images = {"scratch"}, dict[str, None]()
        begun = False
        for instruction, rest in _instructions(text):
            if instruction == "ARG" and not begun:
                for word in rest.split():
                    name, _, value = word.partition("=")
                    variables[name] = self.arguments.get(name, _expanded(value.strip("\"'"), variables))
            elif instruction == "FROM":
                begun = True
                match = _FROM.fullmatch(_expanded(rest, variables))
                if not match:
                    raise SourceError(
                        f"FROM {rest} in {self.dockerfile} names no image",
                        "Give the ARG in it a default, or a value in image_build_args",
                    )
                if match[1].lower() not in stages:
                    images[match[1]] = None
                stages.add((match[2] or "").lower())
            elif instruction == "COPY" and (copied := _COPY_FROM.search(rest)):
                name = copied[1]
                if not name.isdigit() and name.lower() not in stages:
                    images[name] = None
        return list(images)

    def added_files(self) -> dict[str, bytes]:
        """What the added files hold, by their path in the image.

        Raises:
            SourceError: a file cannot be read.
        """
        try:
            return {name: path.read_bytes() for name, path in self.added.items()}
        except OSError as error:
            raise SourceError(
                f"{error.filename}, which the image is to have, cannot be read: {error.strerror}",
                "Look at image_added_files and what it is made of",
            ) from error

    def tag(self, engine: Any, context_digest: str | None = None) -> str:
        """The image's tag: 32 hexadecimal digits, equal for equal content and another for any other.

        Args:
            engine: a client of the Docker Engine, which knows the base images.
            context_digest: SHA-256 of the build context, where it is known.

        Raises:
            SourceError: something cannot be read, or a base image is nowhere.
        """
        if context_digest is None:
            digest = hashlib.sha256()
            self.write_context(digest.update)
            context_digest = digest.hexdigest()
        content: dict[str, Any] = {
            "arguments": dict(self.arguments),
            "bases": [base_digest(engine, image) for image in self.base_images()],
            "context": context_digest,
            "platform": self.platform,
        }
        # An image without has the tag that it always had.
        if self.added:
            content["added"] = {name: hashlib.sha256(data).hexdigest() for name, data in self.added_files().items()}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def image_source(arguments: Mapping[str, Any]) -> ImageSource:
    """The source that an action's arguments name.

    Where they name no Dockerfile, it is that of the folder, or else the collection's own, which takes the Python that
    the application asks for.
    """
    context = Path(arguments["source"]).resolve()
    own = context / "Dockerfile"
    dockerfile = Path(arguments["dockerfile"] or (own if own.is_file() else PYTHON_DOCKERFILE)).resolve()
    given = {name: str(value) for name, value in arguments["build_args"].items()}
    if dockerfile == PYTHON_DOCKERFILE and (image := python_image(context)):
        given = {"PYTHON_IMAGE": image} | given
    added = {name: Path(path) for name, path in arguments["added_files"].items()}
    return ImageSource(context, dockerfile, given, arguments["platform"], added)


def base_digest(engine: Any, image: str) -> str:
    """Digest of a base image: its registry's where it has one, which is that of an image before and after its pull.

    Args:
        engine: a client of the Docker Engine.
        image: the image as FROM names it.

    Raises:
        SourceError: it is neither on this machine nor in its registry.
    """
    repository, pinned = docker.utils.parse_repository_tag(image)
    if pinned and pinned.startswith("sha256:"):
        return str(pinned)
    try:
        found = engine.api.inspect_image(image)
        familiar = re.sub(r"^((index\.)?docker\.io/)?(library/)?", "", repository)
        digests = [one.partition("@")[2] for one in found["RepoDigests"] or [] if one.startswith(f"{familiar}@")]
        return str(min(digests, default=found["Id"]))
    except docker.errors.ImageNotFound:
        pass
    except docker.errors.DockerException as error:
        raise SourceError(
            f"the Docker Engine does not tell what the base image {image} is: {error}",
            "Look at the engine and the name",
        ) from error
    try:
        return str(engine.images.get_registry_data(image).id)
    except docker.errors.DockerException as error:
        reason = error.explanation if isinstance(error, docker.errors.APIError) else error
        raise SourceError(
            f"the base image {image} is neither on this machine nor to be had: {reason}",
            "Pull or build it, or name another one in the Dockerfile or in image_build_args",
        ) from error


def _entry(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.mtime = 0o644, EPOCH
    return entry


def _unreadable(error: OSError) -> SourceError:
    return SourceError(
        f"{error.filename or 'a file of the image'} cannot be read: {error.strerror or error}",
        "Make it readable for who runs the playbook, or name it in .dockerignore if it does not belong in the image",
    )


def _instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """The instructions that name images or what their names are made of, and what follows each."""
    escape = "`" if re.match(r"#\s*escape\s*=\s*`", dockerfile) else "\\"
    lines = (line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    text = re.sub(rf"{re.escape(escape)}[ \t]*\n", " ", "\n".join(lines))
    for line in text.splitlines():
        if match := _INSTRUCTION.fullmatch(line):
            yield match[1].upper(), match[2].strip()


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """A text with its `$name`, `${name}`, `${name:-default}` and `${name:+alternative}` replaced."""

    def value(match: re.Match[str]) -> str:
        found = variables.get(match[1] or match[2], "")
        if match[3] == ":+":
            return match[4] if found else ""
        return found or match[4] or ""

    return _REFERENCE.sub(value, text)
