"""Action plugin of s3_json_info."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from ansible_collections.slipway.provision.plugins.plugin_utils.aws_action import ActionError, AwsActionModule

Json = dict[str, Any]


def read_objects(s3: Any, bucket: str, keys: list[str]) -> Json:
    """What JSON objects hold, by key, without those that do not exist.

    Args:
        s3: boto3 client.
        bucket: name of the bucket.
        keys: keys of the objects.

    Raises:
        ActionError: an object is no JSON.
    """
    objects: Json = {}
    for key in keys:
        try:
            text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
            continue
        try:
            objects[key] = json.loads(text)
        except ValueError as error:
            raise ActionError(f"s3://{bucket}/{key} is no JSON: {error}") from None
    return objects


class ActionModule(AwsActionModule):
    """Reads the objects."""

    ARGUMENTS: ClassVar = {
        "bucket": {"type": "str", "required": True},
        "keys": {"type": "list", "elements": "str", "required": True, "no_log": False},
        "member": {"type": "str"},
        "region": {"type": "str", "required": True},
    }
    PURPOSE = "read from S3"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return what the objects hold."""
        objects = read_objects(session.client("s3"), arguments["bucket"], arguments["keys"])
        if member := arguments["member"]:
            objects = {key: value.get(member) for key, value in objects.items()}
        return {"changed": False, "objects": objects}
