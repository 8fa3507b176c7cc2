#!/usr/bin/python
"""Ansible module: look an image up in Amazon ECR."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecr_image_info
short_description: Look an image up in Amazon ECR
description:
  - Tells whether a repository holds a tag and under which digest, without pulling anything.
  - Changes nothing, and does the same in check mode.
options:
  repository:
    description: Name of the repository.
    type: str
    required: true
  tag:
    description: Tag of the image.
    type: str
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author: Slipway
"""

EXAMPLES = r"""
- name: Look for the image
  slipway.provision.ecr_image_info:
    repository: dev-tasks
    tag: 1f0c2a9be6d4
  register: image
"""

RETURN = r"""
digest:
  description: Digest of the image's manifest, such as C(sha256:…); null where there is no such tag.
  type: str
  returned: always
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import is_boto3_error_code
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    # AnsibleAWSModule says so.
    pass


def find_digest(client: Any, repository: str, tag: str) -> str | None:
    """Digest of a tag, or None where the repository does not hold it."""
    try:
        answer = client.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except is_boto3_error_code(["ImageNotFoundException", "RepositoryNotFoundException"]):
        return None
    images = answer["imageDetails"]
    return str(images[0]["imageDigest"]) if images else None


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "tag": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    client = module.client("ecr")
    result: dict[str, Any] = {"changed": False}
    try:
        result["digest"] = find_digest(client, module.params["repository"], module.params["tag"])
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"could not look {module.params['repository']} up in ECR")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
