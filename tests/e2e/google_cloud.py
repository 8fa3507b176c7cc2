"""Google's half of the emulator, asked by its APIs."""

from __future__ import annotations

import base64
from typing import Any

import requests
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from tests.e2e.runs import PROJECT

GOOGLE_PROJECT = "slipway-rehearsal"
LOCATION = f"projects/{GOOGLE_PROJECT}/locations/us-central1"
ACCOUNTS = f"/iam/v1/projects/{GOOGLE_PROJECT}/serviceAccounts"

SECRETS = f"/secretmanager/v1/projects/{GOOGLE_PROJECT}/secrets"

OWNER_KEY = PROJECT / ".build/emulator/google-credentials.json"
"""File of the key of who owns the emulator's projects: another one in each emulator."""

_ADDRESS = "http://127.0.0.1:4567"
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]

Json = dict[str, Any]


def access_token() -> str:
    """A token of who owns the emulator's projects.

    Raises:
        GoogleAuthError, OSError: the emulator does not run, or not yet.
    """
    credentials = Credentials.from_service_account_file(str(OWNER_KEY), scopes=_SCOPES)
    credentials.refresh(Request())
    return str(credentials.token)


def google(path: str, body: Json | None = None) -> Json | None:
    """What an API answers; None where there is no such thing.

    Args:
        path: of the API.
        body: what is sent to it; without one, it is only asked.

    Raises:
        GoogleAuthError, OSError: the emulator does not run, or not yet.
    """
    method, headers = "GET" if body is None else "POST", {"Authorization": f"Bearer {access_token()}"}
    answer = requests.request(method, _ADDRESS + path, headers=headers, json=body, timeout=30)
    if answer.status_code == 404:
        return None
    answer.raise_for_status()
    found: Json = answer.json()
    return found


def service(name: str) -> Json | None:
    """The service of an app, by its name in the cloud."""
    return google(f"/run/v2/{LOCATION}/services/{name}")


def make_secret(name: str, value: str) -> None:
    """Make a secret that no deployment has made, or give it another value."""
    if google(f"{SECRETS}/{name}") is None:
        google(f"{SECRETS}?secretId={name}", {"replication": {"automatic": {}}})
    data = base64.b64encode(value.encode()).decode()
    google(f"{SECRETS}/{name}:addVersion", {"payload": {"data": data}})


def secret_value(name: str) -> str:
    """The newest value of a secret."""
    answer = google(f"{SECRETS}/{name}/versions/latest:access") or {}
    return base64.b64decode(answer["payload"]["data"]).decode()


def state_bucket(environment: str) -> str:
    """Path of the bucket of an environment's states."""
    return f"/storage/v1/b/slipway-{environment}-gcp-state"


def _listed(path: str) -> Json:
    """What an API lists; nothing where the project has not switched it on."""
    try:
        return google(path) or {}
    except requests.HTTPError as error:
        if "SERVICE_DISABLED" not in error.response.text:
            raise
        return {}


def left(environment: str, app: str = "hello-gcp") -> list[str]:
    """What is left of an app, and the bucket of the states."""
    name = f"{environment}-{app}"
    repository = f"/artifactregistry/v1/{LOCATION}/repositories/{name}"
    accounts: list[Json] = (google(ACCOUNTS) or {}).get("accounts", [])
    secrets: list[Json] = (google(SECRETS) or {}).get("secrets", [])
    beside = [
        item["name"]
        for api, kind in (("run/v2", "workerPools"), ("run/v2", "jobs"), ("cloudscheduler/v1", "jobs"))
        for item in _listed(f"/{api}/{LOCATION}/{kind}").get(kind, [])
        if item["name"].rpartition("/")[2].startswith(name)
    ]
    return [
        *beside,
        *(path for path in (repository, state_bucket(environment)) if google(path)),
        *([name] if service(name) else []),
        *(account["email"] for account in accounts if account["email"].startswith(name)),
        *(secret["name"] for secret in secrets if secret["name"].rpartition("/")[2].startswith(name)),
    ]
