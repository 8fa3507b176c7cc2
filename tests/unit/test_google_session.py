"""What is asked of Google Cloud, and with which credentials: against the emulator's APIs, which need no engine."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleError, GoogleSession
from ansible_collections.slipway.provision.plugins.module_utils.state_store import CloudStorageStore, StoreError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud
from google.auth import jwt

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import ACCOUNTS, ARTIFACTS, CREDENTIALS, LOCATION, USAGE, Google, credentials
from emulator.tests.oidc_issuer import Issuer, make_provider, write_configuration
from emulator.tests.stack import google_environment
from slipway_emulator.settings import Settings

PROJECT = "tunit-session"
REPOSITORY = "my-organization/my-repository"
KEYS = ("GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON", "GCLOUD_KEYFILE_JSON")
PARENT = f"projects/{PROJECT}/locations/{LOCATION}"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with google_alone(tmp_path_factory.mktemp("google")) as settings:
        yield settings


@pytest.fixture(autouse=True)
def _environment(cloud: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a task, which leads to the emulator."""
    for name, value in google_environment(cloud).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    return Google(cloud, PROJECT, "iam", "iamcredentials", "run", "artifactregistry")


# -- operations --------------------------------------------------------------------------------------------


def test_operation_of_compute_engine_that_fails_says_why(cloud: Settings) -> None:
    google = Google(cloud, PROJECT, "compute")
    network = google.make_network("busy", connected=False)
    operation = GoogleCloud().change("DELETE", "compute", network)
    said = rf"The network resource '{network}' is already being used by 'projects/{PROJECT}/regions/"
    with pytest.raises(GoogleError, match=said):
        GoogleCloud().wait_for("compute", operation, f"projects/{PROJECT}/global/operations/")


# -- the bucket of the states ------------------------------------------------------------------------------


def test_bucket_that_exists_is_taken_over() -> None:
    """A token of a service account has the scopes that are asked for, and the settings of a bucket need more."""
    store = CloudStorageStore.of_environment("tunit-taken-over")
    store.create_bucket(PROJECT, {"location": "us-central1"})
    store.patch_bucket({"versioning": {"enabled": True}})
    found = store.bucket()
    assert found
    assert found["versioning"] == {"enabled": True}


@contextmanager
def faulty(cloud: Settings, method: str, faults: int, is_carried_out: bool) -> Iterator[str]:
    """The address of what stands before the emulator and answers 503 so often, having passed the request on or not."""
    left = [faults]

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_faulty = self.command == method and left[0] > 0
            status, content, generation = 503, b"Service Unavailable", ""
            if not is_faulty or is_carried_out:
                connection = http.client.HTTPConnection("127.0.0.1", cloud.google_port, timeout=10)
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                answered = answer.read()
                if not is_faulty:
                    status, content = answer.status, answered
                    generation = answer.headers.get("X-Goog-Generation", "")
            left[0] -= is_faulty
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Goog-Generation", generation)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815  (http.server's names)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/storage/v1/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("is_carried_out", [False, True])
def test_upload_with_a_condition_is_sent_again(
    cloud: Settings, google: Google, monkeypatch: pytest.MonkeyPatch, is_carried_out: bool
) -> None:
    bucket = f"tunit-again-{is_carried_out}".lower()
    google.call("POST", "/storage/v1/b", {"name": bucket}, project=PROJECT)
    with faulty(cloud, "POST", 1, is_carried_out) as address:
        monkeypatch.setenv("GOOGLE_STORAGE_CUSTOM_ENDPOINT", address)
        store = CloudStorageStore.of_environment(bucket)
        # The lock is this run's, also where the first request has got it.
        assert store.write("lock", b"holder 1", None)
        assert not store.write("lock", b"holder 2", None)
        found = store.read("lock")
    assert found
    assert found.content == b"holder 1"


def test_request_that_may_not_be_repeated_is_sent_once(cloud: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with faulty(cloud, "POST", 1, is_carried_out=False) as address:
        monkeypatch.setenv("GOOGLE_STORAGE_CUSTOM_ENDPOINT", address)
        with pytest.raises(StoreError, match="answers 503"):
            CloudStorageStore.of_environment("tunit-once").create_bucket(PROJECT, {})


# -- credentials -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("google")
@pytest.mark.parametrize("is_path", [True, False])
@pytest.mark.parametrize("name", KEYS)
def test_key_is_found_where_terraform_finds_it(
    cloud: Settings, monkeypatch: pytest.MonkeyPatch, name: str, is_path: bool
) -> None:
    key = cloud.google_credentials_file
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv(name, str(key) if is_path else key.read_text())
    assert GoogleCloud().get("artifact_registry", f"{PARENT}/repositories") == {}
    assert claims(GoogleSession().id_token("https://service"))["email"] == credentials(cloud).service_account_email


def test_token_is_found_where_terraform_finds_it(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", google.token())
    assert GoogleCloud().get("artifact_registry", f"{PARENT}/repositories") == {}
    # A token alone makes no other one.
    assert GoogleSession().id_token("https://service") == ""


def test_rehearsal_leaves_the_credentials_of_the_shell_alone(cloud: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEYS, "GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT"):
        monkeypatch.setenv(name, "of the shell")
    inventory = Path(__file__).resolve().parents[2] / "inventories/dev/group_vars/gcp/cloud.yml"
    given = yaml_load(inventory.read_text())["slipway_cloud_environment"]
    for name, value in (given | google_environment(cloud)).items():
        monkeypatch.setenv(name, value)
    assert claims(GoogleSession().id_token("https://service"))["email"] == credentials(cloud).service_account_email


@pytest.mark.parametrize("content", ["{", "[]", "no such file"])
def test_key_that_is_none_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    file = tmp_path / "key"
    file.write_text(f"{content} private")
    monkeypatch.setenv("GOOGLE_CREDENTIALS", str(file))
    with pytest.raises(GoogleError, match=r"^GOOGLE_CREDENTIALS is ") as refused:
        GoogleSession()
    assert "private" not in str(refused.value)


def test_impersonated_account_asks(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    email = google.make_account("tunit-deployer", "roles/artifactregistry.reader")
    monkeypatch.setenv("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", email)
    impersonating = GoogleCloud()
    assert impersonating.get("artifact_registry", f"{PARENT}/repositories") == {}
    with pytest.raises(GoogleError, match=r"Permission 'run\.services\.list' denied"):
        impersonating.get("cloud_run_v2", f"{PARENT}/services")
    assert claims(GoogleSession().id_token("https://service"))["email"] == email
    google.call("POST", f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts/{email}:setIamPolicy", {"policy": {}})
    for ask in (GoogleSession().token, lambda: GoogleSession().id_token("https://service")):
        with pytest.raises(GoogleError, match=r"iam\.serviceAccounts\.get\w+"):
            ask()


@pytest.mark.parametrize("variable", ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS"])
def test_person_acts_as_the_account_that_gcloud_has_written_down(
    cloud: Settings, google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    email = google.make_account(f"tunit-{variable[7:11].lower()}", "roles/artifactregistry.reader")
    file = tmp_path / "application_default_credentials.json"
    # "gcloud auth application-default login --impersonate-service-account"
    content = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": f"{cloud.google_url}{CREDENTIALS}/{email}:generateAccessToken",
        "delegates": [],
        "source_credentials": json.loads(cloud.google_credentials_file.read_text()),
    }
    file.write_text(json.dumps(content))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv(variable, str(file))
    person = GoogleCloud()
    assert person.get("artifact_registry", f"{PARENT}/repositories") == {}
    with pytest.raises(GoogleError, match=r"Permission 'run\.services\.list' denied"):
        person.get("cloud_run_v2", f"{PARENT}/services")
    assert claims(GoogleSession().id_token("https://service"))["email"] == email
    # Who acts as one account, and by that as another: the one between the two has to be let.
    between = google.make_account(f"tunit-between-{variable[7:11].lower()}")
    chained = content | {
        "source_credentials": content
        | {"service_account_impersonation_url": f"{cloud.google_url}{CREDENTIALS}/{between}:generateAccessToken"}
    }
    file.write_text(json.dumps(chained))
    with pytest.raises(GoogleError, match=r"iam\.serviceAccounts\.getAccessToken"):
        GoogleSession().token()
    google.grant(
        f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts/{email}",
        "roles/iam.serviceAccountTokenCreator",
        f"serviceAccount:{between}",
    )
    assert GoogleCloud().get("artifact_registry", f"{PARENT}/repositories") == {}
    for part in ("source_credentials", "service_account_impersonation_url"):
        file.write_text(json.dumps(content | {part: None}))
        with pytest.raises(GoogleError, match="need source_credentials, and a service_account_impersonation_url"):
            GoogleSession()


@pytest.mark.parametrize("variable", ["GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS"])
def test_workflow_acts_as_the_account_that_its_file_names(
    google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    identifier = variable.lower().replace("_", "-")[:20].strip("-")
    google.call("POST", f"{USAGE}/projects/{PROJECT}/services/sts.googleapis.com:enable")
    provider, issuer = make_provider(google, f"tunit-{identifier}"), Issuer()
    issuer.trusted_by(google, provider)
    email = google.make_account(f"tunit-{identifier}", "roles/artifactregistry.reader")
    member = f"principalSet://iam.googleapis.com/{provider.partition('/providers/')[0]}/*"
    account = f"{ACCOUNTS}/projects/{PROJECT}/serviceAccounts/{email}"
    google.grant(account, "roles/iam.workloadIdentityUser", member)
    token = issuer.token(provider, REPOSITORY)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv(variable, str(write_configuration(google, tmp_path, provider, token, email)))
    workflow = GoogleCloud()
    assert workflow.get("artifact_registry", f"{PARENT}/repositories") == {}
    with pytest.raises(GoogleError, match=r"Permission 'run\.services\.list' denied"):
        workflow.get("cloud_run_v2", f"{PARENT}/services")
    assert claims(GoogleSession().id_token("https://service"))["email"] == email
    # With a variable it is that account, whose tokens the one of the file may not create.
    monkeypatch.setenv("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", google.make_account(f"tunit-2{identifier}"))
    with pytest.raises(GoogleError, match=r"iam\.serviceAccounts\.getAccessToken"):
        GoogleSession().token()
    monkeypatch.setenv("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", "")
    # Without an account it is the workflow itself, for which nobody makes ID tokens.
    monkeypatch.setenv(variable, str(write_configuration(google, tmp_path, provider, token)))
    assert GoogleSession().id_token("https://service") == ""
    with pytest.raises(GoogleError, match=r"artifactregistry\.repositories\.list' denied"):
        GoogleCloud().get("artifact_registry", f"{PARENT}/repositories")
    # What GitHub has given another repository is no use.
    write_configuration(google, tmp_path, provider, issuer.token(provider, "somebody/else"), email)
    with pytest.raises(GoogleError, match="rejected by the attribute condition"):
        GoogleSession().token()


def claims(token: str) -> Any:
    return jwt.decode(token, verify=False)


# -- what is not there ---------------------------------------------------------------------------------------


def test_nothing_is_there_where_the_project_does_not_use_the_api() -> None:
    path = f"projects/tunit-unused/locations/{LOCATION}/services/none"
    assert GoogleCloud().get("cloud_run_v2", path) is None


def test_api_that_another_project_lacks_says_nothing_of_what_is_there(
    google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.make_repository("tunit-there")
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "tunit-payer")
    path = f"{PARENT}/repositories/tunit-there"
    with pytest.raises(GoogleError, match="Artifact Registry API has not been used in project "):
        GoogleCloud().get("artifact_registry", path)
    google.call("POST", f"{USAGE}/projects/tunit-payer/services/artifactregistry.googleapis.com:enable")
    assert GoogleCloud().get("artifact_registry", path)
    google.call("DELETE", f"{ARTIFACTS}/{path}")
