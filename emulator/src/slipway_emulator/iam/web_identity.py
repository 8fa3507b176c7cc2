"""Tokens of OpenID Connect providers, before a role's trust policy is asked about them.

Source: "AssumeRoleWithWebIdentity" of the STS API reference. A token's signature is not verified: that needs the
provider's keys, which this machine may not reach.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.responses import error_response_json
from ministack.services import iam, sts

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, str], bytes]


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
    except (IndexError, KeyError, TypeError, ValueError):
        return "InvalidIdentityToken", "The ID Token provided is not a valid JWT."
    host = issuer.removeprefix("https://").rstrip("/")
    provider = iam._oidc_providers.get(f"arn:aws:iam::{role_arn.split(':')[4]}:oidc-provider/{host}")
    if provider is None and host not in sts._WELL_KNOWN_WEB_IDENTITY_PROVIDERS:
        return "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {issuer}"
    audience = claims.get("aud")
    given = audience if isinstance(audience, list) else [audience]
    if provider and not set(given) & set(provider["ClientIDList"]):
        return "InvalidIdentityToken", "Incorrect token audience"
    if expiration < time.time():
        return "ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time"
    return None
