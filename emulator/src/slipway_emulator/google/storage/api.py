"""Cloud Storage, as much as Terraform's states need: buckets, objects with generations, and preconditions.

The JSON API v1, its uploads (simple, multipart, resumable), and downloads by the XML API's address, which
Google's own clients use. Terraform finds it by GOOGLE_STORAGE_CUSTOM_ENDPOINT: told STORAGE_EMULATOR_HOST it sends no
credentials, and is refused.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import re
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

from slipway_emulator.google.api import Json, LegacyError, Request, Response, Routes, new_id, now, page
from slipway_emulator.google.iam.policies import Policies
from slipway_emulator.google.service_usage.api import project_number

# "Bucket naming guidelines": also no name of Google's.
_BUCKET_NAME = re.compile(r"(?!goog|.*google)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_LONGEST_OBJECT_NAME_BYTES = 1024
# What a bucket's owner may set; the rest is the service's.
_BUCKET_FIELDS = {
    "autoclass": dict, "billing": dict, "cors": list, "defaultEventBasedHold": bool, "encryption": dict,
    "iamConfiguration": dict, "labels": dict, "lifecycle": dict, "location": str, "logging": dict, "name": str,
    "retentionPolicy": dict, "rpo": str, "softDeletePolicy": dict, "storageClass": str, "versioning": dict,
    "website": dict, "hierarchicalNamespace": dict, "customPlacementConfig": dict,
}  # fmt: skip
_OBJECT_FIELDS = {"cacheControl": str, "contentDisposition": str, "contentEncoding": str, "contentLanguage": str,
                  "contentType": str, "metadata": dict, "name": str, "storageClass": str, "bucket": str,
                  "crc32c": str, "md5Hash": str, "customTime": str}  # fmt: skip
_UPLOAD_ID = "upload_id"
_STORAGE_CLASS = "STANDARD"
# As many digits as a 64-bit number has, and no more than Python would read.
_INTEGER = r"\d{1,19}"
_BOUNDARY = re.compile(r'multipart/related\s*;.*\bboundary\s*=\s*("[^"]{1,70}"|[^\s";]{1,70})', re.IGNORECASE)
_CONTENT_TYPE = re.compile(rb"^content-type:[ \t]*([!-:<-~]+)", re.IGNORECASE | re.MULTILINE)


class StorageError(LegacyError):
    """A refusal in the words of Cloud Storage."""


@dataclasses.dataclass
class _Version:
    record: Json
    content: bytes

    @property
    def generation(self) -> int:
        return int(self.record["generation"])


@dataclasses.dataclass
class _Bucket:
    record: Json
    # By name, oldest first; the last one is live unless the name is in `archived`.
    objects: dict[str, list[_Version]] = dataclasses.field(default_factory=dict)
    archived: set[str] = dataclasses.field(default_factory=set)

    def live(self, name: str) -> _Version | None:
        versions = self.objects.get(name)
        return versions[-1] if versions and name not in self.archived else None


@dataclasses.dataclass
class _Upload:
    bucket: str
    metadata: Json
    query: Mapping[str, str]
    content: bytes = b""


class Storage:
    """All buckets.

    Args:
        routes: where they are asked for.
        policies: keeps who may do what with a bucket.
        address: of this API, for links.
    """

    def __init__(self, routes: Routes, policies: Policies, address: str) -> None:
        self._policies = policies
        self._buckets: dict[str, _Bucket] = {}
        self._uploads: dict[str, _Upload] = {}
        self._address = address
        # Generations are microseconds since the epoch: ever larger, across buckets too.
        self._generations = itertools.count(int(time.time() * 1_000_000))
        buckets, objects = "/storage/v1/b", "/storage/v1/b/{bucket:[^/]+}/o"
        routes.add("GET", buckets, self._list_buckets)
        routes.add("POST", buckets, self._insert_bucket)
        routes.add("GET", f"{buckets}/{{bucket:[^/]+}}", self._get_bucket)
        routes.add("PATCH", f"{buckets}/{{bucket:[^/]+}}", self._patch_bucket)
        routes.add("DELETE", f"{buckets}/{{bucket:[^/]+}}", self._delete_bucket)
        policies.serve_buckets(routes, self.resource)
        routes.add("GET", objects, self._list_objects)
        routes.add("GET", f"{objects}/{{name:.+}}", self._get_object)
        routes.add("DELETE", f"{objects}/{{name:.+}}", self._delete_object)
        routes.add("POST", "/upload/storage/v1/b/{bucket:[^/]+}/o", self._upload)
        routes.add("PUT", "/upload/storage/v1/b/{bucket:[^/]+}/o", self._resume)
        routes.add("GET", "/download/storage/v1/b/{bucket:[^/]+}/o/{name:.+}", self._download)

    def is_download(self, method: str, path: str) -> bool:
        """Whether a request reads an object by the XML API's address, `/<bucket>/<object>`."""
        bucket, separator, name = path.removeprefix("/").partition("/")
        return method in ("GET", "HEAD") and bool(separator and name) and bucket in self._buckets

    def download(self, request: Request) -> Response:
        """Read an object by the XML API's address."""
        bucket, _, name = request.path.removeprefix("/").partition("/")
        return self._download(request, bucket, name)

    def resource(self, bucket: str) -> str:
        """What a bucket's policy is kept by.

        Raises:
            StorageError: there is no such bucket.
        """
        self._bucket(bucket)
        return f"projects/_/buckets/{bucket}"

    def project_of(self, bucket: str) -> str:
        """The number of the project that a bucket is in; empty where there is none."""
        return str(self._buckets[bucket].record["projectNumber"]) if bucket in self._buckets else ""

    def _bucket(self, name: str) -> _Bucket:
        if name not in self._buckets:
            raise StorageError(404, "notFound", "The specified bucket does not exist.")
        return self._buckets[name]

    def _list_buckets(self, request: Request) -> Response:
        project, prefix = request.query.get("project", ""), request.query.get("prefix", "")
        if not project:
            raise StorageError(400, "required", "Required parameter: project")
        number = project_number(project)
        records = [
            bucket.record
            for name, bucket in sorted(self._buckets.items())
            if bucket.record["projectNumber"] == number and name.startswith(prefix)
        ]
        return Response(200, {"kind": "storage#buckets"} | page(records, request, "items", 1000))

    def _insert_bucket(self, request: Request) -> Response:
        project = request.query.get("project", "")
        if not project:
            raise StorageError(400, "required", "Required parameter: project")
        wanted = _fields(request.json(), _BUCKET_FIELDS)
        name = wanted.pop("name", "")
        if not _BUCKET_NAME.fullmatch(name):
            raise StorageError(400, "invalid", f"Invalid bucket name: '{name}'")
        if name in self._buckets:
            raise StorageError(
                409, "conflict", "Your previous request to create the named bucket succeeded and you already own it."
            )
        moment = now()
        record: Json = {
            "kind": "storage#bucket",
            "id": name,
            "name": name,
            "selfLink": f"{self._address}/storage/v1/b/{name}",
            "projectNumber": project_number(project),
            "location": wanted.pop("location", "US").upper(),
            "storageClass": wanted.pop("storageClass", _STORAGE_CLASS),
            "timeCreated": moment,
            "updated": moment,
            "metageneration": "1",
            "etag": "CAE=",
        }
        self._buckets[name] = _Bucket(record | wanted)
        return Response(200, self._buckets[name].record)

    def _get_bucket(self, _: Request, bucket: str) -> Response:
        return Response(200, self._bucket(bucket).record)

    def _patch_bucket(self, request: Request, bucket: str) -> Response:
        record = self._bucket(bucket).record
        for field, value in _fields(request.json(), _BUCKET_FIELDS, nulls=True).items():
            if field in ("name", "location"):
                raise StorageError(400, "invalid", f"The {field} of a bucket cannot be changed.")
            if value is None:
                record.pop(field, None)
            else:
                record[field] = value
        record.setdefault("storageClass", _STORAGE_CLASS)
        number = int(record["metageneration"]) + 1
        record |= {"metageneration": str(number), "updated": now(), "etag": _base64(str(number).encode())}
        return Response(200, record)

    def _delete_bucket(self, _: Request, bucket: str) -> Response:
        if self._bucket(bucket).objects:
            raise StorageError(409, "conflict", "The bucket you tried to delete is not empty.")
        del self._buckets[bucket]
        self._policies.forget(f"projects/_/buckets/{bucket}")
        return Response(204)

    def _list_objects(self, request: Request, bucket: str) -> Response:
        found = self._bucket(bucket)
        prefix, delimiter = request.query.get("prefix", ""), request.query.get("delimiter", "")
        records: list[Json] = []
        prefixes: list[str] = []
        for name in sorted(found.objects):
            if not name.startswith(prefix):
                continue
            rest = name[len(prefix) :]
            if delimiter and delimiter in rest:
                folder = prefix + rest.split(delimiter)[0] + delimiter
                prefixes += [] if folder in prefixes else [folder]
            elif request.query.get("versions") == "true":
                records += [version.record for version in found.objects[name]]
            elif live := found.live(name):
                records.append(live.record)
        answer = {"kind": "storage#objects"} | page(records, request, "items", 1000)
        return Response(200, answer | ({"prefixes": prefixes} if prefixes else {}))

    def _version(self, request: Request, bucket: str, name: str) -> _Version:
        found = self._bucket(bucket)
        version = found.live(name)
        if "generation" in request.query:
            wanted = _number(request.query, "generation")
            version = next((v for v in found.objects.get(name, []) if v.generation == wanted), None)
        if version is None:
            raise StorageError(404, "notFound", f"No such object: {bucket}/{name}")
        return version

    def _get_object(self, request: Request, bucket: str, name: str) -> Response:
        if request.query.get("alt") == "media":
            return self._download(request, bucket, name)
        version = self._version(request, bucket, name)
        _check_preconditions(request.query, version)
        return Response(200, version.record)

    def _download(self, request: Request, bucket: str, name: str) -> Response:
        version = self._version(request, bucket, name)
        _check_preconditions(request.query, version)
        record, content = version.record, version.content
        headers = {
            "Content-Type": record["contentType"],
            "ETag": f'"{record["etag"]}"',
            "X-Goog-Generation": record["generation"],
            "X-Goog-Metageneration": record["metageneration"],
            "X-Goog-Hash": f"crc32c={record['crc32c']},md5={record['md5Hash']}",
            "X-Goog-Stored-Content-Encoding": "identity",
            "X-Goog-Stored-Content-Length": record["size"],
            "Last-Modified": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(version.generation / 1_000_000)),
        }
        span = re.fullmatch(rf"bytes=({_INTEGER})-({_INTEGER})?", request.headers.get("range", ""))
        # A range that ends before it begins is none (RFC 9110, section 14.1.1).
        if not span or (span[2] and int(span[2]) < int(span[1])):
            return Response(200, content, headers)
        first, last = int(span[1]), min(int(span[2] or len(content)), len(content) - 1)
        if first >= len(content):
            raise StorageError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return Response(206, content[first : last + 1], headers)

    def _delete_object(self, request: Request, bucket: str, name: str) -> Response:
        version = self._version(request, bucket, name)
        _check_preconditions(request.query, version)
        found = self._bucket(bucket)
        versions = found.objects[name]
        if found.live(name) is version:
            found.archived.add(name)
        if "generation" in request.query or not found.record.get("versioning", {}).get("enabled"):
            versions.remove(version)
        else:
            version.record["timeDeleted"] = now()
        if not versions:
            del found.objects[name]
            found.archived.discard(name)
        return Response(204)

    def _upload(self, request: Request, bucket: str) -> Response:
        self._bucket(bucket)
        kind = request.query.get("uploadType", "")
        if kind == "media":
            metadata = {"contentType": request.headers.get("content-type", "application/octet-stream")}
            return self._store(bucket, metadata, request.query, request.body)
        if kind == "multipart":
            metadata, content = _multipart(request)
            return self._store(bucket, metadata, request.query, content)
        if kind == "resumable":
            metadata = _fields(request.json(), _OBJECT_FIELDS)
            metadata.setdefault("contentType", request.headers.get("x-upload-content-type", "application/octet-stream"))
            _name(metadata, request.query)
            identifier = new_id()
            self._uploads[identifier] = _Upload(bucket, metadata, dict(request.query))
            location = f"{self._address}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&{_UPLOAD_ID}={identifier}"
            return Response(200, b"", {"Location": location, "X-GUploader-UploadID": identifier})
        raise StorageError(400, "invalid", f"Invalid value for uploadType: '{kind}'")

    def _resume(self, request: Request, bucket: str) -> Response:
        identifier = request.query.get(_UPLOAD_ID, "")
        upload = self._uploads.get(identifier)
        if upload is None or upload.bucket != bucket:
            raise StorageError(404, "notFound", "No such upload.")
        given = request.headers.get("content-range", "")
        span = re.fullmatch(rf"bytes (?:({_INTEGER})-({_INTEGER})|\*)/({_INTEGER}|\*)", given)
        if given and not span:
            raise StorageError(400, "invalid", "Failed to parse Content-Range header.")
        if span and span[1] and int(span[1]) != len(upload.content):
            raise StorageError(400, "invalid", f"The upload goes on at byte {len(upload.content)}, not {span[1]}.")
        upload.content += request.body
        if span and (span[3] == "*" or int(span[3]) > len(upload.content)):
            # What has come so far; more is awaited.
            last = {"Range": f"bytes=0-{len(upload.content) - 1}"} if upload.content else {}
            return Response(308, b"", last | {"X-Http-Status-Code-Override": "308"})
        del self._uploads[identifier]
        return self._store(bucket, upload.metadata, upload.query, upload.content)

    def _store(self, bucket: str, metadata: Json, query: Mapping[str, str], content: bytes) -> Response:
        found = self._bucket(bucket)
        name = _name(metadata, query)
        _check_preconditions(query, found.live(name))
        generation, moment = str(next(self._generations)), now()
        record: Json = {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{generation}",
            "selfLink": f"{self._address}/storage/v1/b/{bucket}/o/{quote(name, safe='')}",
            "mediaLink": f"{self._address}/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}?alt=media",
            "storageClass": found.record["storageClass"],
            "contentType": "application/octet-stream",
        } | {field: value for field, value in metadata.items() if field not in ("crc32c", "md5Hash")}
        record |= {
            "name": name,
            "bucket": bucket,
            "generation": generation,
            "metageneration": "1",
            "size": str(len(content)),
            "md5Hash": _base64(hashlib.md5(content, usedforsecurity=False).digest()),
            "crc32c": _base64(crc32c(content).to_bytes(4, "big")),
            "etag": _base64(generation.encode()),
            "timeCreated": moment,
            "updated": moment,
        }
        for field in ("crc32c", "md5Hash"):
            if metadata.get(field) not in (None, record[field]):
                raise StorageError(400, "invalid", f"Provided {field} doesn't match calculated {field}.")
        keep = found.record.get("versioning", {}).get("enabled")
        before = found.objects.get(name, [])
        if before and name not in found.archived:
            # What was live until now.
            before[-1].record["timeDeleted"] = moment
            before = before if keep else before[:-1]
        found.objects[name] = [*before, _Version(record, content)]
        found.archived.discard(name)
        return Response(200, record)


def _name(metadata: Json, query: Mapping[str, str]) -> str:
    name = query.get("name") or metadata.get("name") or ""
    if not 0 < len(name.encode()) <= _LONGEST_OBJECT_NAME_BYTES or "\n" in name or "\r" in name:
        raise StorageError(
            400, "required" if not name else "invalid", "Required" if not name else "Invalid object name."
        )
    return str(name)


def _fields(body: Json, known: Mapping[str, type], nulls: bool = False) -> Json:
    """The fields of a body that a caller may set, with the right types; the service's own are ignored."""
    fields: Json = {}
    for name, value in body.items():
        if value is None and nulls and name in known:
            fields[name] = None
        elif value is not None and name in known:
            if not isinstance(value, known[name]) or (name == "contentType" and not _is_header(str(value))):
                raise StorageError(400, "invalid", f"Invalid value for: {name}")
            fields[name] = value
    return fields


def _multipart(request: Request) -> tuple[Json, bytes]:
    """The metadata and the content of a multipart/related upload."""
    boundary = _BOUNDARY.match(request.headers.get("content-type", ""))
    if not boundary:
        raise StorageError(400, "badContent", "Malformed multipart body.")
    delimiter = b"\r\n--" + boundary[1].strip('"').encode("latin-1")
    _, *parts = (b"\r\n" + request.body).split(delimiter)
    if len(parts) != 3 or not parts[2].startswith(b"--"):
        raise StorageError(400, "badContent", "Malformed multipart body.")
    (_, _, text), (head, _, content) = (part.partition(b"\r\n\r\n") for part in parts[:2])
    metadata = _fields(dataclasses.replace(request, body=text).json(), _OBJECT_FIELDS)
    kind = _CONTENT_TYPE.search(head)
    metadata.setdefault("contentType", kind[1].decode() if kind else "application/octet-stream")
    return metadata, content


def _is_header(value: str) -> bool:
    """Whether a text can be the value of a header."""
    return value.isprintable() and value == value.strip()


def _number(query: Mapping[str, str], name: str) -> int:
    if not re.fullmatch(_INTEGER, query[name]):
        raise StorageError(400, "invalid", f"Invalid long value: '{query[name]}'.")
    return int(query[name])


_PRECONDITIONS: dict[str, Callable[[int, int, int], bool]] = {
    "ifGenerationMatch": lambda number, generation, _: number == generation,
    "ifGenerationNotMatch": lambda number, generation, _: number != generation,
    "ifMetagenerationMatch": lambda number, _, metageneration: number == metageneration,
    "ifMetagenerationNotMatch": lambda number, _, metageneration: number != metageneration,
}


def _check_preconditions(query: Mapping[str, str], live: _Version | None) -> None:
    """Refuse what may only happen to another generation ("Request preconditions"); 0 stands for no object."""
    generation = live.generation if live else 0
    metageneration = int(live.record["metageneration"]) if live else 0
    for name, holds in _PRECONDITIONS.items():
        if name in query and not holds(_number(query, name), generation, metageneration):
            raise StorageError(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


def _crc32c_table() -> list[int]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return table


_CRC32C = _crc32c_table()


def crc32c(content: bytes) -> int:
    """The checksum of a content (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
