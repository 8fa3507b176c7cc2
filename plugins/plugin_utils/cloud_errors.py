# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What to do about errors of AWS and Google Cloud whose own messages do not say it."""

from __future__ import annotations

import json
import re

# Regions that every account has; AWS documents that those introduced after 20 March 2019 are disabled until somebody
# enables them ("Enable or disable AWS Regions in your account", AWS Account Management reference guide), so no other is
# added to these.
_ENABLED_BY_DEFAULT = re.compile(
    r"ap-northeast-[123]|ap-south-1|ap-southeast-[12]|ca-central-1|eu-central-1|eu-north-1|eu-west-[123]|sa-east-1"
    r"|us-(?:east|west)-[12]"
)
# Other partitions have accounts of their own, whose regions are enabled.
_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eusc-")

# As boto3 and Terraform's AWS provider have an error's code: "(Code) when calling", "api error Code: " or "Code: ". An
# answer to HEAD has no body: boto3 takes the status for the code.
_CODE = re.compile(r"\(([A-Z][\w.]+|40[03])\) when calling the (\w+) operation|\b([A-Z][\w.]+): ")
# "Troubleshoot access denied error messages", IAM user guide; the resource is missing where the action has none.
_DENIAL = re.compile(r"User: (\S+) is not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?(?: (.{0,120}))?")
# Roles that layers make for what they deploy, by how their names end, and the files of their policies.
_POLICIES_OF_ROLES = {
    "-database-access-task": "terraform/layers/aws/data/database_access.tf",
    "-database-monitoring": "terraform/layers/aws/data/database.tf",
    "-flow-logs": "terraform/layers/aws/network/logs.tf",
    "-access": "terraform/layers/aws/service_app_runner/iam.tf",
    "-instance": "terraform/layers/aws/service_ec2/iam.tf or terraform/layers/aws/service_app_runner/iam.tf",
    "-execution": "terraform/modules/ecs_task_roles/iam.tf",
    "-scheduler": "terraform/modules/ecs_schedules/main.tf",
    "-task": "terraform/modules/ecs_task_roles/iam.tf",
}
_ASSUMED_ROLE = re.compile(r":assumed-role/([^/]+)/")
_ENCODED = re.compile(r"Encoded authorization failure message: ([\w-]+)")
_DENIED = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnauthorizedAccess",
        "AuthorizationError",
        "403",
    )
)
# S3 answers 400 to HEAD with a token that has expired.
_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "400"))
# The last one is what EC2 has for both.
_UNKNOWN = frozenset(
    ("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken", "AuthFailure")
)
_NOT_ACTIVATED = frozenset(("OptInRequired", "SubscriptionRequiredException", "PendingVerification"))
_THROTTLED = frozenset(
    (
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
    )
)
# Words of boto3, the AWS SDK for Go and google-auth for credentials that are missing, or that cannot be renewed.
_NO_CREDENTIALS = re.compile(
    r"Unable to locate credentials|No valid credential sources found|failed to refresh cached credentials"
    r"|Token has expired and refresh failed|SSO session .{0,80} (?:has expired|is otherwise invalid)"
    r"|default credentials were not found|could not find default credentials"
    r"|Reauthentication is needed|invalid_grant|Request had invalid authentication credentials"
)
# Service, name and code in Service Quotas of the quotas that a deployment meets first, by the error's code.
_QUOTAS = {
    "VpcLimitExceeded": ("vpc", "VPCs per Region", "L-F678F1CE"),
    "InternetGatewayLimitExceeded": ("vpc", "Internet gateways per Region", "L-A4707A72"),
    "NatGatewayLimitExceeded": ("vpc", "NAT gateways per Availability Zone", "L-FE5A380F"),
    "AddressLimitExceeded": ("ec2", "EC2-VPC Elastic IPs", "L-0263D0A3"),
    "VcpuLimitExceeded": (
        "ec2",
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        "L-1216C47A",
    ),
    "InstanceQuotaExceeded": ("rds", "DB instances", "L-7B6409FD"),
    "TooManyLoadBalancers": ("elasticloadbalancing", "Application Load Balancers per Region", "L-53DA6B97"),
}
_QUOTA = re.compile(r"\w+(?:LimitExceeded|QuotaExceeded)|LimitExceeded|TooMany\w+|QuotaExceeded\.\w+")
# What RDS says of a third instance.
_FREE_PLAN = re.compile(r"maximum number of \w+ available with free plan accounts")
# RDS and IAM have names of errors beside their codes; the SDKs show either.
_ENDINGS = re.compile(r"(?:Exception|Fault)$")

_AGAIN = "Then run the same command again: what was applied stays."


def remedies(said: str, region: str, inventory: str) -> list[str]:
    """What to do about each error of a cloud in what was said; nothing about errors that it does not know.

    Args:
        said: by Terraform, or the text of an exception of boto3 or of Google's APIs.
        region: that was asked.
        inventory: folder of the environment's inventory.
    """
    # Terraform breaks lines, and draws a border beside them.
    said = " ".join(said.replace("│", " ").split())
    codes = {first or other: operation for first, operation, other in _CODE.findall(said)}
    found = [
        *_denials(said, codes, inventory),
        *_credentials(said, codes, region, inventory),
        *([] if _FREE_PLAN.search(said) else _quotas(codes, region)),
        *_google(said, inventory),
    ]
    if _FREE_PLAN.search(said):
        found.append(
            "The AWS account has the free plan, which has a quota of its own: destroy what is not needed, or upgrade "
            f"the plan of the account. {_AGAIN}"
        )
    if "FreeTierRestrictionError" in codes:
        found.append(
            "The AWS account has the free plan, which refuses databases more than one day of backups and all but the "
            "smallest classes: set data_backup_retention_days to 1 and data_instance_class to db.t3.micro or "
            f"db.t4g.micro, in {inventory}/group_vars/aws/layers.yml or the app's host_vars, or upgrade the plan of "
            "the account."
        )
    if _THROTTLED & codes.keys():
        found.append("AWS was asked too often for a while. Run the same command again: what was applied stays.")
    return list(dict.fromkeys(found))


def _denials(said: str, codes: dict[str, str], inventory: str) -> list[str]:
    bootstrap = f"ansible-playbook playbooks/bootstrap.yml -i {inventory}"
    found = []
    for principal, action, resource, reason in _DENIAL.findall(said):
        what = f"{principal} may not do {action}"
        if "explicit deny" in reason or "service control policy" in reason:
            found.append(
                f"{what}, because a policy denies it that an administrator of the account or of its AWS Organization "
                f"has to change. {_AGAIN}"
            )
            continue
        statement = json.dumps({"Effect": "Allow", "Action": action, "Resource": resource.rstrip(".,;)") or "*"})
        if file := _policy_of_role(principal):
            boundary = (
                f" and to terraform/layers/aws/bootstrap/boundary.json.tftpl, which an administrator applies by: "
                f"{bootstrap}"
            )
            found.append(
                f"{what}. That role is made by a layer: add this statement to its policy in "
                f"{file}{boundary if 'permissions boundary' in reason else ''}: {statement} {_AGAIN}"
            )
            continue
        also = " and to its permissions boundary" if "permissions boundary" in reason else ""
        found.append(
            f"{what}. Add this statement to the policy of the deployer's role{also}: {statement} An administrator of "
            f"the account makes that role, with all that a deployment needs, by: {bootstrap} {_AGAIN}"
        )
    if found:
        return found
    if encoded := _ENCODED.search(said):
        return [
            "The credentials may not do this. Which statement is missing says: aws sts decode-authorization-message "
            f"--encoded-message {encoded[1]} An administrator of the account makes the deployer's role, with all "
            f"that a deployment needs, by: {bootstrap} {_AGAIN}"
        ]
    if denied := sorted(_DENIED & codes.keys()):
        asked = f" ({operation})" if (operation := codes[denied[0]]) else ""
        return [
            f"The credentials may not do this{asked}; AWS does not say which action is missing, CloudTrail's event "
            "history does. An administrator of the account makes the deployer's role, with all that a deployment "
            "needs, by: "
            f"{bootstrap} {_AGAIN}"
        ]
    return []


def _policy_of_role(principal: str) -> str:
    """The file with the policy of a role that a layer makes; empty for others, such as the deployer's.

    Args:
        principal: the user of a denial.
    """
    name = role[1] if (role := _ASSUMED_ROLE.search(principal)) else ""
    return next((file for ending, file in _POLICIES_OF_ROLES.items() if name.endswith(ending)), "")


def _credentials(said: str, codes: dict[str, str], region: str, inventory: str) -> list[str]:
    if _EXPIRED & codes.keys():
        return [
            "The credentials of this run have expired. Log in again and run the same command: what was applied stays."
        ]
    found = []
    if _NOT_ACTIVATED & codes.keys():
        found.append(
            "AWS has not activated the account for this service yet, which takes up to a day after the account was "
            f"opened: see that its contact and payment details are complete. {_AGAIN}"
        )
    elif _UNKNOWN & codes.keys():
        if _ENABLED_BY_DEFAULT.fullmatch(region) or region.startswith(_OTHER_PARTITIONS):
            found.append(
                "AWS does not know the credentials of this run: they were deleted, are incomplete or of another "
                "partition. Log in again and run the same command: what was applied stays."
            )
        else:
            found.append(
                f"The region {region} has to be enabled in an account before it takes its credentials. See with: aws "
                f"account get-region-opt-status --region-name {region} --region us-east-1 and enable it with: aws "
                f"account enable-region --region-name {region} --region us-east-1 which takes minutes, or set "
                f"slipway_region in {inventory}/group_vars/all/environment.yml to another region. If it is enabled, "
                f"log in again. {_AGAIN}"
            )
    if not found and _NO_CREDENTIALS.search(said):
        found.append(
            "There are no credentials, or they have expired. Log in again (aws sso login, or gcloud auth "
            "application-default login) and run the same command: what was applied stays."
        )
    return found


def _quotas(codes: dict[str, str], region: str) -> list[str]:
    found = []
    for code in codes.keys() - _THROTTLED:
        code = _ENDINGS.sub("", code)
        if code in _QUOTAS:
            service, name, number = _QUOTAS[code]
            found.append(
                f'The account has reached the quota "{name}" in {region}: delete what is not needed, or raise it in '
                f"Service Quotas: aws service-quotas request-service-quota-increase --service-code {service} "
                f"--quota-code {number} --region {region} --desired-value <number>. {_AGAIN}"
            )
        elif _QUOTA.fullmatch(code):
            found.append(
                f"The account has reached a quota ({code}): delete what is not needed, or raise it in Service Quotas, "
                f"https://console.aws.amazon.com/servicequotas/home?region={region}. {_AGAIN}"
            )
    return found


# Words of the APIs: "Permission 'run.services.get' denied on resource …", "Permission iam.roles.get is required to …",
# and those of Cloud Storage, "… does not have storage.buckets.create access to …".
_PERMISSION = re.compile(
    r"Permission '?([a-z]\w+\.[\w.]*\w)'? (?:denied|is required)|does not have ([a-z]\w+\.[\w.]*\w) access"
)
# An instance that exists was imported; its name is that of the app and eight digits ("Delete instances").
_TAKEN_INSTANCE = re.compile(
    r"failed to create instance (\S+)-[0-9a-f]{8}: .{0,40}The Cloud SQL instance already exists"
)
_NO_BILLING = re.compile(
    r"BILLING_DISABLED|requires billing to be enabled|billing account for the owning project is disabled"
)
_GOOGLE_QUOTA = re.compile(r"Quota exceeded for quota (?:metric )?'([^']+)'|RATE_LIMIT_EXCEEDED")


def _google(said: str, inventory: str) -> list[str]:
    found = []
    for first, other in _PERMISSION.findall(said):
        found.append(
            f"The credentials lack the permission {first or other}, or the resource does not exist. Grant a role "
            f"with it; an "
            "administrator of the project grants all that a deployment needs by: ansible-playbook "
            "playbooks/bootstrap.yml "
            f"-i {inventory} {_AGAIN}"
        )
    if _NO_BILLING.search(said):
        found.append(
            "The Google project has no billing account that is open. Link one with: gcloud billing projects link "
            "<project> "
            f"--billing-account=<account>, which takes minutes. {_AGAIN}"
        )
    if taken := _TAKEN_INSTANCE.search(said):
        found.append(
            "A Cloud SQL instance was deleted, and its name stays taken for a week. Delete the secret that the name "
            f"comes from (gcloud secrets delete {taken[1]}_database_master), so that the next instance gets another "
            f"one. {_AGAIN}"
        )
    if quota := _GOOGLE_QUOTA.search(said):
        found.append(
            f"The Google project has reached a quota{f' ({quota[1]})' if quota[1] else ''}: wait, or raise it at "
            f"https://console.cloud.google.com/iam-admin/quotas. {_AGAIN}"
        )
    return found
