"""The deployer's policies: nothing is refused, and without a statement a run is.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from terraform.policies import lacking, read_documents, read_requests
from tests.e2e.runs import Site, failed, interrupted, succeeded
from tests.processes import family

ENVIRONMENT = "e2epolicies"
APPS = ("records",)

pytestmark = pytest.mark.long


def _record(project: Path) -> list[str]:
    return (project / ".build/emulator/iam-decisions.jsonl").read_text().splitlines()


def _policy(name: str) -> str:
    return f"arn:aws:iam::000000000000:policy/slipway/{ENVIRONMENT}-{name}"


def test_a_bootstrap_that_is_interrupted_is_finished_by_the_next_run(site: Site, aws: Any) -> None:
    def is_half_done(_: str) -> bool:
        names = [one["PolicyName"] for one in aws("iam").list_policies(Scope="Local")["Policies"]]
        return f"{ENVIRONMENT}-deploy-network" in names

    def interrupt(process: subprocess.Popen[bytes]) -> None:
        # Terraform stops at once then, and writes its state.
        next(one for one in family(process.pid) if one.name() == "terraform").send_signal(signal.SIGINT)

    run = interrupted(site, is_half_done, interrupt, "playbooks/bootstrap.yml")
    assert run.status != 0, run.output[-4000:]
    bucket, key = f"slipway-{ENVIRONMENT}-state", f"{ENVIRONMENT}/bootstrap/bootstrap"
    state = json.loads(aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert "deployer_role_arn" not in state["outputs"]
    # A dry run needs an account that is bootstrapped, too.
    succeeded(site.run("site.yml", "--check", "--limit", "main"))


def test_a_run_is_refused_without_a_statement_and_bootstrap_restores_it(site: Site, aws: Any) -> None:
    document = read_documents()["deploy-network"]
    # What a network needs when it is made; another one with each run.
    candidates = [
        (statement, action)
        for statement in document["Statement"]
        for action in statement["Action"]
        if action in ("ec2:CreateVpc", "ec2:CreateSubnet", "ec2:CreateInternetGateway", "ec2:CreateRouteTable")
    ]
    statement, action = secrets.choice(candidates)
    iam = aws("iam")
    arn = _policy("deploy-network")
    current = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    whole = iam.get_policy_version(PolicyArn=arn, VersionId=current)["PolicyVersion"]["Document"]
    less = [one for one in whole["Statement"] if one["Sid"] != statement["Sid"]]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(whole | {"Statement": less}), SetAsDefault=True)
    try:
        run = failed(site.run("site.yml", "--limit", "main"))
        text = " ".join(run.output.split())
        # Terraform makes several things at a time; the first that is refused stops the run.
        refused = [one for one in statement["Action"] if f"is not authorized to perform: {one}" in text]
        assert refused, (action, run.output[-4000:])
        succeeded(site.run("playbooks/bootstrap.yml"))
        succeeded(site.run("site.yml", "--limit", "main"))
    finally:
        site.destroy()


def test_nothing_was_asked_for_that_they_lack(project: Path) -> None:
    assert lacking(read_requests(_record(project)), read_documents()) == []
