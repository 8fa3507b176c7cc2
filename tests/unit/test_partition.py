"""The partition of a region, which ARNs begin with."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter.partition import aws_partition


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eusc-de-east-1", "aws-eusc"),
        # Opened after botocore was written: by the form of its name.
        ("eu-central-9", "aws"),
    ],
)
def test_partition_of_a_region(region: str, partition: str) -> None:
    assert aws_partition(region) == partition


def test_region_of_no_partition() -> None:
    with pytest.raises(AnsibleFilterError, match="the partition of the region us-central1 is not known"):
        aws_partition("us-central1")
