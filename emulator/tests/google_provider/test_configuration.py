"""What a provider block and the environment come to, and how the APIs are asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from emulator.tests.google_provider.conftest import PRODUCTS
from slipway_emulator.google_provider.configuration import Configuration, ConfigurationError
from slipway_emulator.google_provider.resource import ApiError, call
from slipway_emulator.google_provider.schema import Attribute, Block

ENDPOINTS = {f"{product}_custom_endpoint": "http://127.0.0.1:9/v1/" for product in PRODUCTS}
BLOCK = Block(
    {
        name: Attribute("string", optional=True)
        for name in (
            "access_token",
            "credentials",
            "iam_credentials_custom_endpoint",
            "impersonate_service_account",
            "logging_custom_endpoint",
            "project",
            "region",
            *ENDPOINTS,
        )
    },
    {},
)


class Api(ThreadingHTTPServer):
    """Gives tokens, and answers with the path it is asked for; 401 to whoever has no token of its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        allowed = self.headers["Authorization"] == "Bearer ours"
        self._answer(
            {"path": self.path} if allowed else {"error": {"message": "who are you?"}}, 200 if allowed else 401
        )

    def do_POST(self) -> None:
        # Of the token's server, and of IAM's.
        content = {
            "access_token": "ours",
            "expires_in": 3600,
            "accessToken": "ours",
            "expireTime": "2100-01-01T00:00:00Z",
        }
        self._answer(content, 200)

    def _answer(self, content: object, status: int) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def key(api: Api, tmp_path: Path) -> str:
    """Path of the key of a service account that gets its tokens from the server."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {
        "type": "service_account",
        "client_email": "me@some-project.iam.gserviceaccount.com",
        "private_key": private.decode(),
        "token_uri": f"{api.address}/token",
    }
    (tmp_path / "key.json").write_text(json.dumps(content))
    return str(tmp_path / "key.json")


def test_token_is_got_once_and_nobody_else_is_asked(api: Api, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {f"GOOGLE_{name.upper()}": f"{api.address}/iam/v1/" for name in ENDPOINTS}
    configuration = Configuration.of(BLOCK, {}, environment | {"GOOGLE_CREDENTIALS": key})
    started: list[str] = []
    start = threading.Thread.start

    def note(thread: threading.Thread) -> None:
        started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", note)
    for name in ("one", "two"):
        assert call(configuration, "GET", "iam_beta", name) == {"path": f"/iam/v1/{name}"}
    assert api.asked == ["POST /token", "GET /iam/v1/one", "GET /iam/v1/two"]
    # The server's own, one for each connection; google-auth would ask Google in one of its own.
    assert [name for name in started if "process_request_thread" not in name] == []


def test_key_may_be_given_as_text(api: Api, key: str) -> None:
    config = ENDPOINTS | {"credentials": Path(key).read_text(), "iam_beta_custom_endpoint": f"{api.address}/iam/v1/"}
    assert call(Configuration.of(BLOCK, config, {}), "GET", "iam_beta", "x") == {"path": "/iam/v1/x"}


def test_impersonated_account_asks(api: Api) -> None:
    account = "them@some-project.iam.gserviceaccount.com"
    environment = {
        "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT": account,
        "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT": f"{api.address}/iamcredentials/v1/",
    }
    config = ENDPOINTS | {"access_token": "mine", "iam_beta_custom_endpoint": f"{api.address}/iam/v1/"}
    configuration = Configuration.of(BLOCK, config, environment)
    assert call(configuration, "GET", "iam_beta", "x") == {"path": "/iam/v1/x"}
    token = f"POST /iamcredentials/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
    assert api.asked == [token, "GET /iam/v1/x"]
    del environment["GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT"]
    with pytest.raises(ConfigurationError, match="iam_credentials_custom_endpoint is not"):
        Configuration.of(BLOCK, config, environment)


@pytest.mark.parametrize("name", ["GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"])
def test_account_that_gcloud_has_written_down_asks(
    api: Api, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # "gcloud auth application-default login --impersonate-service-account"
    path = "/iamcredentials/v1/projects/-/serviceAccounts/them@some-project.iam.gserviceaccount.com:generateAccessToken"
    content = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": f"{api.address}{path}",
        "source_credentials": json.loads(Path(key).read_text()),
    }
    file = tmp_path / "application_default_credentials.json"
    file.write_text(json.dumps(content))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    config = ENDPOINTS | {"iam_beta_custom_endpoint": f"{api.address}/iam/v1/"}
    configuration = Configuration.of(BLOCK, config, {name: str(file)})
    assert call(configuration, "GET", "iam_beta", "x") == {"path": "/iam/v1/x"}
    assert api.asked == ["POST /token", f"POST {path}", "GET /iam/v1/x"]
    address = f"https://iamcredentials.googleapis.com{path}"
    file.write_text(json.dumps(content | {"service_account_impersonation_url": address}))
    with pytest.raises(ConfigurationError, match="asks nobody but an emulator on this machine"):
        Configuration.of(BLOCK, config, {name: str(file)})


def test_refused_token_is_an_error_in_googles_words(api: Api) -> None:
    config = ENDPOINTS | {"access_token": "stolen", "iam_beta_custom_endpoint": f"{api.address}/iam/v1/"}
    with pytest.raises(ApiError, match="googleapi: Error 401: who are you") as refused:
        call(Configuration.of(BLOCK, config, {}), "GET", "iam_beta", "x")
    assert refused.value.status == 401


def test_provider_block_goes_before_the_environment() -> None:
    environment = {"GOOGLE_PROJECT": "of-environment", "GOOGLE_CLOUD_PROJECT": "another", "GOOGLE_REGION": "us-east1"}
    configuration = Configuration.of(BLOCK, ENDPOINTS | {"access_token": "x", "project": "of-block"}, environment)
    assert (configuration.project, configuration.region) == ("of-block", "us-east1")
    assert Configuration.of(BLOCK, ENDPOINTS | {"access_token": "x"}, environment).project == "of-environment"


@pytest.mark.parametrize(
    ("endpoints", "problem"),
    [
        ({}, "artifact_registry_custom_endpoint is not set"),
        ({"iam_beta_custom_endpoint": "https://iam.googleapis.com/v1/"},
         "iam_beta_custom_endpoint is 'https://iam.googleapis.com/v1/'"),
        ({"cloud_run_v2_custom_endpoint": "http://127.0.0.1.example.org/v2/"}, "cloud_run_v2_custom_endpoint is"),
        # Not one that it asks, but in what other way is this the real Google?
        ({"logging_custom_endpoint": "https://logging.googleapis.com/v2/"}, "logging_custom_endpoint is"),
    ],
)  # fmt: skip
def test_real_project_is_refused_before_anything_is_asked(endpoints: dict[str, str], problem: str) -> None:
    config = (ENDPOINTS | endpoints if endpoints else {}) | {"access_token": "x"}
    with pytest.raises(ConfigurationError, match=problem) as refused:
        Configuration.of(BLOCK, config, {})
    assert "GOOGLE_" in str(refused.value)
    assert "docs/google-provider.md" in str(refused.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:4567/run/v2/", "http://localhost/v2/", "https://[::1]:1/v2/"])
def test_emulator_is_on_this_machine(address: str) -> None:
    config = ENDPOINTS | {"access_token": "x", "cloud_run_v2_custom_endpoint": address}
    assert Configuration.of(BLOCK, config, {}).endpoints["cloud_run_v2"] == address


@pytest.mark.parametrize("credentials", ["/no/such/file", "{", "{}"])
def test_credentials_that_cannot_be_used(credentials: str) -> None:
    with pytest.raises(ConfigurationError, match="The credentials cannot be used"):
        Configuration.of(BLOCK, ENDPOINTS | {"credentials": credentials}, {})
