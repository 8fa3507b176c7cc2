"""EC2: security groups found by a filter of their ids."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator.tests.stack import Client


@pytest.fixture
def groups(aws: Client) -> Iterator[list[str]]:
    """Ids of two groups of one VPC."""
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.88.0.0/16")["Vpc"]["VpcId"]
    ids = [ec2.create_security_group(GroupName=n, Description=n, VpcId=vpc)["GroupId"] for n in ("temu-a", "temu-b")]
    yield ids
    for group in ids:
        ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def test_groups_of_a_filter(aws: Client, groups: list[str]) -> None:
    def found(values: list[str], **more: list[str]) -> list[str]:
        answer = aws("ec2").describe_security_groups(Filters=[{"Name": "group-id", "Values": values}], **more)
        return [group["GroupId"] for group in answer["SecurityGroups"]]

    assert found(groups) == groups
    assert found([groups[1]]) == [groups[1]]
    assert found([groups[1], "sg-none"]) == [groups[1]]
    assert found(["sg-none"]) == []
    assert found(groups, GroupIds=[groups[0]]) == [groups[0]]


def test_an_id_that_is_not_there_is_an_error(aws: Client, groups: list[str]) -> None:
    ec2 = aws("ec2")
    with pytest.raises(ec2.exceptions.ClientError, match="InvalidGroup"):
        ec2.describe_security_groups(
            GroupIds=["sg-0123456789abcdef0"], Filters=[{"Name": "group-id", "Values": groups}]
        )


def test_rule_that_every_group_begins_with_is_revoked_as_the_provider_does(aws: Client, groups: list[str]) -> None:
    """With ports, which mean nothing where the protocol is all of them."""
    ec2 = aws("ec2")
    rule = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=groups[0], IpPermissions=[rule])
    (group,) = ec2.describe_security_groups(GroupIds=[groups[0]])["SecurityGroups"]
    assert group["IpPermissionsEgress"] == []
