"""Settings: what is accepted, and for each accepted thing a rejected one."""

from __future__ import annotations

import base64

import pytest

from slipway_app import ConfigError, Settings

PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
DATABASE = {"DATABASE_HOST": "db", "DATABASE_NAME": "app", "DATABASE_SECRET_ID": "arn"}


def test_nothing_set_is_hello() -> None:
    settings = Settings.from_environment({})
    assert settings.features == ("hello",)
    assert settings.database is None


def test_everything_set() -> None:
    settings = Settings.from_environment(
        {
            **DATABASE,
            "APP_NAME": "dev-tasks",
            "APP_FEATURES": "records, tasks",
            "DATABASE_PORT": "15432",
            "DATABASE_SSLMODE": "verify-ca",
            "DATABASE_CA_BUNDLE_BASE64": base64.b64encode(PEM).decode(),
            "DATABASE_POOL_SIZE": "2",
            "BUCKET_NAME": "files",
            "API_KEY_SECRET_ID": "key",
            "IMAGE_DIGEST": "sha256:1",
            "VERSION": "1.2.3",
            "REVISION": "abc",
            "LOG_LEVEL": "warning",
        }
    )
    assert settings.features == ("records", "tasks")
    assert settings.database
    assert settings.database.port == 15432
    assert settings.database.sslmode == "verify-ca"
    assert settings.database.ca_bundle == PEM
    assert settings.database.pool_size == 2
    assert settings.log_level == "WARNING"


def test_certificate_of_the_database_is_verified_unless_told_otherwise() -> None:
    settings = Settings.from_environment({"APP_FEATURES": "records", **DATABASE})
    assert settings.database.sslmode == "verify-full"


def test_url_stands_alone() -> None:
    settings = Settings.from_environment({"APP_FEATURES": "records", "DATABASE_URL": "postgresql:///x"})
    assert settings.database
    assert settings.database.url == "postgresql:///x"
    assert settings.database.secret_id is None


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"APP_FEATURES": "hello,bears"}, "'bears'; allowed: hello, records, beers, tasks"),
        ({"APP_FEATURES": "records"}, "DATABASE_HOST, DATABASE_NAME, DATABASE_SECRET_ID not set"),
        ({"APP_FEATURES": "tasks", **DATABASE}, "BUCKET_NAME not set"),
        ({"APP_FEATURES": "records", **DATABASE, "DATABASE_PORT": "0"}, "DATABASE_PORT is '0'"),
        ({"APP_FEATURES": "records", **DATABASE, "DATABASE_PORT": "x"}, "DATABASE_PORT is 'x'"),
        ({"APP_FEATURES": "records", **DATABASE, "DATABASE_SSLMODE": "yes"}, "DATABASE_SSLMODE is 'yes'"),
        *(
            (
                {"APP_FEATURES": "records", **DATABASE, "DATABASE_CA_BUNDLE_BASE64": wrong},
                "DATABASE_CA_BUNDLE_BASE64 is wrong; allowed: a PEM file of certificates in base64",
            )
            for wrong in (PEM.decode(), "/etc/ssl/ca.pem", "aGVsbG8=")
        ),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL is 'LOUD'"),
    ],
)
def test_wrong_settings_are_named(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("'", ".")):
        Settings.from_environment(environment)
