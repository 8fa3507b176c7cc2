"""The workflows of GitHub Actions name what there is, have no more permissions than they need, and do not collide."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / ".github"
Json = dict[str, Any]


def _load() -> Any:
    specification = importlib.util.spec_from_file_location("pipeline", FOLDER / "pipeline.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


pipeline = _load()
WORKFLOWS: dict[str, dict[Any, Any]] = {
    file.name: yaml.safe_load(file.read_text()) for file in sorted(FOLDER.glob("workflows/*.yml"))
}
# YAML 1.1 reads the key "on" as true.
TRIGGERS: dict[str, Json] = {file: workflow[True] for file, workflow in WORKFLOWS.items()}
ACTIONS: dict[str, Json] = {
    file.parent.name: yaml.safe_load(file.read_text()) for file in sorted(FOLDER.glob("actions/*/action.yml"))
}
JOBS = {f"{file} {name}": job for file, workflow in WORKFLOWS.items() for name, job in workflow["jobs"].items()}
STEPS = [step for job in JOBS.values() for step in job.get("steps", [])] + [
    step for action in ACTIONS.values() for step in action["runs"]["steps"]
]
TEXT = "\n".join(file.read_text() for file in FOLDER.rglob("*.yml"))


@pytest.mark.parametrize("job", JOBS)
def test_job_has_permissions_and_a_timeout(job: str) -> None:
    assert WORKFLOWS[job.split()[0]]["permissions"] == {}
    assert "permissions" in JOBS[job]
    # A job that calls a workflow has the timeouts of that one's jobs, and GitHub takes none.
    assert ("timeout-minutes" in JOBS[job]) == ("uses" not in JOBS[job])


def test_credentials_are_for_jobs_that_sign_in_alone() -> None:
    for name, job in JOBS.items():
        signs_in = any("sign-in" in step.get("uses", "") for step in job.get("steps", []))
        assert ("id-token" in job["permissions"]) == (signs_in or "uses" in job), name
    assert "secrets." not in TEXT
    assert "secrets: inherit" not in TEXT


def test_credentials_last_as_long_as_the_jobs_that_they_are_for() -> None:
    roles = (PROJECT / "terraform/layers/aws/bootstrap/roles.tf").read_text()
    asked = [step["with"]["role-duration-seconds"] for step in STEPS if "role-duration-seconds" in step.get("with", {})]
    longest = re.findall(r"session_seconds = (\d+)", roles)
    assert asked == ["${{{{ inputs.role == 'deployer' && {} || {} }}}}".format(*longest)]
    for job in JOBS.values():
        for step in job.get("steps", []):
            if "sign-in" in step.get("uses", ""):
                seconds = int(longest[0 if step["with"]["role"] == "deployer" else 1])
                assert job["timeout-minutes"] * 60 <= seconds


def test_actions_are_pinned_by_commit_and_in_one_version() -> None:
    used = re.findall(r"uses: (.+)", TEXT)
    others = {line for line in used if not line.startswith("./")}
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in others), others
    assert len({line.partition("@")[0] for line in others}) == len(others)


def test_changes_of_an_environment_wait_for_each_other() -> None:
    concurrency = JOBS["environment.yml change"]["concurrency"]
    assert concurrency == {"group": "change-${{ inputs.environment }}", "cancel-in-progress": False}
    changing = {name for name, job in JOBS.items() if "environment.yml" in job.get("uses", "")}
    assert changing == {"deploy.yml staging", "deploy.yml prod", "roll-back.yml roll-back", "destroy.yml destroy"}
    # Nobody else is the deployer.
    deployers = {
        name
        for name, job in JOBS.items()
        if any(step.get("with", {}).get("role") == "deployer" for step in job.get("steps", []))
    }
    assert deployers == {"environment.yml change"}


def test_prod_gets_what_staging_runs_and_is_not_destroyed() -> None:
    staging, prod = JOBS["deploy.yml staging"], JOBS["deploy.yml prod"]
    assert (prod["needs"], prod["with"]["release"]) == ("staging", f"release-{staging['with']['environment']}")
    assert JOBS["environment.yml change"]["environment"] == "${{ inputs.environment }}"
    options = TRIGGERS["destroy.yml"]["workflow_dispatch"]["inputs"]["environment"]["options"]
    assert "prod" not in options


def test_what_is_named_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    verbs = {job["with"]["verb"] for job in JOBS.values() if "verb" in job.get("with", {})}
    matrix = JOBS["pull-request.yml check"]["strategy"]["matrix"]["target"]
    commands = "\n".join(step.get("run", "") for step in STEPS)
    made = set(re.findall(r"\bmake ([a-z-]+)", commands))
    assert made >= {"deploy", "setup"}
    assert made | verbs | set(matrix) <= set(targets)
    for file in set(re.findall(r"[\w./-]+\.(?:yml|py)\b", commands)) | {".ci/run"}:
        assert (PROJECT / file).is_file(), file
    options = [
        value
        for triggers in TRIGGERS.values()
        for value in (triggers.get("workflow_dispatch") or {})
        .get("inputs", {})
        .get("environment", {})
        .get("options", [])
    ]
    named = {job["with"]["environment"] for job in JOBS.values() if "environment" in job.get("with", {})}
    named |= set(re.findall(r"inventories/([a-z]+)", commands)) | set(options)
    for name in (name for name in named if "{" not in name):
        assert (PROJECT / "inventories" / name / "hosts.yml").is_file(), name


def test_inputs_are_those_of_what_is_called() -> None:
    for name, job in JOBS.items():
        if "uses" in job:
            inputs = TRIGGERS[Path(job["uses"]).name]["workflow_call"]["inputs"]
            required = {one for one, option in inputs.items() if option.get("required")}
            assert required <= set(job["with"]) <= set(inputs), name
    for step in STEPS:
        if step.get("uses", "").startswith("./"):
            action = ACTIONS[Path(step["uses"]).name]
            assert set(step.get("with", {})) == set(action.get("inputs", {})), step


def test_environments_are_those_that_files_belong_to() -> None:
    assert pipeline.environments(PROJECT) == ["prod", "staging"]
    for changed, expected in (
        (["docs/setup.md", "tests/unit/x.py", "README.md", "app/README.md"], []),
        (["inventories/dev/hosts.yml"], []),
        (["inventories/staging/hosts.yml", "docs/setup.md"], ["staging"]),
        (["inventories/shared/web.yml"], ["prod", "staging"]),
        (["app/serve.py"], ["prod", "staging"]),
    ):
        assert pipeline.environments(PROJECT, changed) == expected, changed


def test_identity_is_what_the_bootstrap_makes() -> None:
    hosts: dict[str, Json] = {
        "hello-gcp": {
            "slipway_environment": "staging",
            "slipway_account_id": "111122223333",
            "slipway_region": "us-central1",
            "slipway_google_project": "shop-staging",
            "github_workload_identity_provider": "projects/1/locations/global/workloadIdentityPools/p/providers/github",
        },
        "web": {
            "slipway_environment": "staging",
            "slipway_account_id": "111122223333",
            "slipway_region": "us-gov-west-1",
        },
    }
    assert pipeline.identity("staging", "planner", hosts) == {
        "ready": "true",
        "aws_role": "arn:aws-us-gov:iam::111122223333:role/slipway/staging-planner",
        "aws_region": "us-gov-west-1",
        "google_provider": hosts["hello-gcp"]["github_workload_identity_provider"],
        "google_account": "staging-planner@shop-staging.iam.gserviceaccount.com",
    }
    hosts["web"]["slipway_region"] = "eusc-de-east-1"
    assert pipeline.identity("staging", "planner", hosts)["aws_role"].startswith("arn:aws-eusc:iam::")
    del hosts["hello-gcp"]["github_workload_identity_provider"]
    with pytest.raises(SystemExit, match="github_workload_identity_provider is not set"):
        pipeline.identity("staging", "planner", hosts)
    placeholders = {"web": {"slipway_account_id": "your-account-id", "slipway_google_project": "your_project_id"}}
    assert pipeline.identity("staging", "planner", placeholders) == {"ready": "false"}
    for name, value in (
        ("slipway_account_id", "{{ account }}"),
        ("slipway_account_id", 11112222333),
        ("slipway_google_project", "X"),
    ):
        with pytest.raises(SystemExit, match=f"{name} of inventories/staging is"):
            pipeline.identity("staging", "planner", {"web": {name: value}})


RECAP = "PLAY RECAP ***\nweb       : ok=3    changed={}    unreachable=0    failed=0\n"


@pytest.mark.parametrize(
    ("status", "output", "code"),
    [(0, RECAP.format(0), 0), (0, RECAP.format(2), 2), (2, RECAP.format(2), 1), (0, "make: *** nothing ran", 1)],
)
def test_report_says_what_a_plan_found(status: int, output: str, code: int) -> None:
    assert pipeline.report("staging", status, output, {})[1] == code


def test_report_has_no_secret() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG"
    output = f"\x1b[31m{secret} 111122223333 ASIA{'A' * 16} eyJa.eyJb.c1 ```{RECAP.format(1)}"
    text, _ = pipeline.report("staging", 0, output, {"AWS_SECRET_ACCESS_KEY": secret, "HOME": "changed="})
    assert "*** *** *** *** ` ` `PLAY RECAP" in text


def test_release_is_what_was_deployed() -> None:
    entry = {"app": "web", "url": "https://web.example.org", "image_tag": "0" * 32, "image_digest": "sha256:1"}
    document, table = pipeline.release([entry])
    assert document == {"slipway_release": {"web": {"tag": "0" * 32, "digest": "sha256:1"}}}
    assert f"`{'0' * 32}`" in table


@pytest.mark.parametrize(("owner", "runs"), [("somebody", True), ("example", False)])
def test_fork_is_told_that_it_has_no_plan(owner: str, runs: bool, tmp_path: Path) -> None:
    event = {"pull_request": {"number": 7, "head": {"repo": {"full_name": f"{owner}/shop"}}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    command = ["act", "pull_request", "--workflows", str(FOLDER / "workflows/pull-request.yml"), "--job", "fork"]
    command += ["--eventpath", str(tmp_path / "event.json"), "--env", "GITHUB_REPOSITORY=example/shop"]
    # Steps run on this machine, and no engine is asked.
    command += ["--platform", "ubuntu-24.04=-self-hosted", "--pull=false", "--container-daemon-socket", "-"]
    run = subprocess.run(
        command,
        cwd=PROJECT,
        env=os.environ | {"GITHUB_REPOSITORY": "example/shop", "HOME": str(tmp_path), "DOCKER_HOST": "unix:///none"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert ("A fork gets no credentials" in run.stdout) == runs


@pytest.mark.parametrize(
    ("limit", "tag", "arguments"),
    [
        ("all", "", ["--limit", "all"]),
        ("web", "0" * 32, ["--limit", "web", "-e", f'{{slipway_release: {{web: {{tag: "{"0" * 32}"}}}}}}']),
        ("all", "0" * 32, None),
        ("web;id", "", None),
        ("web", "$(id)", None),
    ],
)
def test_inputs_become_arguments_of_ansible(limit: str, tag: str, arguments: list[str] | None, tmp_path: Path) -> None:
    steps = {step.get("name"): step.get("run") for step in JOBS["environment.yml change"]["steps"]}
    (tmp_path / "Makefile").write_text("deploy:\n\t@printf '%s\\n' $(ANSIBLE_ARGS)\n")
    run = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", f"{steps['Check the inputs']}\n{steps['Change the environment']}"],
        cwd=tmp_path,
        # A make inside of another one, which may run this test, says so on its output.
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        | {"ENVIRONMENT": "staging", "VERB": "deploy", "LIMIT": limit, "TAG": tag, "RELEASE": "", "CONFIRM": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.splitlines() if run.returncode == 0 else None) == arguments, run.stdout + run.stderr


def test_script_needs_no_package() -> None:
    run = subprocess.run(
        [sys.executable, "-S", FOLDER / "pipeline.py", "environments"], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == ["prod", "staging"]
