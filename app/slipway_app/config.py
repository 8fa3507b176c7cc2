"""Settings of the application, read once from the environment."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

FEATURES = ("hello", "records", "beers", "tasks")
DATABASE_FEATURES = frozenset({"records", "beers", "tasks"})
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class ConfigError(ValueError):
    """A setting is missing or wrong; the message says which one and what is allowed."""


@dataclass(frozen=True)
class DatabaseSettings:
    """Where PostgreSQL is and who may say the password.

    ``url`` stands alone (local use); otherwise ``secret_id`` names the Secrets Manager secret that holds
    ``{"username", "password"}``. ``ca_bundle`` is a PEM file of the authorities that may sign the server's
    certificate.
    """

    url: str | None = None
    host: str | None = None
    port: int = 5432
    name: str | None = None
    sslmode: str = "verify-full"
    ca_bundle: bytes | None = None
    secret_id: str | None = None
    pool_size: int = 4

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> DatabaseSettings:
        """Read the ``DATABASE_*`` variables.

        Raises:
            ConfigError: neither ``DATABASE_URL`` nor the set of single variables is whole, or one is wrong.
        """
        pool_size = _integer(environ, "DATABASE_POOL_SIZE", 4, 1, 100)
        if url := environ.get("DATABASE_URL"):
            return cls(url=url, pool_size=pool_size)
        needed = ("DATABASE_HOST", "DATABASE_NAME", "DATABASE_SECRET_ID")
        missing = [name for name in needed if not environ.get(name)]
        if missing:
            raise ConfigError(
                f"{', '.join(missing)} not set: set DATABASE_URL (local use), or {', '.join(needed)}"
            )
        sslmode = environ.get("DATABASE_SSLMODE") or "verify-full"
        if sslmode not in SSL_MODES:
            raise ConfigError(f"DATABASE_SSLMODE is {sslmode!r}; allowed: {', '.join(SSL_MODES)}")
        return cls(
            host=environ["DATABASE_HOST"],
            port=_integer(environ, "DATABASE_PORT", 5432, 1, 65535),
            name=environ["DATABASE_NAME"],
            sslmode=sslmode,
            ca_bundle=_certificates(environ, "DATABASE_CA_BUNDLE_BASE64"),
            secret_id=environ["DATABASE_SECRET_ID"],
            pool_size=pool_size,
        )


@dataclass(frozen=True)
class Settings:
    """Everything the application is told from outside."""

    app_name: str = "slipway"
    features: tuple[str, ...] = ("hello",)
    version: str = "0.0.0"
    revision: str = "unknown"
    image_digest: str | None = None
    database: DatabaseSettings | None = None
    bucket_name: str | None = None
    api_key_secret_id: str | None = None
    log_level: str = "INFO"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check every setting.

        Raises:
            ConfigError: a variable is missing or wrong.
        """
        features = tuple(part.strip() for part in (environ.get("APP_FEATURES") or "hello").split(","))
        unknown = [feature for feature in features if feature not in FEATURES]
        if unknown:
            raise ConfigError(
                f"APP_FEATURES has {unknown[0]!r}; allowed: {', '.join(FEATURES)}, comma-separated"
            )
        if "tasks" in features and not environ.get("BUCKET_NAME"):
            raise ConfigError("BUCKET_NAME not set: the feature 'tasks' keeps its files in that S3 bucket")
        log_level = (environ.get("LOG_LEVEL") or "INFO").upper()
        if log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ConfigError(f"LOG_LEVEL is {log_level!r}; allowed: DEBUG, INFO, WARNING, ERROR")
        return cls(
            app_name=environ.get("APP_NAME") or "slipway",
            features=features,
            version=environ.get("VERSION") or "0.0.0",
            revision=environ.get("REVISION") or "unknown",
            image_digest=environ.get("IMAGE_DIGEST") or None,
            database=DatabaseSettings.from_environment(environ)
            if DATABASE_FEATURES & set(features)
            else None,
            bucket_name=environ.get("BUCKET_NAME") or None,
            api_key_secret_id=environ.get("API_KEY_SECRET_ID") or None,
            log_level=log_level,
        )


def _integer(environ: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise ConfigError(f"{name} is {text!r}; allowed: a whole number from {lowest} to {highest}")
    return int(text)


def _certificates(environ: Mapping[str, str], name: str) -> bytes | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        certificates = base64.b64decode(text, validate=True)
    except ValueError:
        certificates = b""
    if b"-----BEGIN CERTIFICATE-----" not in certificates:
        raise ConfigError(
            f"{name} is wrong; allowed: a PEM file of certificates in base64, without line breaks"
        )
    return certificates
