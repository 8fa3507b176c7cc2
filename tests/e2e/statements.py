"""Which statements of the deployer's policies a deployment and its destruction are refused without.

The deployer begins with none. When a run is refused, its policies get the statements that allow what was refused, and
the run is repeated, until the apps are deployed, changed and destroyed again (`make statements`).
The log names each, and at its end those that nothing was refused without: other apps need them.

What runs were refused without is kept in `.build/statements.jsonl`, and the next one begins with it: an interrupted one
is finished by running it again, and other apps show what these do not need. Without the file all is shown anew.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from terraform.policies import lacking, read_documents, read_requests
from tests.e2e.runs import Site, succeeded

ENVIRONMENT = "e2estatements"
APPS = tuple(os.environ["SLIPWAY_STATEMENTS_OF"].split())
# What the inventory does not ask for and the platforms have: apps that have it need more of the statements.
ZONE = f"{ENVIRONMENT}.localhost"
INPUTS: dict[str, dict[str, Any]] = {
    "main": {"network_load_balancer_zone_name": ZONE, "network_load_balancer_zone_create": True},
    "beers": {
        "service_shared_load_balancer": True,
        "service_domain_name": f"beers.{ZONE}",
        "service_zone_create": False,
        "service_zone_name": None,
    },
    "hello": {
        "app_environment_variables": {"APP_FEATURES": "records"},
        "data_database_name": "hello",
        "smoke_check_requests": [{"path": "/data"}],
    },
    "web": {
        "service_processes": {"worker": {"command": ["sleep", "86400"]}},
        "service_schedules": {"cleanup": {"command": ["true"], "schedule": "rate(1 minute)"}},
    },
}

# What is asked for after that, where the app is one of these.
CHANGES: dict[str, dict[str, Any]] = {
    "main": {
        "network_availability_zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
        "network_public_subnet_cidr_blocks": ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"],
        "network_private_subnet_cidr_blocks": ["10.0.10.0/24", "10.0.11.0/24", "10.0.12.0/24"],
    },
    "web": {"data_backup_retention_days": 2},
}

Json = dict[str, Any]

# What a module says of a refusal that it goes on after.
_WARNING = "Permission denied listing tags for log group"
# Keeps instances from getting an image.
_NO_IMAGE = {"Statement": [{"Effect": "Deny", "Action": "ecr:*", "Resource": "*"}]}

_LOG = logging.getLogger(__name__)


class Policies:
    """The deployer's policies, which lack statements.

    Args:
        iam: a client of the administrator.
        record: file of what IAM decided.
        kept: file of the statements that runs were refused without, each with its policy on a line.
    """

    def __init__(self, iam: Any, record: Path, kept: Path) -> None:
        self._iam = iam
        self._record = record
        self._kept = kept
        self._written = read_documents()
        self._whole = {name: self._read(name) for name in self._written if name.startswith("deploy-")}
        shown = set(kept.read_text().splitlines()) if kept.exists() else set()
        # A statement that has changed since is shown anew.
        self._given = {
            (name, statement["Sid"])
            for name in self._whole
            for statement in self._written[name]["Statement"]
            if _as_line(name, statement) in shown
        }
        for name in self._whole:
            self._write(name)

    @property
    def missing(self) -> list[tuple[str, str]]:
        """Policy and Sid of each statement that allows something and has not been given."""
        return [
            (name, statement["Sid"])
            for name, document in self._whole.items()
            for statement in document["Statement"]
            if statement["Effect"] == "Allow" and (name, statement["Sid"]) not in self._given
        ]

    def give_what_was_refused(self, said: str) -> list[tuple[str, str]]:
        """Give the deployer statements that allow what a run was refused, which Terraform asks for side by side.

        Args:
            said: the output of the run, on one line. What it tolerates is refused, too, and not in there.

        Returns:
            Policy and Sid of each.
        """
        refused = self._refused(self._record.read_text().splitlines())
        named = self.refused_in(said)
        given: list[tuple[str, str]] = []
        # AWS gives no text with a refusal of a request for an object's head: then the last one it was.
        for line in named or reversed(refused):
            if self._refused([line]) and (found := self._allowing(line)):
                given.append(found)
                self._give(*found)
                if not named:
                    break
        assert given, f"no statement that is missing allows any of {named or refused}: {said[-4000:]}"
        for name in {name for name, _ in given}:
            self._write(name)
        return given

    def refused_in(self, said: str) -> list[str]:
        """The lines of the record about what a run says it was refused, and still is."""
        return [line for line in self._refused(self._record.read_text().splitlines()) if _denial(line) in said]

    def _give(self, name: str, sid: str) -> None:
        """Note that a run was refused without a statement."""
        self._given.add((name, sid))
        (statement,) = (one for one in self._written[name]["Statement"] if one["Sid"] == sid)
        with self._kept.open("a") as file:
            file.write(_as_line(name, statement) + "\n")

    def _refused(self, lines: list[str]) -> list[str]:
        """Those lines of the record, which has each once, that say what the deployer was refused and still is."""
        given = {
            name: {"Statement": [one for one in document["Statement"] if (name, one["Sid"]) in self._given]}
            for name, document in self._written.items()
        }
        return [line for line in lines if _is_denial(line) and lacking(read_requests([line]), given)]

    def _allowing(self, line: str) -> tuple[str, str] | None:
        """Policy and Sid of a missing statement that allows what a line of the record is about."""
        for name, sid in self.missing:
            (statement,) = (one for one in self._written[name]["Statement"] if one["Sid"] == sid)
            if not lacking(read_requests([line]), {name: {"Statement": [statement]}}):
                return name, sid
        return None

    def _arn(self, name: str) -> str:
        return f"arn:aws:iam::000000000000:policy/slipway/{ENVIRONMENT}-{name}"

    def _read(self, name: str) -> Json:
        current = self._iam.get_policy(PolicyArn=self._arn(name))["Policy"]["DefaultVersionId"]
        version = self._iam.get_policy_version(PolicyArn=self._arn(name), VersionId=current)["PolicyVersion"]
        document: Json = version["Document"]
        return document

    def _write(self, name: str) -> None:
        """Make the policy what it is without what is missing."""
        whole = self._whole[name]
        given = [one for one in whole["Statement"] if (name, one["Sid"]) not in self.missing]
        # A policy has a statement.
        nothing = {"Effect": "Deny", "Action": "account:CloseAccount", "Resource": "*"}
        document = whole | {"Statement": given or [nothing]}
        for version in self._iam.list_policy_versions(PolicyArn=self._arn(name))["Versions"]:
            if not version["IsDefaultVersion"]:
                self._iam.delete_policy_version(PolicyArn=self._arn(name), VersionId=version["VersionId"])
        self._iam.create_policy_version(
            PolicyArn=self._arn(name), PolicyDocument=json.dumps(document), SetAsDefault=True
        )


def _as_line(name: str, statement: Json) -> str:
    """A statement of a policy; its number, which goes by those before it, does not count."""
    return json.dumps([name, {key: value for key, value in statement.items() if key != "Sid"}])


def _is_denial(line: str) -> bool:
    """Whether a line of the record says that the deployer was refused something."""
    entry = json.loads(line)
    return not entry["allowed"] and f":assumed-role/{ENVIRONMENT}-deployer/" in entry["principal"]


def _denial(line: str) -> str:
    """What AWS says when it refuses the request of a line of the record."""
    entry = json.loads(line)
    return f"perform: {entry['action']} on resource: {entry['resource']}"


class Environment:
    """The environment, as somebody deploys it who lacks statements.

    Args:
        site: its runs.
        policies: the deployer's policies.
    """

    def __init__(self, site: Site, policies: Policies) -> None:
        self._site = site
        self._policies = policies

    def run(self, playbook: str, *arguments: str, fails: bool = False, **variables: Any) -> None:
        """Run a playbook until nothing of it is refused any more.

        Args:
            playbook: path from the project's root.
            arguments: more arguments of `ansible-playbook`.
            fails: whether it fails then.
            variables: extra variables.
        """
        while True:
            run = self._site.run(playbook, *arguments, **variables)
            said = " ".join(run.output.split())
            if _WARNING not in said and (self._policies.refused_in(said) == [] if fails else not run.status):
                assert bool(run.status) is fails, run.output[-4000:]
                return
            for name, sid in self._policies.give_what_was_refused(said):
                _LOG.info("%s is refused without %s %s", playbook, name, sid)

    def set(self, inputs: dict[str, dict[str, Any]]) -> None:
        """Give those hosts variables that the environment has."""
        for host in {"main", *APPS} & inputs.keys():
            self._site.set(host, **INPUTS.get(host, {}) | inputs[host])


@pytest.fixture
def policies(site: Site, aws: Any, project: Path) -> Iterator[Policies]:
    """Those of the environment, without a statement; whole again at the end."""
    for host in {"main", *APPS} & INPUTS.keys():
        site.set(host, **INPUTS[host])
    succeeded(site.run("playbooks/bootstrap.yml"))
    try:
        yield Policies(aws("iam"), project / ".build/emulator/iam-decisions.jsonl", project / ".build/statements.jsonl")
    finally:
        succeeded(site.run("playbooks/bootstrap.yml"))
        site.destroy()


def _alter_by_hand(aws: Any) -> None:
    """Give a load balancer another security group, and buckets of the apps something to hold."""
    elb, ec2, s3 = aws("elbv2"), aws("ec2"), aws("s3")
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        if balancer["LoadBalancerName"].startswith(f"{ENVIRONMENT}-"):
            (default,) = ec2.describe_security_groups(
                Filters=[
                    {"Name": "vpc-id", "Values": [balancer["VpcId"]]},
                    {"Name": "group-name", "Values": ["default"]},
                ]
            )["SecurityGroups"]
            groups = [*balancer["SecurityGroups"], default["GroupId"]]
            elb.set_security_groups(LoadBalancerArn=balancer["LoadBalancerArn"], SecurityGroups=groups)
    for bucket in s3.list_buckets()["Buckets"]:
        if bucket["Name"].startswith(f"{ENVIRONMENT}-"):
            s3.put_object(Bucket=bucket["Name"], Key="kept", Body=b"")


def test_runs_are_refused_until_they_have_each_statement_that_they_need(
    site: Site, policies: Policies, aws: Any
) -> None:
    environment = Environment(site, policies)
    environment.run("site.yml")
    environment.set(CHANGES)
    _alter_by_hand(aws)
    environment.run("site.yml")
    if "web" in APPS:
        # Instances that say nothing but on their consoles.
        role = {"RoleName": f"{ENVIRONMENT}-web-instance", "PolicyName": "none"}
        aws("iam").put_role_policy(**role, PolicyDocument=json.dumps(_NO_IMAGE))
        environment.set(
            {"web": CHANGES["web"] | {"app_environment_variables": {"APP_FEATURES": "records", "LANG": "C"}}}
        )
        environment.run("site.yml", "--limit", "web", fails=True)
        aws("iam").delete_role_policy(**role)
        environment.run("site.yml", "--limit", "web")
    environment.run("playbooks/destroy.yml", slipway_confirm=ENVIRONMENT)
    for name, sid in policies.missing:
        _LOG.info("not needed for that: %s %s", name, sid)
