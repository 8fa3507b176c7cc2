# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Requests to Google Cloud, with the credentials that Terraform's google provider finds in the environment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

try:
    import google.auth
    import google.oauth2.credentials
    import requests
    from google.auth import aws, identity_pool, impersonated_credentials, pluggable
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2 import service_account
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry
except ImportError:
    google = None  # type: ignore[assignment]  # GoogleSession says so

_SECONDS = 60
# What a second try may fix ("Retry strategy" in the documentation of Cloud Storage).
_PASSING = (408, 429, 500, 502, 503, 504)
# Opens all of Google Cloud: what the credentials may do is for their roles to say, and a bucket's settings need more
# than the scopes of its objects.
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
# Where credentials are found, first one first ("Provider Configuration Reference" of Terraform's google provider); then
# where google-auth looks.
_KEY_VARIABLES = ("GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON")
_TOKEN_VARIABLE = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105  (the name of a variable, not what it holds)
_DEFAULT_KEY_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_IMPERSONATION_VARIABLE = "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT"
_GENERATE = ":generateAccessToken"
_IAM_CREDENTIALS = "https://iamcredentials.googleapis.com/v1/"

Json = dict[str, Any]


class GoogleError(Exception):
    """There are no credentials, or Google does not answer; the message says what it is."""


class GoogleSession:
    """Sends requests with a token that is still good.

    Unlike google-auth's own AuthorizedSession it asks nobody but the token's server and whom a request is sent to:
    that one also looks up where the account may be used, at an address that no variable leads elsewhere.

    Raises:
        GoogleError: there are no credentials, or no google-auth in this Python.
    """

    def __init__(self) -> None:
        if google is None:
            raise GoogleError("google-auth and requests are missing in the Python that runs ansible-playbook")
        # GET, PUT and DELETE may be sent twice; whatever may is for the caller to say.
        self._session, self._repeating_session = _session(Retry.DEFAULT_ALLOWED_METHODS), _session(None)
        try:
            self._source, self._impersonation = _find_credentials()
        except (GoogleAuthError, OSError, ValueError) as error:
            raise GoogleError(str(error)) from error
        self._credentials = _acting(self._source, self._impersonation)
        if account := os.environ.get(_IMPERSONATION_VARIABLE):
            address = os.environ.get("GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT") or _IAM_CREDENTIALS
            self._impersonation = _Impersonation(self._credentials, f"{address}projects/-/serviceAccounts/{account}")
            self._credentials = self._impersonation.credentials

    def request(self, method: str, url: str, repeatable: bool = False, **arguments: Any) -> Any:
        """The answer, a `requests.Response`, whatever its status is.

        Args:
            method: of HTTP.
            url: where to.
            repeatable: whether a request that is sent again does no harm, whatever its method.
            arguments: of `requests.Session.request`.

        Raises:
            GoogleError: there is none.
        """
        headers = dict(arguments.pop("headers", {}))
        _refresh(self._credentials)
        # The token, and the project that pays, where the credentials name one.
        self._credentials.apply(headers)
        session = self._repeating_session if repeatable else self._session
        try:
            return session.request(method, url, headers=headers, timeout=_SECONDS, **arguments)
        except requests.RequestException as error:
            raise GoogleError(str(error)) from error

    def token(self) -> str:
        """A token that is good for some minutes at the least.

        Raises:
            GoogleError: nobody gives one.
        """
        _refresh(self._credentials)
        return str(self._credentials.token)

    def id_token(self, audience: str) -> str:
        """A token that tells a service who calls it; empty where the credentials cannot make one.

        The key of a service account can, and so can who acts as one, by GOOGLE_IMPERSONATE_SERVICE_ACCOUNT, by what
        `gcloud auth application-default login --impersonate-service-account` writes, or by the file of a workload's
        identity.

        Args:
            audience: the service's address.

        Raises:
            GoogleError: nobody gives one.
        """
        if self._impersonation:
            return self._impersonation.id_token(audience)
        if not isinstance(self._source, service_account.Credentials):
            return ""
        # Who has found the key does not give it out.
        file = os.environ.get(_DEFAULT_KEY_VARIABLE)
        key = _find_key() or (json.loads(Path(file).read_text()) if file else None)
        if key is None:
            return ""
        credentials = service_account.IDTokenCredentials.from_service_account_info(key, target_audience=audience)
        _refresh(credentials)
        return str(credentials.token)


class _Impersonation:
    """Acts as a service account ("Create short-lived credentials for a service account").

    Args:
        source: the credentials of who may do so.
        account: the address of the account in the Service Account Credentials API.
        delegates: the accounts between the two, if any.

    Attributes:
        credentials: of the account.
    """

    def __init__(self, source: Any, account: str, delegates: list[str] | None = None) -> None:
        self._source, self._account, self._delegates = source, account, delegates or []
        # google-auth's own loader keeps of a file's address the account alone, and asks iamcredentials.googleapis.com.
        self.credentials = impersonated_credentials.Credentials(
            source,
            account.rpartition("/")[2],
            list(_SCOPES),
            self._delegates,
            iam_endpoint_override=f"{account}{_GENERATE}",
        )

    def id_token(self, audience: str) -> str:
        """A token that tells a service that the account calls it.

        Raises:
            GoogleError: nobody gives one.
        """
        return _id_token(self._source, f"{self._account}:generateIdToken", audience, self._delegates)


def _acting(source: Any, impersonation: _Impersonation | None) -> Any:
    """The credentials of who acts: the account where somebody acts as one."""
    return impersonation.credentials if impersonation else source


def _session(methods: frozenset[str] | None) -> requests.Session:
    """A session that sends requests of these methods, or of all, again for some seconds."""
    session = requests.Session()
    retry = Retry(
        total=4, backoff_factor=0.5, status_forcelist=_PASSING, allowed_methods=methods, raise_on_status=False
    )
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.mount("https://", HTTPAdapter(max_retries=retry))
    return session


def _id_token(source: Any, url: str, audience: str, delegates: list[str] | None = None) -> str:
    """An ID token of an account, for who may create them ("Method: serviceAccounts.generateIdToken").

    Raises:
        GoogleError: nobody gives one.
    """
    headers: dict[str, str] = {}
    _refresh(source)
    source.apply(headers)
    # A service knows who calls it by the address.
    body = {"audience": audience, "includeEmail": True, "delegates": delegates or []}
    try:
        answer = _session(None).post(url, json=body, headers=headers, timeout=_SECONDS)
    except requests.RequestException as error:
        raise GoogleError(str(error)) from error
    if not answer.ok:
        raise GoogleError(f"{url} answers {answer.status_code}: {answer.text}")
    return str(answer.json()["token"])


def _refresh(credentials: Any) -> None:
    """Have a new token where the last one is not good any more.

    Raises:
        GoogleError: nobody gives one.
    """
    try:
        if not credentials.valid:
            credentials.refresh(Request())
    except GoogleAuthError as error:
        raise GoogleError(str(error)) from error


def _find_credentials() -> tuple[Any, _Impersonation | None]:
    """The credentials of the environment, and as whom they act, where they say so themselves."""
    if token := os.environ.get(_TOKEN_VARIABLE):
        return google.oauth2.credentials.Credentials(token), None
    key = _find_key()
    file = os.environ.get(_DEFAULT_KEY_VARIABLE)
    if key is None and file:
        found = json.loads(Path(file).read_text())
        key = found if isinstance(found, dict) and found.get("type") in _LOADERS else None
    return (google.auth.default(_SCOPES)[0], None) if key is None else _load(key)


def _load(info: Json) -> tuple[Any, _Impersonation | None]:
    """What a file of any type says.

    Raises:
        ValueError: it is not what such a file has.
    """
    if info.get("type") == "service_account":
        return service_account.Credentials.from_service_account_info(info, scopes=_SCOPES), None
    if loader := _LOADERS.get(str(info.get("type"))):
        return loader(info)
    return google.auth.load_credentials_from_dict(info, scopes=_SCOPES)[0], None


def _impersonating(info: Json) -> tuple[Any, _Impersonation]:
    """Who acts as a service account, and as which, by what gcloud writes.

    Raises:
        ValueError: it is not what such a file has.
    """
    address, delegates = info.get("service_account_impersonation_url"), info.get("delegates")
    inner = info.get("source_credentials")
    if not (isinstance(inner, dict) and isinstance(address, str) and address.endswith(_GENERATE)):
        raise ValueError(
            "credentials of the type impersonated_service_account need source_credentials, and a "
            "service_account_impersonation_url that ends in :generateAccessToken"
        )
    source = _acting(*_load(inner))
    return source, _Impersonation(source, address.removesuffix(_GENERATE), delegates)


def _external_account(info: Json) -> tuple[Any, _Impersonation | None]:
    """The credentials of a workload from elsewhere, and as which account it acts ("Workload Identity Federation").

    google-auth's own loader asks cloudresourcemanager.googleapis.com for the project, too: no variable leads elsewhere.

    Raises:
        ValueError: it is not what such a file has.
    """
    own = {name: value for name, value in info.items() if not name.startswith("service_account_impersonation")}
    source_of_token = info.get("credential_source", {})
    kind = (
        pluggable if "executable" in source_of_token else aws if "environment_id" in source_of_token else identity_pool
    )
    source = kind.Credentials.from_info(own, scopes=_SCOPES)
    if not (address := info.get("service_account_impersonation_url")):
        return source, None
    return source, _Impersonation(source, address.removesuffix(_GENERATE))


_LOADERS = {"external_account": _external_account, "impersonated_service_account": _impersonating}
"""Reads what a file of a type has, for those that google-auth's own loader reads with an address of Google's own."""


def _find_key() -> Json | None:
    """What a variable holds that is google-auth's not, itself or the path of its file; None without one.

    Raises:
        ValueError: it is neither a path nor JSON.
        OSError: the file cannot be read.
    """
    for name in _KEY_VARIABLES:
        if value := os.environ.get(name, "").strip():
            try:
                key = json.loads(value if value.startswith("{") else Path(value).expanduser().read_text())
            except ValueError:
                # What is wrong with it is not said, because that would show parts of a key.
                raise ValueError(f"{name} is neither JSON nor the path of a file with JSON") from None
            if isinstance(key, dict):
                return key
            raise ValueError(f"{name} is no JSON object")
    return None
