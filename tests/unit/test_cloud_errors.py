"""What to do about errors of the clouds, in the texts that AWS, its SDKs and Google have for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plugins.plugin_utils.cloud_errors import remedies

PROJECT = Path(__file__).resolve().parents[2]
INVENTORY = "/project/inventories/staging"
BOOTSTRAP = f"ansible-playbook playbooks/bootstrap.yml -i {INVENTORY}"
AGAIN = "what was applied stays"
ROLE = "arn:aws:sts::111122223333:assumed-role/deployer/someone"


def one(said: str, region: str = "us-east-1") -> str:
    """The one remedy of a text."""
    found = remedies(said, region, INVENTORY)
    assert len(found) == 1, found
    return found[0]


def _roles_of_layers() -> list[tuple[str, str]]:
    """Each role that a layer makes for what it deploys, by a name that it may have, with its file."""
    found = []
    for file in sorted((PROJECT / "terraform").glob("*/**/*.tf")):
        if "/bootstrap/" not in str(file):
            names = re.findall(
                r'^resource "aws_iam_role" .*?\bname += "(.*?)"\n', file.read_text(), re.DOTALL | re.MULTILINE
            )
            found += [(f"prod-web{name.rpartition('}')[2]}", str(file.relative_to(PROJECT))) for name in names]
    return found


# Terraform breaks its lines at 78 characters, and draws a border where the terminal lets it.
EC2_DENIAL = f"""
│ Error: creating EC2 VPC: operation error EC2: CreateVpc, https response error
│ StatusCode: 403, RequestID: 0a8d9e9c-7d0c-4a60-a6f8-d4d5a4a9d2f3, api error
│ UnauthorizedOperation: You are not authorized to perform this operation. User:
│ {ROLE} is not authorized to
│ perform: ec2:CreateVpc on resource: arn:aws:ec2:us-east-1:111122223333:vpc/*
│ because no identity-based policy allows the ec2:CreateVpc action. Encoded
│ authorization failure message: V0OPYL67Z_jKv0k4DLblo8n9
"""
RDS_DENIAL = (
    "An error occurred (AccessDenied) when calling the DescribeDBInstances operation: User: "
    f"{ROLE} is not authorized to perform: rds:DescribeDBInstances on resource: "
    "arn:aws:rds:us-east-1:111122223333:db:prod-web because no identity-based policy allows the "
    "rds:DescribeDBInstances "
    "action"
)


@pytest.mark.parametrize(
    ("said", "action", "resource"),
    [
        (EC2_DENIAL, "ec2:CreateVpc", "arn:aws:ec2:us-east-1:111122223333:vpc/*"),
        (RDS_DENIAL, "rds:DescribeDBInstances", "arn:aws:rds:us-east-1:111122223333:db:prod-web"),
        # EC2's actions that describe name no resource.
        (
            "UnauthorizedOperation: You are not authorized to perform this operation. User: "
            f"{ROLE} is not authorized to perform: ec2:DescribeImages because no identity-based policy allows the "
            "ec2:DescribeImages action",
            "ec2:DescribeImages",
            "*",
        ),
        (
            f"AccessDeniedException: User: {ROLE} is not authorized to perform: ecr:CreateRepository on resource: "
            "arn:aws:ecr:us-east-1:111122223333:repository/prod-web.",
            "ecr:CreateRepository",
            "arn:aws:ecr:us-east-1:111122223333:repository/prod-web",
        ),
    ],
)
def test_denial_names_the_statement_and_the_bootstrap(said: str, action: str, resource: str) -> None:
    remedy = one(said)
    assert f"{ROLE} may not do {action}. Add this statement to the policy of the deployer's role: " in remedy
    assert f'{{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}' in remedy
    assert BOOTSTRAP in remedy
    assert AGAIN in remedy


def _denial(role: str, reason: str) -> str:
    return (
        "AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/"
        f"{role}/0123456789abcdef is not authorized to perform: secretsmanager:GetSecretValue on resource: "
        f"arn:aws:secretsmanager:us-east-1:111122223333:secret:prod-web because no {reason} allows the action"
    )


@pytest.mark.parametrize(("role", "file"), _roles_of_layers())
def test_denial_of_a_role_of_a_layer_names_the_file_of_its_policy(role: str, file: str) -> None:
    remedy = one(_denial(role, "identity-based policy"))
    assert file in remedy.partition("add this statement to its policy in ")[2].partition(": {")[0]
    assert BOOTSTRAP not in remedy
    assert AGAIN in remedy
    remedy = one(_denial(role, "permissions boundary"))
    assert f"boundary.json.tftpl, which an administrator applies by: {BOOTSTRAP}" in remedy


def test_denial_of_a_boundary_names_it() -> None:
    said = (
        f"AccessDenied: User: {ROLE} is not authorized to perform: iam:CreateRole on resource: "
        "arn:aws:iam::111122223333:role/prod-web-task because no permissions boundary allows the iam:CreateRole action"
    )
    assert "policy of the deployer's role and to its permissions boundary: {" in one(said)


@pytest.mark.parametrize(
    "reason",
    [
        "with an explicit deny in a service control policy",
        "with an explicit deny in an identity-based policy",
        "because no service control policy allows the ec2:CreateVpc action",
    ],
)
def test_statement_does_not_help_against_a_deny(reason: str) -> None:
    said = (
        "UnauthorizedOperation: You are not authorized to perform this operation. User: "
        f"{ROLE} is not authorized to perform: ec2:CreateVpc on resource: arn:aws:ec2:us-east-1:111122223333:vpc/* "
        f"{reason}"
    )
    remedy = one(said)
    assert "an administrator of the account or of its AWS Organization has to change" in remedy
    assert '"Effect"' not in remedy


def test_each_denial_is_said_once() -> None:
    assert len(remedies(EC2_DENIAL + RDS_DENIAL + EC2_DENIAL, "us-east-1", INVENTORY)) == 2


def test_encoded_denial_names_the_command_that_decodes_it() -> None:
    said = (
        "api error UnauthorizedOperation: You are not authorized to perform this operation. Encoded authorization "
        "failure "
        "message: 4GIOHlTkIaWHQD0Q0m6XSnuUMCm"
    )
    assert "aws sts decode-authorization-message --encoded-message 4GIOHlTkIaWHQD0Q0m6XSnuUMCm " in one(said)


@pytest.mark.parametrize(
    ("said", "operation"),
    [
        (
            "An error occurred (AccessDenied) when calling the PutBucketPolicy operation: Access Denied",
            "PutBucketPolicy",
        ),
        ("An error occurred (403) when calling the HeadBucket operation: Forbidden", "HeadBucket"),
    ],
)
def test_denial_without_the_action(said: str, operation: str) -> None:
    remedy = one(said)
    assert f"({operation}); AWS does not say which action is missing" in remedy
    assert BOOTSTRAP in remedy


@pytest.mark.parametrize(
    "said",
    [
        "An error occurred (ExpiredToken) when calling the GetCallerIdentity operation: The security token included "
        "in the "
        "request is expired",
        "operation error EC2: DescribeVpcs, https response error StatusCode: 400, RequestID: 1, api error "
        "RequestExpired: "
        "Request has expired.",
        "api error ExpiredTokenException: The security token included in the request is expired",
        "api error ExpiredToken: The provided token has expired.",
        "An error occurred (400) when calling the HeadBucket operation: Bad Request",
        "Error when retrieving token from sso: Token has expired and refresh failed",
        "Error: No valid credential sources found",
        'Unable to locate credentials. You can configure credentials by running "aws configure".',
        "get identity: get credentials: failed to refresh cached credentials, no EC2 IMDS role found",
        "('invalid_grant: Bad Request', {'error': 'invalid_grant', 'error_description': 'Bad Request'})",
        "Your default credentials were not found. To set up Application Default Credentials, see "
        "https://cloud.google.com",
    ],
)
def test_expired_credentials(said: str) -> None:
    remedy = one(said)
    assert "Log in again" in remedy
    assert f"run the same command: {AGAIN}" in remedy


@pytest.mark.parametrize(
    "said",
    [
        "api error InvalidClientTokenId: The security token included in the request is invalid.",
        "An error occurred (UnrecognizedClientException) when calling the ListClusters operation: The security token "
        "included in the request is invalid.",
        "api error AuthFailure: AWS was not able to validate the provided access credentials",
    ],
)
def test_credentials_that_a_region_does_not_know(said: str) -> None:
    there = one(said, "af-south-1")
    assert "aws account enable-region --region-name af-south-1" in there
    assert f"slipway_region in {INVENTORY}/group_vars/all/environment.yml" in there
    assert "AWS does not know the credentials of this run" in one(said, "eu-west-1")
    assert "AWS does not know the credentials of this run" in one(said, "us-gov-west-1")


def test_account_that_is_not_activated() -> None:
    said = "api error OptInRequired: You are not subscribed to this service. Please go to http://aws.amazon.com to"
    assert "AWS has not activated the account for this service yet" in one(said)


@pytest.mark.parametrize(
    ("said", "name", "code"),
    [
        ("api error VpcLimitExceeded: The maximum number of VPCs has been reached.", "VPCs per Region", "L-F678F1CE"),
        (
            "api error AddressLimitExceeded: The maximum number of addresses has been reached.",
            "EC2-VPC Elastic IPs",
            "L-0263D0A3",
        ),
        (
            "An error occurred (VcpuLimitExceeded) when calling the RunInstances operation: You have requested more "
            "vCPU "
            "capacity than your current vCPU limit of 1 allows for the instance bucket that the specified instance "
            "type "
            "belongs to.",
            "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
            "L-1216C47A",
        ),
        # The SDK for Go has the error's code, or its name.
        ("InstanceQuotaExceeded: DB Instance quota exceeded", "DB instances", "L-7B6409FD"),
        ("InstanceQuotaExceededFault: DB Instance quota exceeded", "DB instances", "L-7B6409FD"),
        (
            "TooManyLoadBalancersException: The maximum number of load balancers has been reached",
            "Application Load Balancers per Region",
            "L-53DA6B97",
        ),
    ],
)
def test_quota_names_itself(said: str, name: str, code: str) -> None:
    remedy = one(said)
    assert f'The account has reached the quota "{name}" in us-east-1' in remedy
    assert f"--quota-code {code} --region us-east-1" in remedy
    assert AGAIN in remedy


@pytest.mark.parametrize(
    "said",
    [
        "api error LimitExceeded: Cannot exceed quota for RolesPerAccount: 1000",
        "ServiceQuotaExceededException: You've reached the limit on the number of services",
        "An error occurred (SnapshotQuotaExceeded) when calling the CreateDBSnapshot operation: Cannot create more",
    ],
)
def test_other_quota(said: str) -> None:
    assert "The account has reached a quota (" in one(said)


@pytest.mark.parametrize(
    "code", ["Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"]
)
def test_throttling_is_no_quota(code: str) -> None:
    assert one(f"An error occurred ({code}) when calling the DescribeServices operation: Rate exceeded").startswith(
        "AWS was asked too often for a while."
    )


def test_free_plan() -> None:
    said = (
        "api error FreeTierRestrictionError: The specified backup retention period exceeds the maximum available to "
        "free "
        "tier customers."
    )
    assert (
        f"set data_backup_retention_days to 1 and data_instance_class to db.t3.micro or db.t4g.micro, in {INVENTORY}"
        in (one(said))
    )


def test_quota_of_the_free_plan_cannot_be_raised() -> None:
    said = (
        "InstanceQuotaExceeded: You reached the maximum number of instances available with free plan accounts. To "
        "remove "
        "all limitations, upgrade your account plan."
    )
    remedy = one(said)
    assert "upgrade the plan of the account" in remedy
    assert "Service Quotas" not in remedy


@pytest.mark.parametrize(
    ("said", "permission"),
    [
        (
            "Error 403: Permission 'run.services.create' denied on resource "
            "'//run.googleapis.com/projects/p/locations/l' "
            "(or resource may not exist).",
            "run.services.create",
        ),
        (
            "googleapi: Error 403: Permission iam.serviceAccounts.create is required to perform this operation on "
            "project",
            "iam.serviceAccounts.create",
        ),
        (
            "a@b.iam.gserviceaccount.com does not have storage.buckets.create access to the Google Cloud project.",
            "storage.buckets.create",
        ),
    ],
)
def test_denial_of_google(said: str, permission: str) -> None:
    remedy = one(said, "us-central1")
    assert f"lack the permission {permission}" in remedy
    assert BOOTSTRAP in remedy


@pytest.mark.parametrize(
    "said",
    [
        "Error 403: This API method requires billing to be enabled. Please enable billing on project #p by visiting",
        "googleapi: Error 403: The billing account for the owning project is disabled in state absent, accountDisabled",
    ],
)
def test_project_without_billing(said: str) -> None:
    assert "gcloud billing projects link" in one(said, "us-central1")


def test_instance_of_cloud_sql_whose_name_is_taken() -> None:
    said = """
│ Error: Error, failed to create instance staging-hello-gcp-0a1b2c3d: googleapi: Error
│ 409: The Cloud SQL instance already exists. When you delete an instance, you can't
│ reuse the name of the deleted instance until one week from the deletion date.,
│ instanceAlreadyExists
"""
    assert "(gcloud secrets delete staging-hello-gcp_database_master)" in one(said, "us-central1")


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Error: creating RDS DB Instance (prod-web): DBInstanceAlreadyExists: DB instance already exists",
        "Error: reading S3 Bucket: NoSuchBucket: The specified bucket does not exist",
        "Error 409: Requested entity already exists",
    ],
)
def test_other_errors_speak_for_themselves(said: str) -> None:
    assert remedies(said, "us-east-1", INVENTORY) == []
