"""The inventory of staging in a fresh account: bootstrap, deploy, and nothing between."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import boto3
import pytest

from tests.e2e.http import ask
from tests.e2e.runs import CLOUD_ENVIRONMENT, PROJECT, Run, run_to_its_end, succeeded

# An account of the emulator that has nothing in it: its administrator's access key is the account's id.
ACCOUNT = "222233334444"
DOMAIN = "staging.localhost"

pytestmark = pytest.mark.long


class _Staging:
    """A copy of inventories/staging with what its comments ask for, run with a person's environment variables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inventory = folder / "inventories/staging"
        shutil.copytree(PROJECT / "inventories/staging", self.inventory)
        shutil.copytree(PROJECT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        shutil.copy(PROJECT / "Dockerfile", folder)
        self.summary_file = folder / ".build/staging/summary.json"
        for file, old, new in (
            ("group_vars/all/environment.yml", "your-account-id", f'"{ACCOUNT}"'),
            ("group_vars/cloud_run/cloud.yml", "your_project_id", "slipway-rehearsal"),
            ("group_vars/ec2/service.yml", "staging.example.com", DOMAIN),
            ("group_vars/ecs/service.yml", "staging.example.com", DOMAIN),
            ("host_vars/main/network.yml", "staging.example.com", DOMAIN),
        ):
            path = self.inventory / file
            text = path.read_text()
            assert old in text, file
            path.write_text(text.replace(old, new))
        self.profiles = folder / "aws.cfg"
        self.profiles.write_text(
            f"[profile administrator]\naws_access_key_id = {ACCOUNT}\naws_secret_access_key = test\n"
            f"[profile deployer]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/slipway/staging-deployer\n"
            "source_profile = administrator\n"
        )

    def run(self, playbook: str, profile: str, *arguments: str) -> Run:
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables = {
            "AWS_ENDPOINT_URL": CLOUD_ENVIRONMENT["AWS_ENDPOINT_URL"],
            "AWS_ENDPOINT_URL_STS": CLOUD_ENVIRONMENT["AWS_ENDPOINT_URL"],
            "AWS_CONFIG_FILE": str(self.profiles),
            "AWS_PROFILE": profile,
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_FORCE_COLOR": "0",
        }
        # Whose certificates the emulator's databases have; Amazon's would be known.
        authority = json.dumps({"slipway_database_ca_file": str(PROJECT / ".build/emulator/rds-ca.pem")})
        program = ["ansible-playbook", str(PROJECT / playbook), "-i", str(self.inventory), "-e", authority]
        log = self.folder / f"{len(list(self.folder.glob('*.log'))) + 1:02}-{Path(playbook).stem}.log"
        return run_to_its_end([*program, *arguments], own | variables, log)


@pytest.mark.usefixtures("_sites")
def test_bootstrap_then_deploy(tmp_path: Path) -> None:
    staging = _Staging(tmp_path)
    # The zone must exist, says group_vars/ecs/service.yml.
    keys = {"aws_access_key_id": ACCOUNT, "aws_secret_access_key": "test", "region_name": "us-east-1"}
    route53 = boto3.client("route53", endpoint_url=CLOUD_ENVIRONMENT["AWS_ENDPOINT_URL"], **keys)
    route53.create_hosted_zone(Name=DOMAIN, CallerReference="test_staging")
    # Google's half is gcp's bootstrap.
    limit = ("--limit", "!cloud_run")
    assert succeeded(staging.run("playbooks/bootstrap.yml", "administrator", *limit)).changed
    assert not succeeded(staging.run("playbooks/bootstrap.yml", "administrator", *limit)).changed
    try:
        succeeded(staging.run("site.yml", "deployer", *limit))
        apps = json.loads(staging.summary_file.read_text())
        assert {entry["app"] for entry in apps} == {"tasks", "beers", "web"}
        for entry in apps:
            assert ask(f"{entry['url']}/health").status == 200
        assert succeeded(staging.run("site.yml", "deployer", *limit)).changed == {}
    finally:
        confirmed = ("-e", "slipway_confirm=staging", *limit)
        succeeded(staging.run("playbooks/destroy.yml", "deployer", *confirmed))
    succeeded(staging.run("playbooks/remove_bootstrap.yml", "administrator", *confirmed))
