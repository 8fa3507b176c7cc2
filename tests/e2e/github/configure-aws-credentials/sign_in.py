"""Prints the variables of a role's credentials.

The token has the claims that GitHub gives the job: https://docs.github.com/en/actions/reference/security/oidc.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import yaml
from botocore import UNSIGNED
from botocore.config import Config


def _job() -> tuple[dict[str, Any], bool]:
    """The job that asks for a token, and whether it and all that call its workflow may."""
    files = Path(".github/workflows").glob("*.yml")
    workflows = {file.name: yaml.safe_load(file.read_text())["jobs"] for file in files}
    name = os.environ["GITHUB_JOB"]
    ((file, job),) = ((file, jobs[name]) for file, jobs in workflows.items() if _signs_in(jobs.get(name, {})))
    called = f"./.github/workflows/{file}"
    callers = [one for jobs in workflows.values() for one in jobs.values() if one.get("uses") == called]
    return job, all(one["permissions"].get("id-token") == "write" for one in (job, *callers))


def _signs_in(job: dict[str, Any]) -> bool:
    return any(step.get("uses") == "./.github/actions/sign-in" for step in job.get("steps", []))


def _subject(job: dict[str, Any]) -> str:
    repository = f"repo:{os.environ['GITHUB_REPOSITORY']}"
    if "environment" in job:
        return f"{repository}:environment:{os.environ['ENVIRONMENT']}"
    if os.environ["GITHUB_EVENT_NAME"] == "pull_request":
        return f"{repository}:pull_request"
    return f"{repository}:ref:{os.environ['GITHUB_REF']}"


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def main() -> None:
    """Sign in."""
    job, may_ask = _job()
    if not may_ask:
        raise SystemExit("This job, or one that calls it, may not ask GitHub for a token: its id-token is not write.")
    claims = {
        "iss": "https://token.actions.githubusercontent.com",
        "aud": "sts.amazonaws.com",
        "sub": _subject(job),
        "exp": time.time() + 300,
    }
    region = os.environ["REGION"]
    sts = boto3.client("sts", region_name=region, config=Config(signature_version=UNSIGNED))
    credentials = sts.assume_role_with_web_identity(
        RoleArn=os.environ["ROLE_ARN"],
        RoleSessionName="GitHubActions",
        WebIdentityToken=f"{_encoded({'alg': 'RS256'})}.{_encoded(claims)}.signature",
        DurationSeconds=int(os.environ["SECONDS_TO_LAST"]),
    )["Credentials"]
    sys.stdout.write(
        f"AWS_ACCESS_KEY_ID={credentials['AccessKeyId']}\n"
        f"AWS_SECRET_ACCESS_KEY={credentials['SecretAccessKey']}\n"
        f"AWS_SESSION_TOKEN={credentials['SessionToken']}\n"
        f"AWS_REGION={region}\nAWS_DEFAULT_REGION={region}\n"
    )


if __name__ == "__main__":
    main()
