"""OAuth 2.0 for service accounts: tokens for a signed assertion, and who a token belongs to.

See "Using OAuth 2.0 for Server to Server Applications". A rehearsal has one key, in the file that google-auth, and
so Terraform, reads with GOOGLE_APPLICATION_CREDENTIALS. Tokens of other accounts come by impersonation.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import google.auth.crypt
import google.auth.jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.exceptions import GoogleAuthError

from slipway_emulator.google.api import OAUTH_PATH, ApiError, Request, Response, Routes

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME_SECONDS = 3600
# The user name that stands for an access token in Docker's log-in ("Authentication methods", Artifact Registry).
DOCKER_USER = "oauth2accesstoken"


@dataclasses.dataclass(frozen=True)
class Caller:
    """Whom an access token stands for.

    Attributes:
        email: address of the service account, or a workload of a pool.
        scopes: what the token is good for.
    """

    email: str
    scopes: frozenset[str]


class Tokens:
    """Gives out tokens, and knows them again.

    Args:
        routes: where tokens are asked for.
        email: the one service account with a key.
        address: of this API, as the account's key names it.
        clock: seconds since the epoch.
    """

    def __init__(self, routes: Routes, email: str, address: str, clock: Callable[[], float] = time.time) -> None:
        self._email = email
        self._uri = f"{address}{OAUTH_PATH}"
        # google-auth names Google's own in its assertions, whatever the key says; Go's library what the key says.
        self._audiences = [self._uri, "https://oauth2.googleapis.com/token"]
        self._clock = clock
        self._lock = threading.Lock()
        # The account's key is in everybody's hands; ID tokens are signed with Google's own.
        self._key, self._issuer_key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
        self._tokens: dict[str, tuple[Caller, float]] = {}
        routes.add("POST", OAUTH_PATH, self._token)

    def write_credentials(self, path: Path, project: str) -> None:
        """Write the account's key as Google's console does.

        Args:
            path: the file; only its owner may read it.
            project: the project of the account.
        """
        content = {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "rehearsal",
            "private_key": _pem(self._key),
            "client_email": self._email,
            "client_id": "100000000000000000000",
            "token_uri": self._uri,
            "universe_domain": "googleapis.com",
        }
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            os.fchmod(file.fileno(), 0o600)
            json.dump(content, file, indent=2)

    def issue(self, caller: Caller, seconds: float = LIFETIME_SECONDS) -> str:
        """An access token of an account.

        Args:
            caller: the account, and what the token is good for.
            seconds: for how long.
        """
        token = f"ya29.{secrets.token_urlsafe(48)}"
        with self._lock:
            self._tokens = {known: held for known, held in self._tokens.items() if held[1] > self._clock()}
            self._tokens[token] = (caller, self._clock() + seconds)
        return token

    def caller(self, headers: Mapping[str, str], of_docker: bool = False) -> Caller | None:
        """Whom a request's access token stands for; None without one.

        Args:
            headers: of the request.
            of_docker: whether the token may be the password of Docker's own user as well.

        Raises:
            ApiError: the token is not valid, or not any more.
        """
        kind, _, token = headers.get("authorization", "").partition(" ")
        if not kind:
            return None
        if of_docker and kind.lower() == "basic":
            token = _docker_password(token)
        elif kind.lower() != "bearer":
            token = ""
        held = self._tokens.get(token)
        if held is None or held[1] <= self._clock():
            raise unauthenticated(
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential.",
                "ACCESS_TOKEN_TYPE_UNSUPPORTED" if held is None else "ACCESS_TOKEN_EXPIRED",
            )
        return held[0]

    def invoker(self, headers: Mapping[str, str], audience: str) -> str:
        """Who an ID token in a request to a service belongs to; empty without a valid one.

        Args:
            headers: of the request.
            audience: the service's address, for which the token must be made.
        """
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return ""
        try:
            claims = self._claims(token, audience, self._issuer_key)
        except ValueError:
            return ""
        return str(claims.get("email", ""))

    def _token(self, request: Request) -> Response:
        form = {name: found[-1] for name, found in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != _GRANT:
            return refused_grant("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        try:
            claims = self._claims(form.get("assertion", ""), self._audiences, self._key)
        except ValueError as error:
            return refused_grant("invalid_grant", f"Invalid JWT: {error}")
        if claims.get("iss") != self._email:
            return refused_grant("invalid_grant", "Invalid grant: account not found")
        if "target_audience" in claims:
            return Response(200, {"id_token": self.id_token(str(claims["target_audience"]), self._email)})
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes:
            return refused_grant("invalid_scope", "Empty or missing scope not allowed.")
        token = self.issue(Caller(self._email, scopes))
        return Response(200, {"access_token": token, "expires_in": LIFETIME_SECONDS - 1, "token_type": "Bearer"})

    @staticmethod
    def _claims(token: str, audience: str | list[str], key: rsa.RSAPrivateKey) -> Mapping[str, Any]:
        """What a token says that was signed with a key.

        Raises:
            ValueError: it is none, is for somebody else, or not valid now.
        """
        try:
            claims: Mapping[str, Any] = google.auth.jwt.decode(token, certs=_certificate(key), audience=audience)
        except (GoogleAuthError, ValueError) as error:
            raise ValueError(str(error)) from None
        except (TypeError, RecursionError):
            # The library takes it for granted that times are numbers, and that nothing is nested too deeply.
            raise ValueError("it is no token with the claims that it must have") from None
        return claims

    def id_token(self, audience: str, email: str = "") -> str:
        """A token that says to a service who calls it.

        Args:
            audience: the service's address.
            email: whom it names; without one, Cloud Run cannot tell.
        """
        now = int(self._clock())
        claims: dict[str, Any] = {"iss": "https://accounts.google.com", "aud": audience}
        claims |= {"iat": now, "exp": now + LIFETIME_SECONDS}
        if email:
            claims |= {"email": email, "email_verified": True}
        signer = google.auth.crypt.RSASigner.from_string(_pem(self._issuer_key), key_id="rehearsal")
        return bytes(google.auth.jwt.encode(signer, claims)).decode()


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _certificate(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def unauthenticated(message: str, reason: str) -> ApiError:
    """The refusal of a caller without valid credentials."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    return ApiError("UNAUTHENTICATED", message, info)


def _docker_password(encoded: str) -> str:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        # Not of Base64's characters, or no text.
        return ""
    return password if user == DOCKER_USER else ""


def refused_grant(error: str, description: str) -> Response:
    """A request for a token that is refused."""
    # RFC 6749, section 5.2.
    return Response(400, {"error": error, "error_description": description})
