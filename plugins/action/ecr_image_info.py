# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of ecr_image_info."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]


def find_digest(ecr: Any, repository: str, tag: str) -> str | None:
    """Digest of a tag, or None where the repository does not hold it.

    Args:
        ecr: boto3 client.
        repository: name of the repository.
        tag: tag of the image.
    """
    try:
        answer = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        return None
    images = answer["imageDetails"]
    return str(images[0]["imageDigest"]) if images else None


class ActionModule(AwsActionModule):
    """Looks the image up."""

    PURPOSE = "look the image up in ECR"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return the image's digest."""
        return {
            "changed": False,
            "digest": find_digest(session.client("ecr"), arguments["repository"], arguments["tag"]),
        }
