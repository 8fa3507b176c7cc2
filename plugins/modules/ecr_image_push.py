#!/usr/bin/python
"""Ansible module: push an image to Amazon ECR, with credentials that no file ever holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ecr_image_push
short_description: Push an image to Amazon ECR
version_added: 1.0.0
description:
  - Asks ECR for credentials, hands them to the Docker Engine for this one push, and pushes. They are not
    written to Docker's configuration, as C(docker login) would.
  - A push that was interrupted is taken up where it ended, because the registry keeps the layers it has.
  - Under check mode nothing is pushed.
requirements:
  - docker >= 7.0
options:
  image:
    description: Name and tag of the image on this machine.
    type: str
    required: true
  repository_url:
    description: Address of the repository without a tag, C(<registry>/<repository>).
    type: str
    required: true
  tag:
    description: Tag of the image in the repository.
    type: str
    required: true
  timeout_seconds:
    description: How long the engine may be silent, in seconds.
    type: int
    default: 1800
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author:
  - Slipway
"""

EXAMPLES = r"""
- name: Push the image
  slipway.provision.ecr_image_push:
    image: slipway-build:5e884898da28047151d0e56f8dc62927
    repository_url: 123456789012.dkr.ecr.us-east-1.amazonaws.com/dev-tasks
    tag: 5e884898da28047151d0e56f8dc62927
    region: us-east-1
"""

RETURN = r"""
image:
  description: The image that was pushed.
  type: str
  returned: always
  sample: 123456789012.dkr.ecr.us-east-1.amazonaws.com/dev-tasks:5e884898da28047151d0e56f8dc62927
"""

import base64
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.slipway.provision.plugins.module_utils.docker_push import PushError, push

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    # AnsibleAWSModule says so.
    pass

try:
    import docker
    from docker.errors import DockerException
except ImportError:
    HAS_DOCKER = False
else:
    HAS_DOCKER = True


def credentials(ecr: Any) -> dict[str, str]:
    """Credentials of the account's registry, valid for 12 hours (ECR API GetAuthorizationToken).

    Args:
        ecr: a boto3 client of ECR.

    Returns:
        `username` and `password`, as the Docker Engine takes them.
    """
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    return {"username": username, "password": password}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            "repository_url": {"type": "str", "required": True},
            "tag": {"type": "str", "required": True},
            "timeout_seconds": {"type": "int", "default": 1800},
        },
        supports_check_mode=True,
    )
    repository_url, tag = module.params["repository_url"], module.params["tag"]
    image = f"{repository_url}:{tag}"
    if not HAS_DOCKER:
        module.fail_json(msg=missing_required_lib("docker"))
    if module.check_mode:
        module.exit_json(changed=True, image=image)
    try:
        authentication = credentials(module.client("ecr"))
        engine = docker.from_env(timeout=module.params["timeout_seconds"])
        push(engine, module.params["image"], repository_url, tag, authentication)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"ECR gave no credentials to push {image}")
    except (DockerException, PushError) as error:
        module.fail_json(msg=f"could not push {image}: {error}")
    module.exit_json(changed=True, image=image)


if __name__ == "__main__":
    main()
