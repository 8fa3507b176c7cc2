"""Secrets Manager values, cached, and read again when they turn out to be stale."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import boto3
from botocore.config import Config

CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "max_attempts": 3},
    max_pool_connections=16,
)


class SecretsClient(Protocol):
    """The one call used of boto3's Secrets Manager client."""

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 (the API's own name)
        """Return the current version of a secret (API GetSecretValue)."""
        ...


def secrets_client() -> SecretsClient:
    """Return a Secrets Manager client; region, credentials and endpoint are boto3's own business."""
    client: SecretsClient = boto3.session.Session().client("secretsmanager", config=CLIENT_CONFIG)
    return client


class CachedSecret:
    """The current value of one secret.

    Args:
        secret_id: name or ARN.
        client: makes the Secrets Manager client when the first read needs it.
        min_refresh_seconds: how long a value just read is trusted, whoever says that it is stale; it bounds
            the calls that wrong keys or a locked-out user can cause.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        secret_id: str,
        client: Callable[[], SecretsClient] = secrets_client,
        min_refresh_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.secret_id = secret_id
        self._make_client = client
        self._client: SecretsClient | None = None
        self._min_refresh_seconds = min_refresh_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._value: str | None = None
        self._read_at = 0.0

    def value(self) -> str:
        """Return the cached value, reading it the first time.

        Raises:
            botocore.exceptions.BotoCoreError: Secrets Manager could not be reached.
            botocore.exceptions.ClientError: Secrets Manager refused.
        """
        value = self._value
        if value is not None:
            return value
        with self._lock:
            return self._value if self._value is not None else self._read()

    def refreshed(self) -> str:
        """Return the value as Secrets Manager has it now, or the cached one if that was read just now.

        Raises:
            botocore.exceptions.BotoCoreError: Secrets Manager could not be reached.
            botocore.exceptions.ClientError: Secrets Manager refused.
        """
        with self._lock:
            if self._value is not None and self._clock() - self._read_at < self._min_refresh_seconds:
                return self._value
            return self._read()

    def _read(self) -> str:
        if self._client is None:
            self._client = self._make_client()
        self._read_at = self._clock()
        self._value = str(self._client.get_secret_value(SecretId=self.secret_id)["SecretString"])
        return self._value
