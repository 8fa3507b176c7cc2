"""The provider block: where the APIs are, and who asks."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import re
import threading
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import google.auth
import google.auth.credentials
import google.oauth2.credentials
import requests
from google.auth import identity_pool, impersonated_credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from slipway_emulator.google_provider.schema import Block
from slipway_emulator.google_provider.values import Object, is_unknown

# The environment variables that stand in for an argument, first one first (hashicorp/google, "Provider
# Configuration Reference"). Endpoints have one each, made of the argument's name.
_ENVIRONMENT = {
    "access_token": ("GOOGLE_OAUTH_ACCESS_TOKEN",),
    "credentials": ("GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON"),
    "impersonate_service_account": ("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT",),
    "project": ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"),
    "region": ("GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION"),
}
_ENDPOINT = re.compile(r"^.+/[^/]+/$")
# The APIs of the resources that this provider makes.
_PRODUCTS = (
    "artifact_registry", "cloud_run_v2", "cloud_scheduler", "compute", "dns", "iam_beta", "resource_manager",
    "secret_manager", "service_networking", "service_usage", "sql", "storage",
)  # fmt: skip
# What the published schema leaves out (`ConflictsWith`).
_CONFLICTS = {"access_token": ("credentials",), "credentials": ("access_token",)}
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


def completed(block: Block) -> Block:
    """The provider block's schema, with what its published form leaves out."""
    attributes = {
        name: dataclasses.replace(attribute, conflicts=_CONFLICTS.get(name, attribute.conflicts))
        for name, attribute in block.attributes.items()
    }
    return Block(attributes, block.blocks)


class ConfigurationError(Exception):
    """The provider cannot work so; the message says why."""


@dataclasses.dataclass(frozen=True)
class Configuration:
    """What every resource needs to know.

    Attributes:
        project, region: defaults of resources that name none; may be empty.
        endpoints: base addresses by product, each with a slash at its end.
        labels: labels of every resource.
        attribution_label: whether to add Terraform's own label.
        deletion_policy: of resources that name none.
        session: sends requests with a fresh token.
    """

    project: str
    region: str
    endpoints: Mapping[str, str]
    labels: Mapping[str, str]
    attribution_label: bool
    deletion_policy: str
    session: requests.Session

    @classmethod
    def of(cls, block: Block, config: Object, environment: Mapping[str, str] = os.environ) -> Configuration:
        """What a provider block and the environment say.

        Args:
            block: the provider's schema.
            config: the provider block.
            environment: environment variables.

        Raises:
            ConfigurationError: an endpoint is no base address or not on this machine, or there are no credentials.
        """

        def setting(name: str) -> str:
            value = config.get(name)
            if isinstance(value, str) and value:
                return value
            return next((environment[key] for key in _ENVIRONMENT.get(name, ()) if environment.get(key)), "")

        endpoints = {}
        for argument in block.attributes:
            product = argument.removesuffix("_custom_endpoint")
            variable = f"GOOGLE_{argument.upper()}"
            value = config.get(argument) or environment.get(variable)
            if product == argument or is_unknown(value):
                continue
            if value and not _ENDPOINT.match(value):
                raise ConfigurationError(f"{argument} is {value!r}; it must be an address that ends in a path and /")
            if value and _is_loopback(value):
                endpoints[product] = value
            elif value or product in _PRODUCTS:
                raise ConfigurationError(
                    f"This is the stand-in for the google provider, which manages nothing but an emulator on this "
                    f"machine, and {argument} is {repr(value) if value else 'not set'}; it must be an address of "
                    f"127.0.0.1, such as {variable} of inventories/dev has it. For a real project, let scripts/setup "
                    "install the real provider: docs/google-provider.md"
                )
        labels = config.get("default_labels")
        session = requests.Session()
        found = _credentials(setting("access_token"), setting("credentials"))
        if account := setting("impersonate_service_account"):
            found = _impersonated(found, account, endpoints)
        session.auth = _Bearer(found)
        return cls(
            project=setting("project"),
            region=setting("region"),
            endpoints=endpoints,
            labels=labels if isinstance(labels, dict) else {},
            attribution_label=config.get("add_terraform_attribution_label") is not False,
            deletion_policy=setting("deletion_policy") or "DELETE",
            session=session,
        )


def _impersonated(
    source: google.auth.credentials.Credentials, account: str, endpoints: Mapping[str, str]
) -> google.auth.credentials.Credentials:
    if "iam_credentials" not in endpoints:
        raise ConfigurationError(
            "impersonate_service_account is set, and iam_credentials_custom_endpoint is not: this stand-in for the "
            "google provider asks nobody but an emulator on this machine"
        )
    address = f"{endpoints['iam_credentials']}projects/-/serviceAccounts/{account}:generateAccessToken"
    return impersonated_credentials.Credentials(source, account, list(_SCOPES), iam_endpoint_override=address)


def _is_loopback(address: str) -> bool:
    host = urllib.parse.urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Bearer(requests.auth.AuthBase):
    """Adds a token to requests, a new one where the last has expired.

    google-auth's own session asks iamcredentials.googleapis.com for the account's locations beside every first request,
    whatever endpoint that goes to; a rehearsal asks nobody but the endpoints that it is given.
    """

    def __init__(self, credentials: google.auth.credentials.Credentials) -> None:
        self._credentials = credentials
        self._turn = threading.Lock()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        with self._turn:
            if not self._credentials.valid:
                self._credentials.refresh(Request())
        request.headers["Authorization"] = f"Bearer {self._credentials.token}"
        return request


def _credentials(access_token: str, credentials: str) -> google.auth.credentials.Credentials:
    try:
        if access_token:
            return google.oauth2.credentials.Credentials(access_token)
        if credentials:
            return _of_file(
                json.loads(credentials if credentials.lstrip().startswith("{") else Path(credentials).read_text())
            )
        if file := os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
            return _of_file(json.loads(Path(file).read_text()))
        return google.auth.default(scopes=_SCOPES)[0]
    except (GoogleAuthError, OSError, ValueError) as error:
        raise ConfigurationError(
            "Attempted to load application default credentials since neither `credentials` nor `access_token` was "
            f"set in the provider block. No credentials loaded: {error}"
            if not access_token and not credentials
            else f"The credentials cannot be used: {error}"
        ) from None


def _of_file(info: Any) -> google.auth.credentials.Credentials:
    """What a file says, of one of the kinds that an emulator has; the real provider takes other kinds, too.

    google-auth's own loader asks Google itself: for the project of a workload, and for an account's tokens.
    """
    if info.get("type") == "external_account":
        return identity_pool.Credentials.from_info(info, scopes=_SCOPES)
    if info.get("type") != "impersonated_service_account":
        return service_account.Credentials.from_service_account_info(info, scopes=_SCOPES)
    address = info["service_account_impersonation_url"]
    if not _is_loopback(address):
        raise ValueError(
            f"service_account_impersonation_url is {address}, and this stand-in for the google provider asks nobody "
            "but an emulator on this machine"
        )
    account = address.rpartition("/")[2].partition(":")[0]
    source = _of_file(info["source_credentials"])
    return impersonated_credentials.Credentials(source, account, list(_SCOPES), iam_endpoint_override=address)
