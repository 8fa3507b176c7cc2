"""Service Account Credentials API v1: tokens of a service account for who may create them ("impersonation")."""

from __future__ import annotations

import datetime

from slipway_emulator.google.api import ApiError, Request, Response, Routes, invalid, timestamp
from slipway_emulator.google.iam.service_accounts import ServiceAccounts
from slipway_emulator.google.iam.tokens import LIFETIME_SECONDS, Caller, Tokens
from slipway_emulator.google.messages import BOOL, DURATION, STRING, check, duration_seconds

_PREFIX = "/iamcredentials/v1/projects/{project}/serviceAccounts/{account}"


class Credentials:
    """Gives them out; the project is always "-".

    Args:
        routes: where they are asked for.
        accounts: knows the accounts.
        tokens: makes tokens.
    """

    def __init__(self, routes: Routes, accounts: ServiceAccounts, tokens: Tokens) -> None:
        self._accounts = accounts
        self._tokens = tokens
        routes.add("POST", f"{_PREFIX}:generateAccessToken", self._access_token)
        routes.add("POST", f"{_PREFIX}:generateIdToken", self._id_token)

    def _email(self, project: str, account: str) -> str:
        found = self._accounts.find(project, account)
        if found is None or found.get("disabled"):
            raise ApiError("NOT_FOUND", f"Unknown service account: {account}")
        return str(found["email"])

    def _access_token(self, request: Request, project: str, account: str) -> Response:
        shape = {"name": STRING, "delegates": [STRING], "scope": [STRING], "lifetime": DURATION}
        body = check(shape, request.json(), "")
        if not body.get("scope"):
            raise invalid("scope", "At least one scope must be given.")
        seconds = duration_seconds(body.get("lifetime", f"{LIFETIME_SECONDS}s"))
        if not 0 < seconds <= LIFETIME_SECONDS:
            raise invalid("lifetime", f"The lifetime must be more than 0s and at most {LIFETIME_SECONDS}s.")
        caller = Caller(self._email(project, account), frozenset(body["scope"]))
        expires = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)
        # Whole seconds, which is how google-auth reads it.
        expiry = timestamp(expires.replace(microsecond=0)).replace(".000000", "")
        return Response(200, {"accessToken": self._tokens.issue(caller, seconds), "expireTime": expiry})

    def _id_token(self, request: Request, project: str, account: str) -> Response:
        shape = {"name": STRING, "delegates": [STRING], "audience": STRING, "includeEmail": BOOL}
        body = check(shape, request.json(), "")
        if not body.get("audience"):
            raise invalid("audience", "The audience must be given.")
        email = self._email(project, account)
        token = self._tokens.id_token(body["audience"], email if body.get("includeEmail") else "")
        return Response(200, {"token": token})
