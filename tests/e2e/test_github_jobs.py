"""The jobs of .github/workflows, run by act from a fresh checkout, as the roles of playbooks/bootstrap.yml.

The steps run on this machine. In place of the actions and GitHub's command line are those in tests/e2e/github: they
give a job the credentials that its token is good for, and keep artifacts in a folder. The tests build on each other and
run in the order they stand in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.http import ask
from tests.e2e.runs import ENDPOINTS, PROJECT, RDS_AUTHORITY, USER_ENVIRONMENT, Account
from tests.processes import kill_family

REPOSITORY = "example/shop"
# Accounts of the emulator that have nothing in them: the access keys of their administrators are their ids.
ACCOUNTS = {"staging": "333344445555", "prod": "444455556666"}
APPS = {"web", "beers"}
STAND_INS = Path(__file__).parent / "github"
_ACTION = re.compile(r"uses: ((?!actions/checkout)[\w-]+/([\w-]+)@[0-9a-f]{40})")
_WORKFLOW_SECONDS = 3600
# Beginnings of the variables that make test and . .build/env set, and a runner has not.
_OF_TESTS = ("ANSIBLE", "MAKE", "PYTEST", "PYTHON", "SLIPWAY_EMULATOR_STATE", "TF_CLI_CONFIG_FILE")

Json = dict[str, Any]

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("_sites")]


class Workflow:
    """What became of a run of a workflow.

    Attributes:
        status: exit status; not 0 where a job is red.
        output: the logs.
        artifacts: folder that has one for each artifact.
    """

    def __init__(self, status: int, output: str, artifacts: Path) -> None:
        self.status = status
        self.output = output
        self.artifacts = artifacts

    def artifact(self, name: str, file: str) -> str:
        """The text of a file of an artifact."""
        return (self.artifacts / name / file).read_text()

    def release(self, environment: str) -> Json:
        """What the page of the run says was deployed: app to `tag` and `digest`."""
        document: Json = json.loads(self.artifact(f"release-{environment}", "release.json"))["slipway_release"]
        return document


class Repository:
    """A team's repository: this one with inventories of its own, which name accounts of the emulator.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkout = folder / "shop"
        listed = self._git_of_project("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in filter(None, listed.split("\0")):
            if (PROJECT / name).exists():
                (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, self.checkout / name, follow_symlinks=False)
        # Both are as small as it gets.
        shutil.rmtree(self.inventory("prod"))
        shutil.copytree(self.inventory("staging"), self.inventory("prod"), symlinks=True)
        for environment, account in ACCOUNTS.items():
            self._fill(environment, account)
        self.git("init", "--initial-branch=main")
        self.git("remote", "add", "origin", f"https://github.com/{REPOSITORY}")
        self.commit("Our inventories")

    def inventory(self, environment: str) -> Path:
        """Folder of an inventory."""
        return self.checkout / "inventories" / environment

    def _fill(self, environment: str, account: str) -> None:
        inventory = self.inventory(environment)
        for file in (one for one in inventory.rglob("*.yml") if not one.is_symlink()):
            text = file.read_text().replace("staging.example.com", f"{environment}.localhost")
            file.write_text(text.replace("your-account-id", f'"{account}"'))
        settings = inventory / "group_vars/all/environment.yml"
        # Whose certificates the emulator's databases have; Amazon's would be known.
        authority = f"\nslipway_database_ca_file: {RDS_AUTHORITY}\n"
        settings.write_text(settings.read_text().replace("staging", environment) + authority)
        settings.with_name("account.yml").write_text(f"---\nbootstrap_github_repository: {REPOSITORY}\n")
        hosts = inventory / "hosts.yml"
        groups = yaml.safe_load(hosts.read_text())
        children = groups["all"]["children"]
        apps = children["apps"]["children"]
        del apps["cloud_run"], children["gcp"], children["networks"]["hosts"]["main-gcp"]
        for group in apps.values():
            group["hosts"] = {app: None for app in group["hosts"] if app in APPS}
        hosts.write_text(yaml.safe_dump(groups))

    @staticmethod
    def _git_of_project(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=PROJECT, check=True, capture_output=True, text=True).stdout

    def git(self, *arguments: str) -> None:
        """Run git in the checkout."""
        author = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
        subprocess.run(["git", *author, *arguments], cwd=self.checkout, check=True, capture_output=True)

    def commit(self, message: str) -> None:
        """Commit whatever has changed."""
        self.git("add", "--all")
        self.git("commit", "--message", message)

    def run(self, event: str, file: str, *arguments: str, **inputs: str) -> Workflow:
        """Run the jobs of a workflow as GitHub would.

        Args:
            event: what happened.
            file: name of the workflow's file.
            arguments: more arguments of act.
            inputs: what a person typed, with `workflow_dispatch`.
        """
        number = len(list(self.folder.glob("act-*")))
        work = self.folder / f"act-{number:02}"
        artifacts = work / "artifacts"
        artifacts.mkdir(parents=True)
        happened: Json = {"inputs": inputs, "ref": "refs/heads/main"}
        if event == "pull_request":
            happened = {"pull_request": {"number": 7, "head": {"repo": {"full_name": REPOSITORY}}}}
        (work / "event.json").write_text(json.dumps(happened))
        text = "\n".join(one.read_text() for one in (self.checkout / ".github").rglob("*.yml"))
        stand_ins = [
            word for action, name in sorted(set(_ACTION.findall(text)))
            for word in ("--local-repository", f"{action}={STAND_INS / name}")
        ]  # fmt: skip
        variables = ENDPOINTS | {"ARTIFACTS": str(artifacts), "GITHUB_REPOSITORY": REPOSITORY}
        command = [
            str(Path(sys.executable).with_name("act")), event, "--workflows", f".github/workflows/{file}",
            "--eventpath", str(work / "event.json"), "--action-cache-path", str(work / "checkouts"),
            "--platform", "ubuntu-24.04=-self-hosted", "--pull=false", "--container-daemon-socket", "-",
            "--no-cache-server", "--concurrent-jobs", "1", *stand_ins,
            *(word for name, value in variables.items() for word in ("--env", f"{name}={value}")),
            *arguments,
        ]  # fmt: skip
        # A runner's own shell, with the stand-in of GitHub's command line and without what tests run in.
        own = str(Path(sys.executable).parent)
        path = os.pathsep.join(
            [str(STAND_INS / "bin"), *(one for one in os.environ["PATH"].split(os.pathsep) if one != own)]
        )
        shell = {name: value for name, value in USER_ENVIRONMENT.items() if not name.startswith(_OF_TESTS)}
        with (work / "log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=self.checkout,
                env=shell | {"PATH": path},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                process.wait(_WORKFLOW_SECONDS)
            finally:
                if process.poll() is None:
                    kill_family(process.pid)
                    process.wait()
        return Workflow(process.returncode, (work / "log").read_text(), artifacts)


def _served(app: str) -> str:
    """Digest of the image that an app in staging says it is."""
    return str(ask(f"https://{app}.staging.localhost/version").document["image_digest"])


def _green(run: Workflow) -> Workflow:
    assert run.status == 0, run.output[-8000:]
    return run


def _red(run: Workflow) -> Workflow:
    assert run.status != 0, run.output[-8000:]
    return run


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory, _sites: object) -> dict[str, Account]:
    """The account of each environment, with nothing in it."""
    folder = tmp_path_factory.mktemp("accounts")
    return {environment: Account(number, environment, folder) for environment, number in ACCOUNTS.items()}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory, accounts: dict[str, Account]) -> Iterator[Repository]:
    """The repository, whose accounts are bootstrapped."""
    repository = Repository(tmp_path_factory.mktemp("github"))
    # At the end each account is emptied, also where that failed in another one.
    with ExitStack() as stack:
        for environment, account in accounts.items():
            inventory = repository.inventory(environment)
            # The zone must exist, says group_vars/ecs/service.yml.
            account.client("route53").create_hosted_zone(
                Name=f"{environment}.localhost", CallerReference="test_github_jobs"
            )
            confirmed = ("-e", f"slipway_confirm={environment}")
            account.run("playbooks/bootstrap.yml", inventory, "administrator")
            stack.callback(account.run, "playbooks/remove_bootstrap.yml", inventory, "administrator", *confirmed)
            stack.callback(account.run, "playbooks/destroy.yml", inventory, "deployer", *confirmed)
        yield repository


@pytest.fixture(scope="module")
def deployment(repository: Repository) -> Workflow:
    """The run of a push to main."""
    return _green(repository.run("push", "deploy.yml"))


def test_push_deploys_the_same_images_to_staging_and_to_prod(deployment: Workflow) -> None:
    staging, prod = deployment.release("staging"), deployment.release("prod")
    assert set(staging) == APPS
    assert staging == prod
    for environment in ACCOUNTS:
        assert "<html" in deployment.artifact(f"report-{environment}", "index.html")
        for app in APPS:
            assert ask(f"https://{app}.{environment}.localhost/health").status == 200


def test_secrets_are_in_no_log_and_no_artifact(deployment: Workflow, accounts: dict[str, Account]) -> None:
    texts = [file.read_text() for file in deployment.artifacts.rglob("*") if file.suffix in (".json", ".html")]
    for account in accounts.values():
        secrets = account.client("secretsmanager")
        listed = secrets.get_paginator("list_secrets").paginate().build_full_result()["SecretList"]
        kept = [secrets.get_secret_value(SecretId=one["ARN"])["SecretString"] for one in listed]
        values = [json.loads(text)["password"] if text.startswith("{") else text for text in kept]
        # Users of both databases, and a key.
        assert len(values) >= 9
        for text in (deployment.output, *texts):
            assert not [value for value in values if value in text]


@pytest.mark.usefixtures("deployment")
def test_night_without_drift_is_green(repository: Repository) -> None:
    run = _green(repository.run("schedule", "drift.yml"))
    for environment in ACCOUNTS:
        assert f"### {environment}: nothing would change" in run.artifact(
            f"plan-{environment}", f"plan-{environment}.md"
        )


@pytest.mark.usefixtures("deployment")
def test_pull_request_is_told_its_plan(repository: Repository) -> None:
    service = repository.inventory("staging") / "group_vars/ecs/service.yml"
    text = service.read_text()
    repository.git("switch", "--create", "more-tasks")
    try:
        service.write_text(text.replace("service_max_count: 2", "service_max_count: 3"))
        repository.commit("Three tasks")
        run = _green(repository.run("pull_request", "pull-request.yml", "--job", "comment"))
    finally:
        repository.git("switch", "main")
    comment = (run.artifacts / "comment.md").read_text()
    # Prod is not concerned.
    assert comment.count("### ") == 1
    assert "### staging: something would change" in comment
    assert "update aws_appautoscaling_target.this" in comment
    assert not [account for account in ACCOUNTS.values() if account in comment]


def test_pull_request_builds(repository: Repository) -> None:
    _green(repository.run("pull_request", "pull-request.yml", "--job", "build"))


def test_roll_back_deploys_a_release_of_the_registry(
    repository: Repository, deployment: Workflow, accounts: dict[str, Account]
) -> None:
    before = deployment.release("staging")["web"]
    source = repository.checkout / "app/slipway_app/second_release.py"
    source.write_text('"""What makes it another release."""\n')
    accounts["staging"].run("site.yml", repository.inventory("staging"), "deployer", "--limit", "web")
    source.unlink()
    assert _served("web") != before["digest"]
    inputs = {"environment": "staging", "app": "web"}
    unknown = _red(repository.run("workflow_dispatch", "roll-back.yml", **inputs, release="0" * 32))
    assert f"No such image: slipway-build:{'0' * 32}" in unknown.output
    run = _green(repository.run("workflow_dispatch", "roll-back.yml", **inputs, release=before["tag"]))
    assert run.release("staging")["web"] == before
    assert _served("web") == before["digest"]


@pytest.mark.usefixtures("deployment")
def test_destroy_wants_the_name_twice(repository: Repository) -> None:
    wrong = _red(repository.run("workflow_dispatch", "destroy.yml", environment="staging", confirm="prod"))
    assert "Nothing was destroyed" in wrong.output
    assert (
        "Nothing is left of"
        in _green(repository.run("workflow_dispatch", "destroy.yml", environment="staging", confirm="staging")).output
    )
