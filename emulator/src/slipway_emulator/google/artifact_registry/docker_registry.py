"""The Docker side of Artifact Registry: OCI Distribution Specification 1.1, with access tokens as passwords."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slipway_emulator.google.api import ApiError, Json, Request, Response, new_id, now
from slipway_emulator.google.artifact_registry.clean_up import superfluous
from slipway_emulator.google.iam.access import Access
from slipway_emulator.google.iam.permissions import Need
from slipway_emulator.google.iam.tokens import Caller, Tokens

_PATH = re.compile(r"/v2/(?P<name>[^/]+/[^/]+/.+?)/(?P<kind>blobs|manifests|tags)/(?P<rest>.+)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
# What each method of HTTP does to a repository; any other one writes.
_PERMISSIONS = {"GET": "downloadArtifacts", "HEAD": "downloadArtifacts", "DELETE": "deleteArtifacts"}
# An image's name: project, repository, and what its owner calls it.
_LEAST_SLASHES = 2


class RegistryError(Exception):
    """A refusal in the words of a registry.

    Args:
        http: the HTTP status.
        code: of the specification: "MANIFEST_UNKNOWN".
        message: what to tell the caller.
    """

    def __init__(self, http: int, code: str, message: str) -> None:
        super().__init__(message)
        self.http, self.code, self.message = http, code, message


@dataclasses.dataclass
class _Image:
    manifests: dict[str, Json] = dataclasses.field(default_factory=dict)
    tags: dict[str, str] = dataclasses.field(default_factory=dict)


class DockerRegistry:
    """Images by name, `<project>/<repository>/<image>`; their layers lie in files.

    Args:
        tokens: knows who asks.
        access: knows what they may do.
        directory: where layers are kept, each repository's by themselves; emptied now.
        address: of this registry, for its own links.
    """

    def __init__(self, tokens: Tokens, access: Access, directory: Path, address: str) -> None:
        self._tokens = tokens
        self._access = access
        self._address = address
        self._directory = directory
        self._uploads = directory / "uploads"
        self.remove()
        self._uploads.mkdir(parents=True)
        self._images: dict[str, _Image] = {}
        # The record of a repository, by project and name; put here by Artifact Registry.
        self.allow: Callable[[str, str], Json | None] = lambda _project, _repository: None

    def answer(self, request: Request) -> Response:
        """The answer to a request below /v2/."""
        try:
            if request.path == "/v2/token":
                return self._token(request)
            caller = self._caller(request)
            if caller is None:
                raise RegistryError(401, "UNAUTHORIZED", "Unauthenticated request. Log in with an access token.")
            return self._answer(dataclasses.replace(request, principal=caller.email, scopes=caller.scopes))
        except RegistryError as error:
            headers = {"Docker-Distribution-Api-Version": "registry/2.0"}
            if error.http == 401:
                realm = f'Bearer realm="{self._address}/v2/token",service="{self._address.partition("//")[2]}"'
                headers["WWW-Authenticate"] = realm
            return Response(error.http, {"errors": [{"code": error.code, "message": error.message}]}, headers)

    def digest(self, name: str, reference: str) -> str | None:
        """The digest of a tag or of a digest that is there, or None."""
        image = self._images.get(name)
        if image is None:
            return None
        digest = image.tags.get(reference, reference)
        return digest if digest in image.manifests else None

    def images(self, repository: str) -> list[Json]:
        """The images of `<project>/<repository>`: name, digest, tags, size in bytes, media type, time."""
        listed = []
        for name, image in sorted(self._images.items()):
            if name.startswith(f"{repository}/"):
                for digest, manifest in image.manifests.items():
                    tags = sorted(tag for tag, tagged in image.tags.items() if tagged == digest)
                    listed.append({"name": name, "digest": digest, "tags": tags} | manifest["about"])
        return listed

    def tags(self, name: str) -> dict[str, str]:
        """The tags of an image and the digests they stand for."""
        image = self._images.get(name)
        return dict(sorted(image.tags.items())) if image else {}

    def size_bytes(self, repository: str) -> int:
        """The size of all images of `<project>/<repository>`."""
        return sum(image["size"] for image in self.images(repository))

    def forget(self, repository: str) -> None:
        """The repository is gone, and its images with it."""
        for name in [name for name in self._images if name.startswith(f"{repository}/")]:
            del self._images[name]
        shutil.rmtree(self._directory / "blobs" / repository, ignore_errors=True)

    def remove(self) -> None:
        """Remove all files."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _layer(self, name: str, digest: str) -> Path:
        """Where a layer of an image's repository lies, or would."""
        project, repository, _ = name.split("/", 2)
        return self._directory / "blobs" / project / repository / digest.removeprefix("sha256:")

    def _token(self, request: Request) -> Response:
        caller = self._caller(request)
        if caller is None:
            raise RegistryError(403, "DENIED", "The access token is not valid; it may have expired.")
        return Response(200, {"token": self._tokens.issue(caller), "expires_in": 3600, "issued_at": now()})

    def _caller(self, request: Request) -> Caller | None:
        try:
            return self._tokens.caller(request.headers, of_docker=True)
        except ApiError:
            return None

    def _check(self, request: Request, record: Json) -> None:
        """Refuse who may not do with a repository what a request does."""
        verb = _PERMISSIONS.get(request.method, "uploadArtifacts")
        need = Need("artifactregistry", f"artifactregistry.repositories.{verb}")
        try:
            self._access.check_scopes(request, need)
            self._access.check(request, need, record["name"].split("/")[1], record["name"])
        except ApiError as error:
            raise RegistryError(403, "DENIED", error.message) from None

    def _answer(self, request: Request) -> Response:
        if request.path.rstrip("/") == "/v2":
            return Response(200, {}, {"Docker-Distribution-Api-Version": "registry/2.0"})
        match = _PATH.fullmatch(request.path)
        if not match:
            raise RegistryError(404, "NAME_INVALID", f"{request.path} names no image")
        name, rest = match["name"], match["rest"]
        if not _NAME.fullmatch(name):
            raise RegistryError(400, "NAME_INVALID", f"invalid image name {name}")
        project, repository, _ = name.split("/", 2)
        record = self.allow(project, repository)
        if record is None:
            raise RegistryError(404, "NAME_UNKNOWN", f'Repository "{repository}" not found')
        self._check(request, record)
        kind = match["kind"]
        if kind == "manifests":
            return self._manifest(request, name, rest, record)
        if kind == "tags" and rest == "list" and request.method == "GET":
            image = self._images.get(name, _Image())
            return Response(200, {"name": name, "tags": sorted(image.tags)})
        if kind == "blobs" and rest.startswith("uploads"):
            return self._upload(request, name, rest.removeprefix("uploads").strip("/"))
        if kind == "blobs":
            return self._blob(request, name, rest)
        raise RegistryError(404, "UNSUPPORTED", f"{request.method} {request.path} is not part of the specification")

    def _blob(self, request: Request, name: str, digest: str) -> Response:
        if not _DIGEST.fullmatch(digest):
            raise RegistryError(400, "DIGEST_INVALID", f"invalid digest {digest}")
        path = self._layer(name, digest)
        if not path.exists():
            raise RegistryError(404, "BLOB_UNKNOWN", f"blob {digest} unknown to the registry")
        headers = {"Docker-Content-Digest": digest, "Content-Type": "application/octet-stream"}
        if request.method == "HEAD":
            return Response(200, b"", headers | {"Content-Length": str(path.stat().st_size)})
        if request.method != "GET":
            raise RegistryError(405, "UNSUPPORTED", "layers are removed with their images")
        return Response(200, path.read_bytes(), headers)

    def _upload(self, request: Request, name: str, identifier: str) -> Response:
        if request.method == "POST" and not identifier:
            mounted = request.query.get("mount", "")
            if _DIGEST.fullmatch(mounted) and self._mount(name, mounted, request.query.get("from", "")):
                return _created(f"/v2/{name}/blobs/{mounted}", mounted)
            identifier = new_id()
            (self._uploads / identifier).touch()
            if "digest" in request.query:
                return self._complete(request, name, identifier)
            return self._accepted(name, identifier)
        if not re.fullmatch(r"[0-9a-f-]{36}", identifier) or not (self._uploads / identifier).exists():
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        if request.method == "PATCH":
            with (self._uploads / identifier).open("ab") as file:
                file.write(request.body)
            return self._accepted(name, identifier)
        if request.method == "PUT":
            return self._complete(request, name, identifier)
        if request.method == "DELETE":
            (self._uploads / identifier).unlink()
            return Response(204)
        if request.method == "GET":
            return dataclasses.replace(self._accepted(name, identifier), status=204)
        raise RegistryError(405, "UNSUPPORTED", f"{request.method} is not for uploads")

    def _mount(self, name: str, digest: str, source: str) -> bool:
        """Give an image the layer of another one; False where that has none."""
        if not _NAME.fullmatch(source) or source.count("/") < _LEAST_SLASHES:
            return False
        project, repository, _ = source.split("/", 2)
        if self.allow(project, repository) is None:
            return False
        layer = self._layer(name, digest)
        layer.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            os.link(self._layer(source, digest), layer)
        return layer.exists()

    def _accepted(self, name: str, identifier: str) -> Response:
        size = (self._uploads / identifier).stat().st_size
        headers = {
            "Location": f"/v2/{name}/blobs/uploads/{identifier}",
            "Docker-Upload-UUID": identifier,
            "Range": f"0-{max(size - 1, 0)}",
        }
        return Response(202, b"", headers)

    def _complete(self, request: Request, name: str, identifier: str) -> Response:
        path, digest = self._uploads / identifier, request.query.get("digest", "")
        with path.open("ab") as file:
            file.write(request.body)
        with path.open("rb") as file:
            found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if digest != found:
            path.unlink()
            raise RegistryError(400, "DIGEST_INVALID", f"the layer has the digest {found}, not {digest}")
        layer = self._layer(name, digest)
        layer.parent.mkdir(parents=True, exist_ok=True)
        path.rename(layer)
        return _created(f"/v2/{name}/blobs/{digest}", digest)

    def _manifest(self, request: Request, name: str, reference: str, record: Json) -> Response:
        if not _TAG.fullmatch(reference) and not _DIGEST.fullmatch(reference):
            raise RegistryError(400, "TAG_INVALID", f"invalid tag {reference}")
        if request.method == "PUT":
            return self._put_manifest(request, name, reference, record)
        image, digest = self._images.get(name, _Image()), self.digest(name, reference)
        if digest is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", f'Failed to fetch "{reference}"')
        manifest = image.manifests[digest]
        headers = {"Docker-Content-Digest": digest, "Content-Type": manifest["about"]["mediaType"]}
        if request.method == "HEAD":
            return Response(200, b"", headers | {"Content-Length": str(len(manifest["content"]))})
        if request.method == "GET":
            return Response(200, manifest["content"], headers)
        if request.method != "DELETE":
            raise RegistryError(405, "UNSUPPORTED", f"{request.method} is not for manifests")
        if _has_immutable_tags(record) and (reference in image.tags or digest in image.tags.values()):
            raise RegistryError(400, "DENIED", f"cannot delete {reference}: the repository has immutable tags enabled")
        if reference in image.tags:
            del image.tags[reference]
        elif digest in image.tags.values():
            raise RegistryError(400, "DENIED", f"{digest} has tags; remove them first")
        else:
            del image.manifests[digest]
        return Response(202)

    def _put_manifest(self, request: Request, name: str, reference: str, record: Json) -> Response:
        digest = f"sha256:{hashlib.sha256(request.body).hexdigest()}"
        if _DIGEST.fullmatch(reference) and reference != digest:
            raise RegistryError(400, "DIGEST_INVALID", f"the manifest has the digest {digest}, not {reference}")
        size = self._check_parts(name, request.body, self._images.get(name, _Image()))
        image = self._images.setdefault(name, _Image())
        if not _DIGEST.fullmatch(reference):
            if _has_immutable_tags(record) and image.tags.get(reference, digest) != digest:
                raise RegistryError(
                    400, "MANIFEST_INVALID", f"cannot update tag {reference}: the repository has immutable tags enabled"
                )
            image.tags[reference] = digest
        about = {
            "mediaType": request.headers.get("content-type", "application/vnd.oci.image.manifest.v1+json"),
            "size": size,
            "uploaded": image.manifests.get(digest, {}).get("about", {}).get("uploaded", now()),
        }
        image.manifests[digest] = {"content": request.body, "about": about}
        if reference in image.tags:
            # An index's parts are pushed without a tag, before it.
            self._clean_up(name, image, record)
        return _created(f"/v2/{name}/manifests/{digest}", digest)

    def _clean_up(self, name: str, image: _Image, record: Json) -> None:
        """Delete what the repository's policies say; layers stay with the repository."""
        versions = [
            version | {"content": image.manifests[version["digest"]]["content"]}
            for version in self.images(name.rpartition("/")[0])
            if version["name"] == name
        ]
        package = name.split("/", 2)[2]
        for digest in superfluous(package, versions, record, datetime.datetime.now(datetime.UTC)):
            del image.manifests[digest]
            image.tags = {tag: tagged for tag, tagged in image.tags.items() if tagged != digest}

    def _check_parts(self, name: str, content: bytes, image: _Image) -> int:
        """The sizes' sum of what a manifest names, which must be in its repository."""
        try:
            manifest = json.loads(content)
        except (ValueError, RecursionError):
            manifest = None
        if not isinstance(manifest, dict):
            raise RegistryError(400, "MANIFEST_INVALID", "the manifest is no JSON object")
        parts: list[Any] = [manifest["config"]] if "config" in manifest else []
        for field in ("layers", "manifests"):
            found = manifest.get(field, [])
            parts += found if isinstance(found, list) else [found]
        size = len(content)
        for part in parts:
            digest = part.get("digest") if isinstance(part, dict) else None
            if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
                raise RegistryError(400, "MANIFEST_INVALID", "the manifest names a part without a digest")
            if digest not in image.manifests and not self._layer(name, digest).exists():
                raise RegistryError(400, "MANIFEST_BLOB_UNKNOWN", f"{digest} is not in the repository")
            size += part["size"] if isinstance(part.get("size"), int) else 0
        if not parts:
            raise RegistryError(400, "MANIFEST_INVALID", "the manifest names no layers")
        return size


def _has_immutable_tags(record: Json) -> bool:
    return bool(record.get("dockerConfig", {}).get("immutableTags"))


def _created(location: str, digest: str) -> Response:
    return Response(201, b"", {"Location": location, "Docker-Content-Digest": digest})
