"""The registry protocol of Amazon ECR: who may push and pull.

Sources: "Private registry authentication" and "Amazon ECR actions" of the Amazon ECR user guide and the Service
Authorization Reference. MiniStack takes an upload from anybody.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack import app as ministack
from ministack.core import iam_evaluator
from ministack.core.iam_actions import identity_denial_message
from ministack.core.responses import get_account_id, get_region, set_request_account_id
from ministack.services import ecr

from slipway_emulator.iam.decisions import caller_key

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, str], bytes]

# "The authorization token is valid for 12 hours."
_SECONDS = 12 * 3600
# By verb of the protocol and HTTP method. ECR knows no others.
_ACTIONS = {
    ("blob", "GET"): "GetDownloadUrlForLayer",
    ("blob", "HEAD"): "BatchCheckLayerAvailability",
    ("blob_uploads", "POST"): "InitiateLayerUpload",
    ("blob_upload_session", "PATCH"): "UploadLayerPart",
    ("blob_upload_session", "PUT"): "CompleteLayerUpload",
    ("manifest", "DELETE"): "BatchDeleteImage",
    ("manifest", "GET"): "BatchGetImage",
    ("manifest", "HEAD"): "BatchGetImage",
    ("manifest", "PUT"): "PutImage",
    ("tags_list", "GET"): "ListImages",
}


class Tokens:
    """The passwords of the registry, and whose they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[str, float]] = {}

    def issue(self, access_key: str) -> str:
        """A password that stands for a caller's access key."""
        password, now = secrets.token_urlsafe(48), time.time()
        with self._lock:
            self._keys = {known: entry for known, entry in self._keys.items() if entry[1] > now}
            self._keys[password] = access_key, now + _SECONDS
        return password

    def key(self, authorization: str) -> str | None:
        """The access key behind the header `Authorization` of a request; None where there is none."""
        kind, _, encoded = authorization.partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            return None
        key, end = self._keys.get(password, ("", 0.0))
        return key if kind.lower() == "basic" and user == "AWS" and end > time.time() else None

    def of_service(self) -> dict[str, str]:
        """What a service of AWS itself pulls with, once it is sure of the role that it pulls for."""
        # An account's id is its administrator's access key.
        return {"username": "AWS", "password": self.issue(get_account_id())}


def authorization_token(original: Function, parts: Parts) -> Function:
    def authorization_token(data: Json) -> Response:
        status, headers, body = original(data)
        answer = json.loads(body)
        for entry in answer["authorizationData"]:
            password = parts.registry_tokens.issue(caller_key())
            entry["authorizationToken"] = base64.b64encode(f"AWS:{password}".encode()).decode()
            entry["proxyEndpoint"] = f"http://{parts.registry_address}"
        return status, headers, json.dumps(answer).encode()

    return authorization_token


def handle_request(original: Function, parts: Parts) -> Function:
    async def handle_request(method: str, path: str, headers: Json, body: bytes, query_params: Json) -> Response:
        key = parts.registry_tokens.key(headers.get("authorization", ""))
        if key is None:
            challenge = {
                "WWW-Authenticate": f'Basic realm="http://{parts.registry_address}/",service="ecr.amazonaws.com"'
            }
            status, given, content = ecr._registry_error(401, "UNAUTHORIZED", "Not Authorized")
            return status, given | challenge, content
        # Each account has a registry, which AWS tells by its address; all of them are at one address here.
        set_request_account_id(ministack._request_account_scope(key))
        verb, name, _ = ecr._parse_v2_path(path) or ("", "", "")
        action = _ACTIONS.get((verb, method.upper()))
        if not action and verb != "ping":
            unknown: Response = ecr._registry_error(405, "UNSUPPORTED", "The operation is unsupported.")
            return unknown
        if action and ministack.AUTH:
            ecr._select_registry_request_scope(name, headers, query_params)
            message = _denial(key, f"ecr:{action}", name)
            if message:
                refused: Response = ecr._registry_error(403, "DENIED", message)
                return refused
        # Docker asks for layers of other repositories. ECR mounts them only in a registry whose setting BLOB_MOUNTING
        # is on ("Blob mounting in Amazon ECR", Amazon ECR User Guide); in any other, they are uploaded.
        query_params = {one: values for one, values in query_params.items() if one not in ("from", "mount")}
        answer: Response = await original(method, path, headers, body, query_params)
        return answer

    return handle_request


def _denial(key: str, action: str, repository: str) -> str:
    """What ECR says to a caller who may not; empty where he may."""
    resource = f"arn:aws:ecr:{get_region()}:{get_account_id()}:repository/{repository}"
    denied = iam_evaluator.enforce(key, action, "ecr", get_region(), resource)
    if denied is None:
        return ""
    if isinstance(denied, iam_evaluator.AuthError):
        return str(denied.message)
    return str(identity_denial_message(action, denied.principal_arn, resource, denied.decision == "Deny"))
