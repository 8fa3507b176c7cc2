# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of s3_state_bucket."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule, holds

Json = dict[str, Any]

# "us-east-1 is the default Region", which S3 does not accept as a LocationConstraint (CreateBucket in the Amazon S3 API
# Reference).
_DEFAULT_REGION = "us-east-1"
# What S3 answers about a setting that a bucket does not have.
_NOT_SET = (
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "ServerSideEncryptionConfigurationNotFoundError",
)
# A bucket that was made a moment ago, and a setting that is changed right after another.
_PASSING = ["NoSuchBucket", "OperationAborted"]


def wanted_settings(arn: str, noncurrent_version_days: int, tags: dict[str, str]) -> Json:
    """What a state bucket has to have, by setting.

    Args:
        arn: the bucket's ARN.
        noncurrent_version_days: days that earlier versions are kept.
        tags: the bucket's tags.
    """
    return {
        "versioning": {"Status": "Enabled"},
        "encryption": {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
        "public access block": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "policy": {
            "Statement": [
                {
                    "Sid": "DenyWithoutTls",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        },
        "lifecycle": {
            "Rules": [
                {
                    "ID": "delete-earlier-versions",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    # Of a lock that was released, nothing else is left in the end.
                    "Expiration": {"ExpiredObjectDeleteMarker": True},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_version_days},
                }
            ]
        },
        "tags": {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]},
    }


def with_others(present: list[Json] | Json, wanted: list[Json], key: str) -> list[Json]:
    """What is wanted, and before it what else is present.

    Args:
        present: statements of a policy, rules of a lifecycle, or tags.
        wanted: the same.
        key: the member that tells them apart.
    """
    names = [item[key] for item in wanted]
    # A policy may have one statement instead of a list.
    present = [present] if isinstance(present, dict) else present
    return [*(item for item in present if item.get(key) not in names), *wanted]


class _Bucket:
    """Settings of a bucket.

    Args:
        s3: boto3 client.
        name: the bucket's name.
    """

    def __init__(self, s3: Any, name: str) -> None:
        self._s3, self._name = s3, name

    def exists(self) -> bool:
        """Whether there is such a bucket.

        Raises:
            ActionError: it is not ours.
        """
        try:
            self._s3.head_bucket(Bucket=self._name)
        except self._s3.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
                raise ActionError(
                    f"S3 refuses access to the bucket {self._name}: the credentials have no permission for it, or "
                    "another account has the one bucket of this name that there is in the world"
                ) from error
            raise
        return True

    def settings(self) -> Json:
        """What it has, by setting; empty for what it has not."""
        return {
            "versioning": self._read("get_bucket_versioning"),
            "encryption": self._read("get_bucket_encryption").get("ServerSideEncryptionConfiguration", {}),
            "public access block": self._read("get_public_access_block").get("PublicAccessBlockConfiguration", {}),
            "policy": json.loads(self._read("get_bucket_policy").get("Policy", "{}")),
            "lifecycle": self._read("get_bucket_lifecycle_configuration"),
            "tags": self._read("get_bucket_tagging"),
        }

    def write(self, setting: str, present: Json, wanted: Json) -> None:
        """Change a setting; statements, rules and tags of others stay.

        Args:
            setting: its name.
            present: what the bucket has.
            wanted: what it has to have.
        """
        if setting == "versioning":
            self._call("put_bucket_versioning", VersioningConfiguration=wanted)
        elif setting == "encryption":
            self._call("put_bucket_encryption", ServerSideEncryptionConfiguration=wanted)
        elif setting == "public access block":
            self._call("put_public_access_block", PublicAccessBlockConfiguration=wanted)
        elif setting == "policy":
            statements = with_others(present.get("Statement", []), wanted["Statement"], "Sid")
            policy = {"Version": "2012-10-17"} | present | {"Statement": statements}
            self._call("put_bucket_policy", Policy=json.dumps(policy))
        elif setting == "lifecycle":
            rules = with_others(present.get("Rules", []), wanted["Rules"], "ID")
            self._call("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": rules})
        else:
            tags = with_others(present.get("TagSet", []), wanted["TagSet"], "Key")
            self._call("put_bucket_tagging", Tagging={"TagSet": tags})

    def _read(self, operation: str) -> Json:
        try:
            return self._call(operation)
        except self._s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _NOT_SET:
                return {}
            raise

    def _call(self, operation: str, **arguments: Any) -> Json:
        call = AWSRetry.jittered_backoff(retries=8, catch_extra_error_codes=_PASSING)(getattr(self._s3, operation))
        answer: Json = call(Bucket=self._name, **arguments)
        return answer


def look_after(session: Any, arguments: Json, check_mode: bool) -> Json:
    """Make, change or delete the bucket.

    Args:
        session: boto3 session of the bucket's region.
        arguments: those of the module.
        check_mode: whether only to say what would be done.

    Returns:
        The task's result.

    Raises:
        ActionError: the bucket is not ours.
    """
    s3, name, region = session.client("s3"), arguments["name"], arguments["region"]
    bucket = _Bucket(s3, name)
    exists = bucket.exists()
    if arguments["state"] == "absent":
        if exists and not check_mode:
            ours = session.resource("s3").Bucket(name)
            ours.object_versions.delete()
            ours.delete()
        return {"changed": exists}
    arn = f"arn:{session.get_partition_for_region(region)}:s3:::{name}"
    wanted = wanted_settings(arn, arguments["noncurrent_version_days"], arguments["tags"])
    if not exists and check_mode:
        return {"changed": True, "settings": list(wanted)}
    if not exists:
        place = {} if region == _DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=name, **place)
    present = bucket.settings()
    # Other encryption than the one asked for is somebody's choice.
    settled = {"encryption"} if present["encryption"] else set()
    lacking = [name for name, value in wanted.items() if name not in settled and not holds(present[name], value)]
    if not check_mode:
        for setting in lacking:
            bucket.write(setting, present[setting], wanted[setting])
    return {"changed": not exists or bool(lacking), "settings": lacking}


class ActionModule(AwsActionModule):
    """Makes, changes or deletes the bucket."""

    PURPOSE = "look after the bucket {name}"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return whether that was to be done."""
        return look_after(session, arguments, self._task.check_mode)
