"""The roles that the documents ask for suffice for a deployment on Google Cloud, and each part of it needs its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.provision.plugins.module_utils.state_store import CloudStorageStore, StoreError

from emulator.tests.google_alone import google_alone
from emulator.tests.google_apis import LOCATION, Google
from emulator.tests.stack import Json, google_environment
from tests.unit.google_layer import APPLY, PROJECT, play

PAGE = (PROJECT / "docs/how-to/deploy-to-a-real-account.md").read_text()
ROLES = sorted(set(re.findall(r"`(roles/[\w.]+)`", PAGE)))
NAME = "tunit-roles"
SERVE: Json = {"ansible.builtin.import_role": {"name": "slipway.provision.service"}}


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Google]:
    """A project as the documents want it; the last API is for the test's own accounts."""
    with google_alone(tmp_path_factory.mktemp("google")) as cloud:
        yield Google(cloud, NAME, "cloudresourcemanager", "serviceusage", "iam", "iamcredentials")


def token(google: Google, account_id: str, *roles: str) -> dict[str, str]:
    """The environment variable with a token of a new account."""
    authorization = google.impersonate(google.make_account(account_id, *roles)).session.headers["Authorization"]
    return {"GOOGLE_OAUTH_ACCESS_TOKEN": str(authorization).removeprefix("Bearer ")}


def test_roles_suffice(google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = token(google, "tunit-deployer", *ROLES)
    for name, value in (google_environment(google.cloud) | environment).items():
        monkeypatch.setenv(name, value)
    store = CloudStorageStore.of_environment(f"{NAME}-state")
    store.create_bucket(NAME, {})
    store.patch_bucket({"versioning": {"enabled": True}})
    assert store.write("lock", b"me", None)
    found = store.read("lock")
    assert found
    store.delete("lock", found.version)
    is_applied, output = play(google, tmp_path, APPLY, environment=environment)
    assert is_applied, output
    service: dict[str, Any] = {
        "terraform_layer_name": "service",
        "terraform_layer_root": "gcp/service_cloud_run",
        "service_platform": "cloud_run",
        "service_region": LOCATION,
        "service_image": f"{google.cloud.google_registry_address}/{NAME}/unit-{NAME}/app@sha256:{'0' * 64}",
    }
    is_applied, output = play(google, tmp_path, SERVE, environment=environment, **service)
    # All is as it must be, but for the image, which nobody has pushed: that would take an engine.
    assert not is_applied
    assert "denied" not in output
    assert "is not ready and cannot serve traffic. Image '" in " ".join(output.split())
    # It may read the log too, of which there is none.
    shown = output.partition("cloud_run_failed | Show it")[2]
    assert "Revision unit-tunit-roles-00001-" in shown
    assert "'  | no log'" in shown
    # Who may not act as the account may have no service run as it.
    others = [role for role in ROLES if role != "roles/iam.serviceAccountUser"]
    environment = token(google, "tunit-no-user", *others)
    is_applied, output = play(google, tmp_path, SERVE, environment=environment, **service)
    assert not is_applied
    assert "Permission 'iam.serviceaccounts.actAs' denied on service account" in " ".join(output.split())


@pytest.mark.parametrize("instead", [(), ("roles/storage.objectAdmin",)])
def test_state_bucket_needs_its_role(google: Google, monkeypatch: pytest.MonkeyPatch, instead: tuple[str, ...]) -> None:
    others = [role for role in ROLES if role != "roles/storage.admin"]
    environment = token(google, f"tunit-storage-{len(instead)}", *others, *instead)
    for name, value in (google_environment(google.cloud) | environment).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=r"does not have storage\.buckets\.create access"):
        CloudStorageStore.of_environment(f"{NAME}-other").create_bucket(NAME, {})
