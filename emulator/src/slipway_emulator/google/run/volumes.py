"""Secrets that Cloud Run mounts as files: what may be said of them, and the files of a container."""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Callable

from slipway_emulator.google.api import Json
from slipway_emulator.google.messages import ANY, INT32, STRING, snake
from slipway_emulator.google.run.violations import ViolationError
from slipway_emulator.google.secret_manager.api import AccessError

# Of each, one source; a rehearsal has secrets alone.
_OTHER_SOURCES = ("cloudSqlInstance", "emptyDir", "nfs", "gcs")
VOLUME = {
    "name": STRING,
    "secret": {
        "secret": STRING,
        "items": [{"path": STRING, "version": STRING, "mode": INT32}],
        "defaultMode": INT32,
    },
} | dict.fromkeys(_OTHER_SOURCES, ANY)

SECRET = re.compile(r"(projects/[a-z0-9-]+/secrets/)?[A-Za-z0-9_-]{1,255}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# "Configure secrets for services", disallowed paths and limitations.
_RESERVED_FOLDERS = ("/dev", "/proc", "/sys")
_DEFAULT_MODE = 0o444

Read = Callable[[str, str], str]


def check_volumes(template: Json, path: str) -> None:
    """Refuse volumes that Cloud Run does not take, and those that a rehearsal does not have.

    Args:
        template: of a revision or a task.
        path: where it is: "template".

    Raises:
        ViolationError: something is wrong; it says what and where.
    """
    names = [_checked_name(volume, f"{path}.volumes[{at}]") for at, volume in enumerate(template.get("volumes", []))]
    for name in names:
        if names.count(name) > 1:
            raise ViolationError(f"{path}.volumes", f'"{name}" is there twice')
    for position, container in enumerate(template["containers"]):
        folders = []
        for at, mount in enumerate(container.get("volumeMounts", [])):
            place = f"{path}.containers[{position}].volume_mounts[{at}]"
            if mount.get("name") not in names:
                raise ViolationError(f"{place}.name", f'there is no volume "{mount.get("name", "")}"')
            folders.append(_checked_folder(mount, place))
        if len(set(folders)) < len(folders):
            raise ViolationError(f"{path}.containers[{position}].volume_mounts", "two have the same mount_path")


def _checked_name(volume: Json, path: str) -> str:
    name = str(volume.get("name", ""))
    if not _NAME.fullmatch(name):
        raise ViolationError(f"{path}.name", f'"{name}" is no name of a volume')
    for source in _OTHER_SOURCES:
        if source in volume:
            raise ViolationError(f"{path}.{snake(source)}", "the rehearsal knows volumes of secrets alone")
    secret = volume.get("secret", {})
    if not SECRET.fullmatch(secret.get("secret", "")):
        raise ViolationError(f"{path}.secret.secret", "must be a secret")
    paths = [item.get("path", "") for item in secret.get("items", [])]
    for at, item in enumerate(paths):
        if not item or item.startswith("/") or ".." in item.split("/") or paths.count(item) > 1:
            text = f'"{item}" must be the path of one file below mount_path'
            raise ViolationError(f"{path}.secret.items[{at}].path", text)
    return name


def _checked_folder(mount: Json, path: str) -> str:
    if mount.get("subPath"):
        raise ViolationError(f"{path}.sub_path", "the rehearsal mounts volumes as a whole")
    given = str(mount.get("mountPath", ""))
    folder = posixpath.normpath(given)
    if not given.startswith("/") or folder == "/":
        raise ViolationError(f"{path}.mount_path", f'"{given}" must be an absolute path, and not the root')
    if any(folder == reserved or folder.startswith(f"{reserved}/") for reserved in _RESERVED_FOLDERS):
        raise ViolationError(f"{path}.mount_path", f'"{given}" must not be in {", ".join(_RESERVED_FOLDERS)}')
    return folder


def files_of(template: Json, container: Json, read: Read) -> tuple[dict[str, tuple[int, str]], list[str]]:
    """The files that a container has of secrets.

    Args:
        template: of its revision or task.
        container: of the template.
        read: gives the value of a secret, by its name as the template has it, and its version.

    Returns:
        Mode and content of each by its path, and what is wrong with those that cannot be had.
    """
    folders = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
    files, problems = {}, []
    for position, volume in enumerate(template.get("volumes", [])):
        if volume["name"] not in folders:
            continue
        secret = volume["secret"]
        # Without items it is one file, which has the secret's name.
        items = secret.get("items") or [{"path": secret["secret"].split("/")[-1], "version": "latest"}]
        for at, item in enumerate(items):
            mode = item.get("mode") or secret.get("defaultMode") or _DEFAULT_MODE
            try:
                value = read(secret["secret"], item.get("version", "latest"))
            except AccessError as error:
                problems.append(f"spec.template.spec.volumes[{position}].secret.items[{at}].key: {error}")
                continue
            files[posixpath.join(folders[volume["name"]], item["path"])] = (mode, value)
    return files, problems


def archive(files: dict[str, tuple[int, str]]) -> bytes:
    """Files as the engine takes them, to be unpacked in the root folder.

    Args:
        files: mode and content of each by its path.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, (mode, value) in sorted(files.items()):
            data = value.encode()
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.mode, entry.size = mode, len(data)
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
