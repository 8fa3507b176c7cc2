"""What the workflows need to know of the project: environments, identities, reports, releases.

environments [--changed]      names of inventories that are not rehearsed; --changed: those that files on stdin concern
identity ENVIRONMENT ROLE     outputs of a step: who signs in where; needs botocore and Ansible, the others no package
report ENVIRONMENT STATUS     Markdown of a dry run's output; exit status 0, or 2 for changes, 1 for errors
release ENVIRONMENT           what was deployed, for -e, and as a table on the page of the run
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
# What no environment is deployed from.
_NOT_DEPLOYED = re.compile(r"(\.ci|\.config|\.github|benchmarks|changelogs|docs|emulator|molecule|tests)/|.*\.md$")
# What inventories have until somebody writes an account into them.
_NO_ACCOUNT = ("", "your-account-id")
_NO_PROJECT = ("", "your_project_id")
# GitHub takes 65,536 characters in a comment.
_LONGEST_REPORT = 30_000
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_RECAP = re.compile(r"^\S+ +: ok=\d+ +changed=(\d+) ", re.MULTILINE)
# Names of variables whose values are nobody's business, and what looks like one of them.
_SECRET_VARIABLES = re.compile(r"TOKEN|SECRET|PASSWORD|ACCESS_KEY|CREDENTIAL")
_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN [^-]*PRIVATE KEY-----.*?-----END [^-]*-----|\beyJ[\w-]+\.[\w-]+\.[\w-]+",
    re.S,
)
_ACCOUNTS = re.compile(r"(?<!\d)\d{12}(?!\d)")

Json = dict[str, Any]


def environments(project: Path, changed: Iterable[str] | None = None) -> list[str]:
    """Inventories that are not rehearsed on a machine, sorted.

    Args:
        project: root of the project.
        changed: names of files; environments that none of them belongs to are left out.
    """
    found = [
        file.parents[2].name
        for file in sorted(project.glob("inventories/*/group_vars/all/environment.yml"))
        if not re.search(r"^slipway_rehearsal: true", file.read_text(), re.MULTILINE)
    ]
    if changed is None:
        return found
    names = [name for name in changed if not _NOT_DEPLOYED.match(name)]
    folders = {name.split("/")[1] if name.startswith("inventories/") else "shared" for name in names}
    return [name for name in found if name in folders or "shared" in folders]


def identity(environment: str, role: str, hosts: dict[str, Json]) -> dict[str, str]:
    """Who signs in for an environment, in each of its clouds: what playbooks/bootstrap.yml has made.

    Args:
        environment: name of the inventory.
        role: `deployer` or `planner`.
        hosts: the variables of its hosts.
    """

    def first(name: str) -> str:
        return next((str(variables[name]) for variables in hosts.values() if variables.get(name)), "")

    outputs = {"ready": "false"}
    account, region, project = first("slipway_account_id"), first("slipway_region"), first("slipway_google_project")
    name = first("slipway_environment")
    for variable, value, none, pattern in (
        ("slipway_account_id", account, _NO_ACCOUNT, r"\d{12}"),
        ("slipway_google_project", project, _NO_PROJECT, r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
    ):
        # To end as if there were nothing to do would be green.
        if value not in none and not re.fullmatch(pattern, value):
            raise SystemExit(
                f"{variable} of inventories/{environment} is {value!r}, which names none. Write it as it is."
            )
    if account not in _NO_ACCOUNT:
        aws = next((one for one in hosts.values() if "slipway_google_project" not in one), {})
        region = str(aws.get("slipway_region", region))
        # Others of these commands run where no package is.
        from botocore.session import Session

        partition = Session().get_partition_for_region(region)
        outputs |= {"aws_role": f"arn:{partition}:iam::{account}:role/slipway/{name}-{role}", "aws_region": region}
    if project not in _NO_PROJECT:
        provider = first("github_workload_identity_provider")
        if not provider:
            raise SystemExit(
                "github_workload_identity_provider is not set. Write the bootstrap's output workload_identity_provider "
                f"into inventories/{environment}/group_vars/gcp/cloud.yml."
            )
        outputs |= {"google_provider": provider, "google_account": f"{name}-{role}@{project}.iam.gserviceaccount.com"}
    outputs["ready"] = str(len(outputs) > 1).lower()
    return outputs


def masked(text: str, variables: dict[str, str]) -> str:
    """A text without credentials: neither those of an environment, nor what looks like one, nor numbers of accounts."""
    values = {value for name, value in variables.items() if _SECRET_VARIABLES.search(name) and len(value) >= 8}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "***")
    return _ACCOUNTS.sub("***", _SECRETS.sub("***", text))


def report(environment: str, status: int, output: str, variables: dict[str, str]) -> tuple[str, int]:
    """Markdown of a dry run, and 0 where nothing would change, 2 where something would, 1 where the run failed.

    Args:
        environment: name of the inventory.
        status: exit status of ansible-playbook.
        output: what it wrote.
        variables: the environment variables whose secrets are masked.
    """
    text = masked(_COLOURS.sub("", output), variables)
    changes = [int(count) for count in _RECAP.findall(text)]
    if status or not changes:
        verdict, code = "the plan failed", 1
    elif any(changes):
        verdict, code = "something would change", 2
    else:
        verdict, code = "nothing would change", 0
    if len(text) > _LONGEST_REPORT:
        text = "… (the beginning is in the log)\n" + text[-_LONGEST_REPORT:]
    # No line of it ends the block.
    text = text.replace("```", "` ` `")
    head = f"### {environment}: {verdict}"
    return f"{head}\n\n<details><summary>Output</summary>\n\n```text\n{text}\n```\n\n</details>\n", code


def release(summary: list[Json]) -> tuple[Json, str]:
    """What a run is given to deploy the same images, and a table of them.

    Args:
        summary: `.build/<environment>/summary.json`.
    """
    images = {entry["app"]: {"tag": entry["image_tag"], "digest": entry["image_digest"]} for entry in summary}
    rows = [
        f"| {entry['app']} | {entry['url']} | `{entry['image_tag']}` | `{entry['image_digest']}` |" for entry in summary
    ]
    table = "\n".join(["| app | url | release (tag) | digest |", "|---|---|---|---|", *rows])
    return {"slipway_release": images}, f"{table}\n"


def _hosts(environment: str) -> dict[str, Json]:
    command = ["ansible-inventory", "-i", f"inventories/{environment}", "--list"]
    said = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True).stdout
    hosts: dict[str, Json] = json.loads(said)["_meta"]["hostvars"]
    return hosts


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("environments").add_argument("--changed", action="store_true")
    one = verbs.add_parser("identity")
    one.add_argument("environment")
    one.add_argument("role", choices=["deployer", "planner"])
    one = verbs.add_parser("report")
    one.add_argument("environment")
    one.add_argument("status", type=int)
    verbs.add_parser("release").add_argument("environment")
    arguments = parser.parse_args()

    code = 0
    if arguments.verb == "environments":
        text = json.dumps(environments(PROJECT, sys.stdin.read().splitlines() if arguments.changed else None))
    elif arguments.verb == "identity":
        outputs = identity(arguments.environment, arguments.role, _hosts(arguments.environment))
        text = "\n".join(f"{name}={value}" for name, value in outputs.items())
    elif arguments.verb == "report":
        text, code = report(arguments.environment, arguments.status, sys.stdin.read(), dict(os.environ))
    else:
        summary = PROJECT / ".build" / arguments.environment / "summary.json"
        document, table = release(json.loads(summary.read_text()))
        with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a") as page:
            page.write(table)
        text = json.dumps(document, indent=2)
    sys.stdout.write(f"{text}\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
