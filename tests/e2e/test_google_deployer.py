"""A Google project that an owner has bootstrapped: a workflow of GitHub deploys to it and destroys, without a key.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from emulator.tests.google_apis import ACCOUNTS, PROJECTS, Google
from emulator.tests.oidc_issuer import Issuer, write_configuration
from tests.e2e.google_cloud import GOOGLE_PROJECT, OWNER_KEY, google, left, service, state_bucket
from tests.e2e.http import ask
from tests.e2e.runs import Site, failed, succeeded

ENVIRONMENT = "e2edeployer"
APPS = ("hello-gcp",)
NAME = f"{ENVIRONMENT}-hello-gcp"
ONLY = ("site.yml", "--limit", "hello-gcp")
REPOSITORY = "my-organization/my-repository"
POOL = f"{ACCOUNTS}/projects/{GOOGLE_PROJECT}/locations/global/workloadIdentityPools/{ENVIRONMENT}-github"
DEPLOYER, PLANNER = (f"{ENVIRONMENT}-{who}@{GOOGLE_PROJECT}.iam.gserviceaccount.com" for who in ("deployer", "planner"))

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def settings(site: Site) -> Path:
    """The file with the credentials of the inventory."""
    return site.inventory / "group_vars" / "gcp" / "cloud.yml"


@pytest.fixture(scope="module", autouse=True)
def _bootstrapped(site: Site, settings: Path) -> Iterator[None]:
    """The project, bootstrapped by its owner, for all tests of this file."""
    settings.write_text(f"{settings.read_text()}\nbootstrap_github_repository: {REPOSITORY}\n")
    succeeded(site.run("playbooks/bootstrap.yml", "--limit", "hello-gcp"))
    original = settings.read_text()
    yield
    settings.write_text(original)
    if left(ENVIRONMENT) != [state_bucket(ENVIRONMENT)]:
        # Its last test has not destroyed the app.
        site.destroy("hello-gcp")
    removed = site.run("playbooks/remove_bootstrap.yml", "--limit", "hello-gcp", slipway_confirm=ENVIRONMENT)
    succeeded(removed)
    assert left(ENVIRONMENT) == []
    pool = google(POOL)
    assert pool
    assert pool["state"] == "DELETED"


@pytest.fixture(scope="module")
def owner(_bootstrapped: None) -> Google:
    """The project, asked by its owner."""
    cloud = types.SimpleNamespace(google_url="http://127.0.0.1:4567", google_credentials_file=OWNER_KEY)
    return Google(cast(Any, cloud), GOOGLE_PROJECT)


@pytest.fixture(scope="module")
def issuer(owner: Google) -> Issuer:
    """GitHub, as the project's provider knows it from now on."""
    issuer = Issuer()
    issuer.trusted_by(owner, f"{POOL}/providers/github".removeprefix(f"{ACCOUNTS}/"))
    return issuer


class Workflow:
    """Runs of a job: its token is in the inventory in the place of the file that gcloud would write.

    Args:
        settings: the inventory's file with the credentials.
        owner: the project.
        issuer: GitHub.
        folder: for the job's files.
    """

    def __init__(self, settings: Path, owner: Google, issuer: Issuer, folder: Path) -> None:
        self._settings, self._owner, self._issuer, self._folder = settings, owner, issuer, folder

    def job(self, account: str, repository: str = REPOSITORY, environment: str = "") -> None:
        """Be a job of a repository's workflow, in an environment or of a pull request, that acts as an account."""
        name = str(self._owner.call("GET", f"{POOL}/providers/github")["name"])
        # A runner's token is new each time; this one has to last for all runs.
        now = 2**31
        token = self._issuer.token(name, repository, environment, exp=now)
        file = write_configuration(self._owner, self._folder, name, token, account)
        own = "(?<=  GOOGLE_APPLICATION_CREDENTIALS: ).*"
        text, count = re.subn(own, str(file), self._settings.read_text())
        assert count == 1
        self._settings.write_text(text)


@pytest.fixture
def workflow(
    settings: Path, owner: Google, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workflow]:
    """The jobs of a test; after it, the inventory has its own credentials again."""
    original = settings.read_text()
    yield Workflow(settings, owner, issuer, tmp_path_factory.mktemp("workflow"))
    settings.write_text(original)


def test_second_bootstrap_changes_nothing(site: Site) -> None:
    assert succeeded(site.run("playbooks/bootstrap.yml", "--limit", "hello-gcp")).changed == {}


def test_job_of_the_environment_deploys(site: Site, workflow: Workflow) -> None:
    workflow.job(DEPLOYER, environment=ENVIRONMENT)
    succeeded(site.run(*ONLY))
    entry = site.summary()["hello-gcp"]
    assert ask(f"{entry['url']}/").body.strip() == b"Hello, World!"
    assert site.served("hello-gcp") == entry["image_digest"]
    deployed = service(NAME)
    assert deployed
    assert (deployed["creator"], deployed["lastModifier"]) == (DEPLOYER, DEPLOYER)
    assert succeeded(site.run(*ONLY)).changed == {}


def test_smoke_check_of_a_private_service_is_let_in(site: Site, workflow: Workflow) -> None:
    workflow.job(DEPLOYER, environment=ENVIRONMENT)
    run = succeeded(site.run(*ONLY, service_allow_unauthenticated=False))
    assert "not asked" not in run.output
    assert ask(f"{site.summary()['hello-gcp']['url']}/").status == 403


def test_pull_request_plans_and_changes_nothing(site: Site, workflow: Workflow) -> None:
    before = service(NAME)
    workflow.job(PLANNER)
    run = succeeded(site.run(*ONLY, "--check", service_container_port=9000))
    assert "- update google_cloud_run_v2_service.this" in run.output
    # It may not acquire the deploy lock, and so nothing begins.
    refused = failed(site.run(*ONLY, service_container_port=9000))
    assert f"{PLANNER} does not have storage.objects.create access" in " ".join(refused.output.split())
    # Nor may it act as the deployer.
    workflow.job(DEPLOYER)
    refused = failed(site.run(*ONLY))
    assert "iam.serviceAccounts.getAccessToken" in refused.output
    assert service(NAME) == before


def test_job_of_another_repository_is_refused(site: Site, workflow: Workflow) -> None:
    workflow.job(DEPLOYER, "my-organization/other", ENVIRONMENT)
    refused = failed(site.run(*ONLY))
    assert "The given credential is rejected by the attribute condition" in " ".join(refused.output.split())


def test_deployer_without_its_role_is_refused(site: Site, workflow: Workflow, owner: Google) -> None:
    policy = owner.call("POST", f"{PROJECTS}/{GOOGLE_PROJECT}:getIamPolicy")
    lesser = [binding for binding in policy["bindings"] if binding["role"] != "roles/run.developer"]
    owner.call("POST", f"{PROJECTS}/{GOOGLE_PROJECT}:setIamPolicy", {"policy": policy | {"bindings": lesser}})
    try:
        workflow.job(DEPLOYER, environment=ENVIRONMENT)
        refused = failed(site.run(*ONLY, service_container_port=9000))
    finally:
        succeeded_again = owner.call("POST", f"{PROJECTS}/{GOOGLE_PROJECT}:getIamPolicy")["etag"]
        restored = policy | {"etag": succeeded_again}
        owner.call("POST", f"{PROJECTS}/{GOOGLE_PROJECT}:setIamPolicy", {"policy": restored})
    assert "Permission 'run.services" in refused.output


def test_job_of_the_environment_destroys(site: Site, workflow: Workflow) -> None:
    workflow.job(DEPLOYER, environment=ENVIRONMENT)
    run = site.destroy("hello-gcp")
    assert f"Nothing is left of {NAME}" in run.output
    assert service(NAME) is None
    # What the owner has made stays, with its state.
    assert google(state_bucket(ENVIRONMENT))
