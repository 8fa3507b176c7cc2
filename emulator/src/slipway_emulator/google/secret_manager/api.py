"""Secret Manager API v1: secrets of projects, their versions, and who may read them. Values are in memory alone."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid, new_id, now, page
from slipway_emulator.google.iam.access import Access
from slipway_emulator.google.iam.policies import Policies
from slipway_emulator.google.messages import ANY, DURATION, INT64, STRING, Map, check
from slipway_emulator.google.service_usage.api import project_number
from slipway_emulator.google.storage.api import crc32c

_SECRETS = "/secretmanager/v1/projects/{project}/secrets"
_SECRET = f"{_SECRETS}/{{secret}}"
_VERSION = f"{_SECRET}/versions/{{version}}"
_ACCESS = "secretmanager.versions.access"
_ENABLED, _DISABLED, _DESTROYED = "ENABLED", "DISABLED", "DESTROYED"
_LATEST = "latest"
_SECRET_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LABEL_KEY, _LABEL_VALUE = re.compile(r"[a-z][a-z0-9_-]{0,62}"), re.compile(r"[a-z0-9_-]{0,63}")
_MOST_LABELS = 64
_LARGEST_BYTES = 64 * 1024
_PAGE_SIZE = 25000

_ENCRYPTION = {"kmsKeyName": STRING}
_REPLICATION = {
    "automatic": {"customerManagedEncryption": _ENCRYPTION},
    "userManaged": {"replicas": [{"location": STRING, "customerManagedEncryption": _ENCRYPTION}]},
}
# What a caller sets.
_WRITABLE = {"replication": _REPLICATION, "labels": Map(STRING), "annotations": Map(STRING)}
# What a rehearsal has no use for, and would have to act on.
_UNKNOWN = {
    "topics": ANY, "expireTime": STRING, "ttl": DURATION, "rotation": ANY, "versionAliases": Map(INT64),
    "versionDestroyTtl": DURATION, "customerManagedEncryption": _ENCRYPTION, "tags": Map(STRING),
}  # fmt: skip
_OUTPUT_ONLY = {"name": STRING, "createTime": STRING, "etag": STRING}
_ETAG = {"etag": STRING}


@dataclasses.dataclass
class _Version:
    record: Json
    data: bytes


@dataclasses.dataclass
class _Secret:
    record: Json
    # The oldest first; the number of each is its place, from 1.
    versions: list[_Version] = dataclasses.field(default_factory=list)


class AccessError(Exception):
    """A service cannot have a secret; the message says why."""


class SecretManager:
    """The secrets of each project.

    Args:
        routes: where they are asked for.
        policies: keeps who may read them.
        access: knows who may.
    """

    def __init__(self, routes: Routes, policies: Policies, access: Access) -> None:
        self._secrets: dict[str, _Secret] = {}
        self._policies = policies
        self._access = access
        routes.add("POST", _SECRETS, self._create)
        routes.add("GET", _SECRETS, self._list)
        routes.add("GET", _SECRET, self._get)
        routes.add("PATCH", _SECRET, self._patch)
        routes.add("DELETE", _SECRET, self._delete)
        routes.add("POST", f"{_SECRET}:addVersion", self._add_version)
        routes.add("GET", f"{_SECRET}/versions", self._list_versions)
        routes.add("GET", _VERSION, self._get_version)
        routes.add("GET", f"{_VERSION}:access", self._access_version)
        routes.add("POST", f"{_VERSION}:disable", self._disable)
        routes.add("POST", f"{_VERSION}:enable", self._enable)
        routes.add("POST", f"{_VERSION}:destroy", self._destroy)
        policies.serve(routes, _SECRET, lambda **names: self._find(**names).record["name"])

    def read(self, account: str, project: str, secret: str, version: str) -> str:
        """What a version holds, for a service that runs as an account.

        Args:
            account: e-mail address of the service account.
            project: id or number of the secret's project.
            secret: the last part of its name.
            version: its number, or latest.

        Raises:
            AccessError: the account may not read it, or there is nothing to be read.
        """
        name = secret_resource(project, secret)
        if not self._access.allows(account, _ACCESS, project, name):
            raise AccessError(
                f"Permission denied on secret: {name}/versions/{version} for Revision service account {account}. The "
                "service account used must be granted the 'Secret Manager Secret Accessor' role "
                "(roles/secretmanager.secretAccessor) at the secret, project or higher level."
            )
        try:
            found = self._find_version(project, secret, version)
        except ApiError:
            raise AccessError(f"Secret {name}/versions/{version} was not found") from None
        if found.record["state"] != _ENABLED:
            raise AccessError(_in_state(found).message)
        return found.data.decode("utf-8", "replace")

    def _find(self, project: str, secret: str) -> _Secret:
        name = secret_resource(project, secret)
        if name not in self._secrets:
            raise ApiError("NOT_FOUND", f"Secret [{name}] not found.")
        return self._secrets[name]

    def _find_version(self, project: str, secret: str, version: str) -> _Version:
        name = secret_resource(project, secret)
        found = self._secrets.get(name)
        if version == _LATEST and (found is None or not found.versions):
            raise ApiError("NOT_FOUND", f"Secret [{name}] not found or has no versions.")
        number = len(found.versions) if found and version == _LATEST else int(version) if version.isdecimal() else 0
        if found is None or not 0 < number <= len(found.versions):
            raise ApiError("NOT_FOUND", f"Secret Version [{name}/versions/{version}] not found.")
        return found.versions[number - 1]

    def _create(self, request: Request, project: str) -> Response:
        identifier = request.query.get("secretId", "")
        if not _SECRET_ID.fullmatch(identifier):
            raise invalid("secret_id", "The secret_id must match the pattern [a-zA-Z0-9_-]{1,255}.")
        wanted = _checked(request)
        kinds = wanted.get("replication", {}).keys()
        if len(kinds) != 1 or ("userManaged" in kinds and not wanted["replication"]["userManaged"].get("replicas")):
            raise invalid("secret.replication", "Secret.replication must be provided.")
        name = secret_resource(project, identifier)
        if name in self._secrets:
            raise ApiError("ALREADY_EXISTS", f"Secret [{name}] already exists.")
        self._secrets[name] = _Secret({"name": name, "createTime": now(), "etag": f'"{new_id()}"'} | wanted)
        return Response(200, self._secrets[name].record)

    def _list(self, request: Request, project: str) -> Response:
        _check_filter(request)
        prefix = secret_resource(project, "")
        records = [secret.record for name, secret in sorted(self._secrets.items()) if name.startswith(prefix)]
        return Response(200, page(records, request, "secrets", _PAGE_SIZE))

    def _get(self, _: Request, project: str, secret: str) -> Response:
        return Response(200, self._find(project, secret).record)

    def _patch(self, request: Request, project: str, secret: str) -> Response:
        record = self._find(project, secret).record
        wanted = _checked(request)
        mask = [part for part in request.query.get("updateMask", "").split(",") if part]
        if not mask:
            raise invalid("update_mask", "The update_mask must be provided.")
        for field in mask:
            if field == "replication" or field not in _WRITABLE:
                raise invalid("update_mask", f"The field {field} cannot be updated.")
            record.pop(field, None)
            if wanted.get(field):
                record[field] = wanted[field]
        record["etag"] = f'"{new_id()}"'
        return Response(200, record)

    def _delete(self, _: Request, project: str, secret: str) -> Response:
        name = self._find(project, secret).record["name"]
        del self._secrets[name]
        self._policies.forget(name)
        return Response(200, {})

    def _add_version(self, request: Request, project: str, secret: str) -> Response:
        found = self._find(project, secret)
        shape = {"payload": {"data": STRING, "dataCrc32c": INT64}}
        payload = check(shape, request.json(), "").get("payload", {})
        try:
            data = base64.b64decode(payload.get("data", ""), validate=True)
        except binascii.Error:
            text = "Invalid value at 'payload.data' (TYPE_BYTES), Base64 decoding failed"
            raise invalid("payload.data", text) from None
        if not data:
            raise invalid("payload.data", "Secret Payload cannot be empty.")
        if len(data) > _LARGEST_BYTES:
            raise invalid("payload.data", f"The secret payload must be at most {_LARGEST_BYTES} bytes.")
        if "dataCrc32c" in payload and payload["dataCrc32c"] != crc32c(data):
            raise invalid("payload.data_crc32c", "The checksum does not match the payload.")
        name = f"{found.record['name']}/versions/{len(found.versions) + 1}"
        version = _Version({"name": name, "createTime": now(), "state": _ENABLED, "etag": f'"{new_id()}"'}, data)
        found.versions.append(version)
        return Response(200, version.record)

    def _list_versions(self, request: Request, project: str, secret: str) -> Response:
        _check_filter(request)
        records = [version.record for version in reversed(self._find(project, secret).versions)]
        return Response(200, page(records, request, "versions", _PAGE_SIZE))

    def _get_version(self, _: Request, project: str, secret: str, version: str) -> Response:
        return Response(200, self._find_version(project, secret, version).record)

    def _access_version(self, _: Request, project: str, secret: str, version: str) -> Response:
        found = self._find_version(project, secret, version)
        if found.record["state"] != _ENABLED:
            raise _in_state(found)
        payload = {"data": base64.b64encode(found.data).decode(), "dataCrc32c": str(crc32c(found.data))}
        return Response(200, {"name": found.record["name"], "payload": payload})

    def _enable(self, request: Request, project: str, secret: str, version: str) -> Response:
        return self._turn(request, self._find_version(project, secret, version), _ENABLED)

    def _disable(self, request: Request, project: str, secret: str, version: str) -> Response:
        return self._turn(request, self._find_version(project, secret, version), _DISABLED)

    def _destroy(self, request: Request, project: str, secret: str, version: str) -> Response:
        found = self._find_version(project, secret, version)
        response = self._turn(request, found, _DESTROYED)
        found.record["destroyTime"] = now()
        found.data = b""
        return response

    @staticmethod
    def _turn(request: Request, version: _Version, state: str) -> Response:
        check(_ETAG, request.json(), "")
        if version.record["state"] == _DESTROYED:
            raise _in_state(version)
        version.record |= {"state": state, "etag": f'"{new_id()}"'}
        return Response(200, version.record)


def secret_resource(project: str, secret: str) -> str:
    """The name of a secret as the API answers it, whether the project's id or its number is given."""
    return f"projects/{project_number(project)}/secrets/{secret}"


def _in_state(version: _Version) -> ApiError:
    record = version.record
    return ApiError("FAILED_PRECONDITION", f"Secret Version [{record['name']}] is in {record['state']} state.")


def _check_filter(request: Request) -> None:
    if request.query.get("filter"):
        raise invalid("filter", "The rehearsal knows no filter.")


def _checked(request: Request) -> Json:
    """The caller's part of a secret."""
    body: Json = check(_WRITABLE | _UNKNOWN | _OUTPUT_ONLY, request.json(), "secret")
    for field in sorted(_UNKNOWN.keys() & body.keys()):
        raise invalid(f"secret.{field}", f"The rehearsal knows no {field} of a secret.")
    labels = body.get("labels", {})
    if len(labels) > _MOST_LABELS or not all(
        _LABEL_KEY.fullmatch(key) and _LABEL_VALUE.fullmatch(value) for key, value in labels.items()
    ):
        raise invalid("secret.labels", "The labels are invalid.")
    return {field: value for field, value in body.items() if field in _WRITABLE}
