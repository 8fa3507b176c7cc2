"""OAuth tokens of the rehearsal's service account: what they open, in the APIs and in Docker, and what they do not."""

from __future__ import annotations

import base64
import datetime
import json
import stat
import subprocess
from pathlib import Path

import docker
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt
from google.auth.crypt import RSASigner
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request as Transport
from google.oauth2.service_account import Credentials

from emulator.tests.google_apis import DOCKER_USER, USAGE, Google, build, credentials, detail, log_in, refusal
from slipway_emulator.google.api import ApiError, Routes
from slipway_emulator.google.iam.tokens import Caller, Tokens
from slipway_emulator.settings import Settings

PATHS = (
    "/run/v2/projects/temu-tokens/locations/us-central1/services",
    "/artifactregistry/v1/projects/temu-tokens/locations/us-central1/repositories",
    "/iam/v1/projects/temu-tokens/serviceAccounts",
    "/serviceusage/v1/projects/temu-tokens/services",
    "/storage/v1/b?project=temu-tokens",
    "/temu-tokens/object",
)


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    return Google(cloud, "temu-tokens", "artifactregistry")


def test_key_is_its_owners_alone(cloud: Settings) -> None:
    assert stat.S_IMODE(cloud.google_credentials_file.stat().st_mode) == 0o600


def test_key_gives_tokens_that_open_the_apis(cloud: Settings, google: Google) -> None:
    given = credentials(cloud)
    given.refresh(Transport())
    assert given.service_account_email == f"slipway-deployer@{cloud.google_project}.iam.gserviceaccount.com"
    left = given.expiry - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert datetime.timedelta(minutes=50) < left <= datetime.timedelta(hours=1)
    services = google.call("GET", f"{USAGE}/projects/temu-tokens/services")["services"]
    assert services[0]["name"].endswith("/services/artifactregistry.googleapis.com")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "CREDENTIALS_MISSING"),
        ("Bearer ya29.nobody-has-this", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("Bearer ", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
        ("nonsense", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
    ],
)
def test_without_a_token_of_ours_nothing_is_said(
    cloud: Settings, path: str, authorization: str | None, reason: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    error = refusal(requests.get(cloud.google_url + path, headers=headers, timeout=10))
    assert (error["code"], error["status"]) == (401, "UNAUTHENTICATED")
    info = detail(error, "ErrorInfo")
    assert (info["reason"], info["domain"]) == (reason, "googleapis.com")


def test_dockers_password_is_for_docker_only(cloud: Settings, google: Google) -> None:
    answer = requests.get(cloud.google_url + PATHS[0], auth=(DOCKER_USER, google.token()), timeout=10)
    assert refusal(answer)["status"] == "UNAUTHENTICATED"


def test_another_key_gives_no_token(cloud: Settings) -> None:
    content = json.loads(cloud.google_credentials_file.read_text())
    content["private_key"] = pem_of_a_new_key()
    with pytest.raises(RefreshError, match="invalid_grant: Invalid JWT"):
        scoped(content).refresh(Transport())


def test_unknown_account_gets_no_token(cloud: Settings) -> None:
    content = json.loads(cloud.google_credentials_file.read_text())
    content["client_email"] = "somebody@temu-tokens.iam.gserviceaccount.com"
    with pytest.raises(RefreshError, match="account not found"):
        scoped(content).refresh(Transport())


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "unsupported_grant_type"),
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer", "invalid_grant"),
        ("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c", "invalid_grant"),
        (b"\xff=\xff", "unsupported_grant_type"),
    ],
)
def test_requests_for_tokens_that_are_refused(cloud: Settings, body: str, error: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{cloud.google_url}/token", data=body, headers=headers, timeout=10)
    # RFC 6749, section 5.2.
    assert (answer.status_code, answer.json()["error"]) == (400, error)


@pytest.mark.parametrize("times", [{"iat": "x", "exp": 2**40}, {"iat": [], "exp": 2**40}, {"iat": 0, "exp": {}}, {}])
def test_signed_assertions_that_are_refused(cloud: Settings, times: dict[str, object]) -> None:
    content = json.loads(cloud.google_credentials_file.read_text())
    claims = {"iss": content["client_email"], "aud": content["token_uri"], "scope": "x"} | times
    assertion = jwt.encode(RSASigner.from_string(content["private_key"]), claims).decode()
    assert refused_assertion(cloud, assertion) == "invalid_grant"


def test_assertion_that_is_nested_too_deeply(cloud: Settings) -> None:
    header = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    assert refused_assertion(cloud, f"{header}.e30.e30") == "invalid_grant"


def refused_assertion(cloud: Settings, assertion: str) -> str:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    answer = requests.post(f"{cloud.google_url}/token", data=form, timeout=10)
    assert answer.status_code == 400
    return str(answer.json()["error"])


def test_docker_password_that_is_no_base64(cloud: Settings) -> None:
    for encoded in ("é", "%", "/w=="):
        headers = {"Authorization": f"Basic {encoded}".encode("latin-1")}
        answer = requests.get(f"{cloud.google_url}/v2/", headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "UNAUTHORIZED")


def test_token_is_good_for_an_hour() -> None:
    now = 1_000_000.0
    tokens = Tokens(Routes(), "me@temu-tokens.iam.gserviceaccount.com", "http://127.0.0.1", lambda: now)
    me = Caller("me@temu-tokens.iam.gserviceaccount.com", frozenset(["scope"]))
    headers = {"authorization": f"Bearer {tokens.issue(me)}"}
    now += 3599
    assert tokens.caller(headers) == me
    now += 1
    with pytest.raises(ApiError) as refused:
        tokens.caller(headers)
    assert refused.value.details[0]["reason"] == "ACCESS_TOKEN_EXPIRED"


def test_docker_logs_in_and_pushes_with_a_token(
    cloud: Settings, google: Google, engine: docker.DockerClient, tmp_path: Path
) -> None:
    repository = f"{google.make_repository('temu-tokens')}/tiny"
    build(engine, tmp_path, "one", repository, "1")
    config = tmp_path / "docker"
    command = ["docker", "--config", str(config), "push", f"{repository}:1"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
    logged_in = log_in(config, cloud.google_registry_address, DOCKER_USER, google.token())
    assert "Login Succeeded" in logged_in.stdout, logged_in.stderr
    pushed = subprocess.run(command, capture_output=True, text=True, check=False)
    engine.images.remove(f"{repository}:1")
    assert pushed.returncode == 0, pushed.stderr
    pulled = subprocess.run([*command[:3], "pull", f"{repository}:1"], capture_output=True, text=True, check=False)
    assert pulled.returncode == 0, pulled.stderr
    engine.images.remove(f"{repository}:1", force=True)


@pytest.mark.parametrize(("user", "has_token"), [(DOCKER_USER, False), ("_json_key", True), ("AWS", True)])
def test_docker_is_refused(cloud: Settings, google: Google, tmp_path: Path, user: str, has_token: bool) -> None:
    refused = log_in(tmp_path, cloud.google_registry_address, user, google.token() if has_token else "wrong")
    assert refused.returncode == 1
    assert "denied" in refused.stderr


def pem_of_a_new_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    RSASigner.from_string(text)
    return text


def scoped(content: dict[str, str]) -> Credentials:
    return Credentials.from_service_account_info(content, scopes=("https://www.googleapis.com/auth/cloud-platform",))
