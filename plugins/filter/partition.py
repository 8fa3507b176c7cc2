# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filter that finds the partition of an AWS region."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import aws_session


@lru_cache
def aws_partition(region: str) -> str:
    """Partition of a region, with which its ARNs begin: `aws`, `aws-cn` of China, `aws-us-gov`, `aws-eusc`, ….

    Args:
        region: the AWS region.

    Raises:
        AnsibleFilterError: botocore knows no partition that has such regions.
    """
    try:
        return str(aws_session(region).get_partition_for_region(region))
    except Exception as error:
        raise AnsibleFilterError(f"the partition of the region {region} is not known: {error}") from error


class FilterModule:
    """The filter, by the name playbooks use."""

    def filters(self) -> dict[str, Any]:
        return {"aws_partition": aws_partition}
