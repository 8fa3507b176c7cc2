"""Requests for a role's credentials, and tokens of OpenID Connect providers, before the role's trust policy is asked.

Source: "AssumeRole" and "AssumeRoleWithWebIdentity" of the STS API reference. A token's signature is not verified:
that needs the provider's keys, which this machine may not reach.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ServiceModel
from ministack.core.responses import error_response_json
from ministack.services import iam, sts

from slipway_emulator.protocols.json import ApiError
from slipway_emulator.protocols.query import checked

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

# What a role may have at the most.
_LONGEST_SECONDS = 43200

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, str], bytes]


def handle_request(original: Function, _: Parts) -> Function:
    model = ServiceModel(Loader().load_service_model("sts", "service-2"), "sts")

    async def handle_request(method: str, path: str, headers: Json, body: bytes, query_params: Json) -> Response:
        given = {name: value[0] if isinstance(value, list) else value for name, value in query_params.items()}
        given |= parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True)
        if given.get("Action") in ("AssumeRole", "AssumeRoleWithWebIdentity") and (problem := _misfit(model, given)):
            refused: Response = sts._error(400, "ValidationError", escape(problem), ns="sts")
            return refused
        response: Response = await original(method, path, headers, body, query_params)
        return response

    return handle_request


def _misfit(model: ServiceModel, given: dict[str, str]) -> str:
    """What is wrong with a request for a role's credentials, whoever sends it; empty when nothing."""
    try:
        request = checked(model, given["Action"], given)
    except ApiError as error:
        return str(error)
    _, _, name = request["RoleArn"].rpartition("/")
    role = iam._roles.get_scoped(_account(request["RoleArn"]), None, name, {})
    if request.get("DurationSeconds", 0) > role.get("MaxSessionDuration", _LONGEST_SECONDS):
        return "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    return ""


def trust_denied(original: Function, _: Parts) -> Function:
    def trust_denied(role_arn: str, params: Json, use_json: bool) -> Response | None:
        problem = _problem(sts._p(params, "WebIdentityToken"), role_arn)
        if problem:
            code, text = problem
            refused: Response = (
                error_response_json(code, text, 400) if use_json else sts._error(400, code, text, ns="sts")
            )
            return refused
        answer: Response | None = original(role_arn, params, use_json)
        return answer

    return trust_denied


def _problem(token: str, role_arn: str) -> tuple[str, str] | None:
    """The code and the message of what is wrong with a token."""
    try:
        encoded = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        issuer, expiration = str(claims["iss"]), float(claims["exp"])
        audience = claims.get("aud")
        given = set(audience) if isinstance(audience, list) else {audience}
        if not isinstance(claims["sub"], str):
            raise TypeError(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return "InvalidIdentityToken", "The ID Token provided is not a valid JWT."
    host = issuer.removeprefix("https://").rstrip("/")
    account = _account(role_arn)
    provider = iam._oidc_providers.get_scoped(account, None, f"arn:aws:iam::{account}:oidc-provider/{host}")
    if provider is None and host not in sts._WELL_KNOWN_WEB_IDENTITY_PROVIDERS:
        return "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}"
    if provider and not given & set(provider["ClientIDList"]):
        return "InvalidIdentityToken", "Incorrect token audience"
    if expiration < time.time():
        return "ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time"
    return None


def _account(role_arn: str) -> str:
    """The account of a role: who asks for it may be of another one, or of none."""
    parts = role_arn.split(":")
    return parts[4] if len(parts) > 4 else ""
