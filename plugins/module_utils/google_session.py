"""Requests to Google Cloud, with the credentials that its clients find in the environment."""

from __future__ import annotations

from typing import Any

try:
    import google.auth
    import requests
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry
except ImportError:
    google = None  # type: ignore[assignment]  # GoogleSession says so

_SECONDS = 60
# What a second try may fix ("Retry strategy" in the documentation of Cloud Storage).
_PASSING = (408, 429, 500, 502, 503, 504)


class GoogleError(Exception):
    """There are no credentials, or Google does not answer; the message says what it is."""


class GoogleSession:
    """Sends requests with a token that is still good.

    Unlike google-auth's own AuthorizedSession it asks nobody but the token's server and whom a request is sent to:
    that one also looks up where the account may be used, at an address that no variable leads elsewhere.

    Args:
        scope: what the token is good for, the last part of its URL: `cloud-platform`.

    Raises:
        GoogleError: there are no credentials, or no google-auth in this Python.
    """

    def __init__(self, scope: str) -> None:
        if google is None:
            raise GoogleError("google-auth and requests are missing in the Python that runs ansible-playbook")
        self._session = requests.Session()
        # Requests that may be sent twice are, for some seconds; GET, PUT and DELETE, that is.
        retry = Retry(total=4, backoff_factor=0.5, status_forcelist=_PASSING, raise_on_status=False)
        self._session.mount("http://", HTTPAdapter(max_retries=retry))
        self._session.mount("https://", HTTPAdapter(max_retries=retry))
        try:
            self._credentials, _ = google.auth.default([f"https://www.googleapis.com/auth/{scope}"])
        except GoogleAuthError as error:
            raise GoogleError(str(error)) from error

    def request(self, method: str, url: str, **arguments: Any) -> Any:
        """The answer, a `requests.Response`, whatever its status is.

        Args:
            method: of HTTP.
            url: where to.
            arguments: of `requests.Session.request`.

        Raises:
            GoogleError: there is none.
        """
        headers = dict(arguments.pop("headers", {}))
        self._refresh()
        # The token, and the project that pays, where the credentials name one.
        self._credentials.apply(headers)
        try:
            return self._session.request(method, url, headers=headers, timeout=_SECONDS, **arguments)
        except requests.RequestException as error:
            raise GoogleError(str(error)) from error

    def token(self) -> str:
        """A token that is good for some minutes at the least.

        Raises:
            GoogleError: nobody gives one.
        """
        self._refresh()
        return str(self._credentials.token)

    def _refresh(self) -> None:
        try:
            if not self._credentials.valid:
                self._credentials.refresh(Request())
        except GoogleAuthError as error:
            raise GoogleError(str(error)) from error
