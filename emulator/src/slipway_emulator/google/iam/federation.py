"""Security Token Service API v1: tokens for those of an identity provider that a project trusts ("Method: token")."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import google.auth.jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.exceptions import GoogleAuthError

from slipway_emulator.google.api import STS_PATH, Json, Request, Response, Routes
from slipway_emulator.google.iam.attributes import holds, mapped
from slipway_emulator.google.iam.tokens import LIFETIME_SECONDS, Caller, Tokens, refused_grant
from slipway_emulator.google.iam.workload_identity_pools import WorkloadIdentityPools, pool_of
from slipway_emulator.google.messages import snake
from slipway_emulator.google.service_usage.api import ServiceUsage

_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  (a type of token, not one)
_SUBJECT_TYPES = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")
_AUDIENCE = "//iam.googleapis.com/"
_LONGEST_SUBJECT_BYTES = 127


class Federated(str):
    """A workload of a pool, by the identifier of its subject ("Principal identifiers").

    Attributes:
        members: every name by which a policy may mean it.
        pool: the name of its pool.
    """

    members: frozenset[str]
    pool: str

    @classmethod
    def of(cls, pool: str, attributes: Mapping[str, str]) -> Federated:
        """Who has these attributes in a pool."""
        principal = cls(f"principal://iam.googleapis.com/{pool}/subject/{attributes['google.subject']}")
        everybody = f"principalSet://iam.googleapis.com/{pool}"
        principal.members = frozenset(
            [str(principal), f"{everybody}/*"]
            + [f"{everybody}/{key}/{value}" for key, value in attributes.items() if key.startswith("attribute.")]
        )
        principal.pool = pool
        return principal


class Federation:
    """Exchanges tokens.

    Args:
        routes: where tokens are asked for.
        services: knows which APIs a project may use.
        pools: knows whom each project trusts.
        tokens: makes tokens.
    """

    def __init__(self, routes: Routes, services: ServiceUsage, pools: WorkloadIdentityPools, tokens: Tokens) -> None:
        self._services = services
        self._pools = pools
        self._tokens = tokens
        routes.add("POST", STS_PATH, self._exchange)

    def _exchange(self, request: Request) -> Response:
        form = _form(request)
        if form.get("grant_type") != _GRANT:
            return refused_grant("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        if form.get("requested_token_type") != _ACCESS_TOKEN or form.get("subject_token_type") not in _SUBJECT_TYPES:
            return refused_grant("invalid_request", "Invalid value for requested_token_type or subject_token_type.")
        scopes = frozenset(form.get("scope", "").split())
        if not scopes:
            return refused_grant("invalid_scope", "Empty or missing scope not allowed.")
        name = form.get("audience", "").removeprefix(_AUDIENCE)
        provider = self._pools.active_provider(name)
        if provider is None:
            return refused_grant(
                "invalid_target",
                'The target service indicated by the "audience" parameters is invalid. This might either be because '
                "the pool or provider is disabled or deleted or because it doesn't exist.",
            )
        self._services.require(name.split("/")[1], "sts.googleapis.com")
        try:
            claims = _claims(form.get("subject_token", ""), provider)
            attributes = mapped(provider["attributeMapping"], claims)
        except KeyError as error:
            return refused_grant("invalid_grant", f"The mapped claim {error} is not in the given credential.")
        except ValueError as error:
            return refused_grant("invalid_grant", str(error))
        if len(attributes["google.subject"].encode()) > _LONGEST_SUBJECT_BYTES:
            return refused_grant(
                "invalid_request",
                f"The size of mapped attribute google.subject exceeds the {_LONGEST_SUBJECT_BYTES} bytes limit.",
            )
        if not holds(provider.get("attributeCondition", ""), claims, attributes):
            return refused_grant("unauthorized_client", "The given credential is rejected by the attribute condition.")
        caller = Caller(Federated.of(pool_of(name), attributes), scopes)
        answer = {"access_token": self._tokens.issue(caller), "issued_token_type": _ACCESS_TOKEN}
        return Response(200, answer | {"token_type": "Bearer", "expires_in": LIFETIME_SECONDS - 1})


def _form(request: Request) -> dict[str, str]:
    """The parameters, which come as a form (RFC 8693) or as JSON (the API's own description)."""
    if request.headers.get("content-type", "").startswith("application/json"):
        return {snake(name): str(value) for name, value in request.json().items()}
    return {name: found[-1] for name, found in parse_qs(request.body.decode("utf-8", "replace")).items()}


def _claims(token: str, provider: Json) -> Mapping[str, Any]:
    """What a token of the provider's issuer says.

    Raises:
        ValueError: it is none, is for somebody else, or not valid now.
    """
    oidc = provider["oidc"]
    # "If this list is empty, the OIDC token audience must be equal to the full canonical resource name".
    names = [f"{_AUDIENCE}{provider['name']}", f"https:{_AUDIENCE}{provider['name']}"]
    try:
        said: Mapping[str, Any] = google.auth.jwt.decode(token, verify=False)
        if said.get("iss") != oidc["issuerUri"]:
            raise ValueError(
                f"The issuer in ID Token {said.get('iss')} does not match the expected ones: {oidc['issuerUri']}"
            )
        if "jwksJson" not in oidc:
            # A rehearsal asks nobody on the internet.
            raise ValueError("Error connecting to the given credential's issuer.")
        if said.get("aud") not in oidc.get("allowedAudiences", names):
            raise ValueError(f"The audience in ID Token [{said.get('aud')}] does not match the expected audience.")
        claims: Mapping[str, Any] = google.auth.jwt.decode(
            token, certs=_keys(oidc["jwksJson"]), audience=said["aud"], clock_skew_in_seconds=0
        )
    except GoogleAuthError as error:
        raise ValueError(f"Unable to verify the ID Token signature. {error}") from None
    except (KeyError, TypeError, RecursionError):
        # The library takes it for granted that times are numbers, and that nothing is nested too deeply.
        raise ValueError("The given credential is no ID token with the claims that it must have.") from None
    return claims


def _keys(jwks: str) -> dict[str, str]:
    """The RSA keys of a JSON Web Key Set (RFC 7517), in PEM, by their ids."""

    def number(text: str) -> int:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")

    return {
        key["kid"]: rsa.RSAPublicNumbers(number(key["e"]), number(key["n"]))
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
        for key in json.loads(jwks)["keys"]
        if key.get("kty") == "RSA"
    }
