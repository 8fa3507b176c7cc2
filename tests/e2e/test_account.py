"""An account that is not the environment's, and one that lacks something: a run says what to do, the next ends well.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import dataclasses
import http.client
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from emulator.tests.clouds import cloud_beside, settings_beside
from emulator.tests.stack import wait_until
from slipway_emulator.settings import Settings
from tests.e2e.runs import Run, Site, failed, interrupted, succeeded

ENVIRONMENT = "e2eaccount"
APPS = ("records",)
# The emulator's credentials belong to 000000000000.
OTHER = "111122223333"
# One that an account does not have before it is enabled.
REGION = "af-south-1"
# Not the one that the bootstrap makes.
DEPLOYER = "e2eaccount-own"
LATE_SECONDS = 4

Json = dict[str, Any]

pytestmark = pytest.mark.long


def _states(aws: Any) -> list[str]:
    """What was done in the environment, but for the bootstrap of the emulator's account."""
    keys = [item["Key"] for item in aws("s3").list_objects_v2(Bucket=f"slipway-{ENVIRONMENT}-state")["Contents"]]
    return [key for key in keys if not key.startswith(f"{ENVIRONMENT}/bootstrap/")]


@pytest.mark.parametrize(
    ("playbook", "variables"),
    [
        ("site.yml", {}),
        ("playbooks/destroy.yml", {"slipway_confirm": ENVIRONMENT}),
        ("playbooks/smoke_check.yml", {}),
    ],
)
def test_another_account_is_refused_before_anything_is_touched(
    site: Site, aws: Any, playbook: str, variables: dict[str, str]
) -> None:
    run = failed(site.run(playbook, slipway_account_id=OTHER, **variables))
    text = " ".join(run.output.split())
    who = f"arn:aws:sts::000000000000:assumed-role/{ENVIRONMENT}-deployer/slipway"
    assert f"belong to the AWS account 000000000000 ({who}), and slipway_account_id is {OTHER}" in text
    assert f"{site.inventory}/group_vars/all/environment.yml" in text
    assert _states(aws) == []


def test_the_provider_refuses_it_too(site: Site, aws: Any) -> None:
    run = failed(site.run("site.yml", "--check", "--limit", "main", slipway_account_id=OTHER, checks_account=False))
    assert "AWS account ID not allowed: 000000000000" in run.output
    assert "create aws_vpc.this" in succeeded(site.run("site.yml", "--check", "--limit", "main")).output
    assert _states(aws) == []


# -- one account that lacks something at each turn, and whose changes are seen late ----------------------


class Account:
    """An account with the free plan and AWS's default quotas, in an emulator of its own that is late.

    Args:
        settings: of the emulator.
        site: the environment that is deployed to it.
    """

    def __init__(self, settings: Settings, site: Site) -> None:
        self.settings = settings
        self.site = site

    def client(self, service: str, region: str = "us-east-1", **keys: str) -> Any:
        """A boto3 client, of the administrator without other keys."""
        given = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | keys
        return boto3.client(service, endpoint_url=self.settings.gateway_url, region_name=region, **given)

    def variables(self, keys: Json | None = None, **variables: Any) -> dict[str, Any]:
        """Extra variables of a run there.

        Args:
            keys: credentials as `sts:AssumeRole` gives them; those of the deployer's role by default.
            variables: further ones.
        """
        url = self.settings.gateway_url
        environment = self.site.cloud_environment(AWS_ENDPOINT_URL=url, AWS_ENDPOINT_URL_STS=url)
        if keys:
            del environment["AWS_PROFILE"]
            environment |= {
                "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
                "AWS_SESSION_TOKEN": keys["SessionToken"],
            }
        return {
            "slipway_rehearsal": False,
            "slipway_cloud_environment": environment,
            "slipway_database_ca_file": str(self.settings.rds_ca_file),
        } | variables

    def run(self, *arguments: str, keys: Json | None = None, **variables: Any) -> tuple[Run, str]:
        """A run, and its output on one line."""
        run = self.site.run(*arguments, **self.variables(keys, **variables))
        return run, " ".join(run.output.split())

    def assume(self, role: str) -> Json:
        """Credentials of a role."""
        arn = f"arn:aws:iam::000000000000:role/{role}"
        keys: Json = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="run")["Credentials"]
        return keys

    def vpcs(self) -> list[str]:
        """Ids of the VPCs of the environment."""
        filters = [{"Name": "tag:Name", "Values": [f"{ENVIRONMENT}-main"]}]
        return [one["VpcId"] for one in self.client("ec2").describe_vpcs(Filters=filters)["Vpcs"]]


@pytest.fixture(scope="module")
def account(site: Site) -> Iterator[Account]:
    """The account, in which the tests below build on each other."""
    settings = dataclasses.replace(
        settings_beside("e2e-account", 14), account_plan="free", enforce_quotas=True, late_seconds=LATE_SECONDS
    )
    with cloud_beside(settings):
        account = Account(settings, site)
        succeeded(account.run("playbooks/bootstrap.yml")[0])
        yield account


def test_region_that_is_not_enabled(account: Account) -> None:
    arguments = ("site.yml", "--check", "--limit", "main")
    # No deployer is bootstrapped there, and a bucket is in one region.
    there = account.variables(
        slipway_region=REGION,
        slipway_state_bucket=f"slipway-{ENVIRONMENT}-far-state",
        network_availability_zones=[f"{REGION}a", f"{REGION}b"],
    )
    there["slipway_cloud_environment"]["AWS_PROFILE"] = "administrator"
    run, text = account.run(*arguments, **there)
    failed(run)
    assert "InvalidClientTokenId" in text
    assert f"Nothing was touched. The region {REGION} has to be enabled in an account" in text
    assert f"aws account enable-region --region-name {REGION}" in text
    assert f"slipway_region in {account.site.inventory}/group_vars/all/environment.yml" in text
    account.client("account").enable_region(RegionName=REGION)
    run, text = account.run(*arguments, **there)
    assert "create aws_vpc.this" in succeeded(run).output


def test_quota_that_is_reached(account: Account) -> None:
    ec2 = account.client("ec2")
    others = [ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] for _ in range(4)]
    run, text = account.run("site.yml", "--limit", "main")
    failed(run)
    assert "VpcLimitExceeded: The maximum number of VPCs has been reached." in text
    assert 'The account has reached the quota "VPCs per Region" in us-east-1' in text
    assert "--service-code vpc --quota-code L-F678F1CE --region us-east-1" in text
    for other in others:
        ec2.delete_vpc(VpcId=other)


def test_permission_that_is_missing(account: Account) -> None:
    iam = account.client("iam")
    root = {"AWS": "arn:aws:iam::000000000000:root"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": root}
    iam.create_role(RoleName=DEPLOYER, AssumeRolePolicyDocument=_policy(trust))
    most = {"Effect": "Allow", "NotAction": "ec2:CreateVpc", "Resource": "*"}
    iam.put_role_policy(RoleName=DEPLOYER, PolicyName="most", PolicyDocument=_policy(most))
    buckets = _of(account, account.assume(DEPLOYER), "s3")
    wait_until(lambda: _allowed(buckets.list_buckets), 5 * LATE_SECONDS)
    run, text = account.run("site.yml", "--limit", "main", keys=account.assume(DEPLOYER))
    failed(run)
    assert account.vpcs() == []
    assert f"assumed-role/{DEPLOYER}/run may not do ec2:CreateVpc. Add this statement to the policy" in text
    assert f"ansible-playbook playbooks/bootstrap.yml -i {account.site.inventory}" in text
    # What it says is what is missing. The output is YAML, which doubles an apostrophe.
    statement = json.loads(re.findall(r"policy of the deployer'+s role: (\{.*?\})", text)[0])
    assert statement["Action"] == "ec2:CreateVpc"
    iam.put_role_policy(RoleName=DEPLOYER, PolicyName="missing", PolicyDocument=_policy(statement))
    vpcs = _of(account, account.assume(DEPLOYER), "ec2")
    wait_until(lambda: _allowed(lambda: vpcs.create_vpc(CidrBlock="10.9.0.0/16", DryRun=True)), 5 * LATE_SECONDS)


def test_credentials_that_expire_in_the_middle(account: Account) -> None:
    keys = account.assume(DEPLOYER)

    def expire(_: object) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", account.settings.gateway_port, timeout=10)
        connection.request("POST", f"/_slipway/expire/{keys['AccessKeyId']}")
        assert connection.getresponse().status == 204

    variables = account.variables(keys)
    # The SDK takes EC2's RequestExpired for a clock that is wrong, and tries 25 times, which takes minutes.
    variables["slipway_cloud_environment"]["AWS_MAX_ATTEMPTS"] = "3"
    extra = ["-e", json.dumps(variables)]
    run = failed(
        interrupted(account.site, lambda _: account.vpcs(), expire, "site.yml", "--limit", "main", *extra),
    )
    assert "The credentials of this run have expired. Log in again and run the same command" in " ".join(
        run.output.split()
    )
    (vpc,) = account.vpcs()
    succeeded(account.run("site.yml", "--limit", "main", keys=account.assume(DEPLOYER))[0])
    assert account.vpcs() == [vpc]
    assert succeeded(account.run("site.yml", "--limit", "main", keys=account.assume(DEPLOYER))[0]).changed == {}


def test_what_the_free_plan_refuses(account: Account) -> None:
    run, text = account.run()
    failed(run)
    assert "FreeTierRestrictionError: The specified backup retention period exceeds the maximum available" in text
    assert "set data_backup_retention_days to 1" in text
    # Tasks get credentials at an address that only one emulator of a machine can have: the first one fails here.
    until_then = failed(account.run(data_backup_retention_days=1)[0]).output.partition("fatal: [records]")[0]
    assert until_then.rpartition("TASK [")[2].startswith("slipway.provision.database_access : run | ")
    (database,) = account.client("rds").describe_db_instances()["DBInstances"]
    assert database["BackupRetentionPeriod"] == 1


def test_what_is_deleted_is_listed_and_not_left(account: Account) -> None:
    run, text = account.run("playbooks/destroy.yml", slipway_confirm=ENVIRONMENT)
    succeeded(run)
    assert f"Nothing is left of {ENVIRONMENT}-records" in text
    tagging = account.client("resourcegroupstaggingapi")
    filters = [{"Key": "Project", "Values": ["records"]}]
    assert tagging.get_resources(TagFilters=filters)["ResourceTagMappingList"]


def _policy(*statements: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _of(account: Account, keys: Json, service: str) -> Any:
    return account.client(
        service,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def _allowed(call: Callable[[], object]) -> bool:
    """Whether IAM allows a call, which may be refused for another reason."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] not in ("AccessDenied", "UnauthorizedOperation")
    return True
