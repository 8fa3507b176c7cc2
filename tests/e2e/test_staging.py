"""The inventory of staging in a fresh account: bootstrap, deploy, and nothing between."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.http import ask
from tests.e2e.runs import PROJECT, Account

# An account of the emulator that has nothing in it: its administrator's access key is the account's id.
ACCOUNT = "222233334444"
DOMAIN = "staging.localhost"

pytestmark = pytest.mark.long


def _inventory(folder: Path) -> Path:
    """A copy of inventories/staging with what its comments ask for, beside the application's source."""
    inventory = folder / "inventories/staging"
    shutil.copytree(PROJECT / "inventories/staging", inventory)
    shutil.copytree(PROJECT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    shutil.copy(PROJECT / "Dockerfile", folder)
    for file, old, new in (
        ("group_vars/all/environment.yml", "your-account-id", f'"{ACCOUNT}"'),
        ("group_vars/gcp/cloud.yml", "your_project_id", "slipway-rehearsal"),
        ("group_vars/ec2/service.yml", "staging.example.com", DOMAIN),
        ("group_vars/ecs/service.yml", "staging.example.com", DOMAIN),
        ("host_vars/main/network.yml", "staging.example.com", DOMAIN),
    ):
        path = inventory / file
        text = path.read_text()
        assert old in text, file
        path.write_text(text.replace(old, new))
    return inventory


@pytest.mark.usefixtures("_sites")
def test_bootstrap_then_deploy(tmp_path: Path) -> None:
    inventory = _inventory(tmp_path)
    account = Account(ACCOUNT, "staging", tmp_path)
    # The zone must exist, says group_vars/ecs/service.yml.
    account.client("route53").create_hosted_zone(Name=DOMAIN, CallerReference="test_staging")
    # Google's half is gcp's bootstrap.
    limit = ("--limit", "!gcp")
    assert account.run("playbooks/bootstrap.yml", inventory, "administrator", *limit).changed
    assert not account.run("playbooks/bootstrap.yml", inventory, "administrator", *limit).changed
    try:
        account.run("site.yml", inventory, "deployer", *limit)
        apps = json.loads((tmp_path / ".build/staging/summary.json").read_text())
        assert {entry["app"] for entry in apps} == {"tasks", "beers", "web"}
        for entry in apps:
            assert ask(f"{entry['url']}/health").status == 200
        assert account.run("site.yml", inventory, "deployer", *limit).changed == {}
    finally:
        confirmed = ("-e", "slipway_confirm=staging", *limit)
        account.run("playbooks/destroy.yml", inventory, "deployer", *confirmed)
    account.run("playbooks/remove_bootstrap.yml", inventory, "administrator", *confirmed)
