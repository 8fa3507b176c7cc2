"""EC2: security groups found by a filter of their ids, and kept while something needs them."""

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


@pytest.fixture
def subnets(aws: Client, groups: list[str]) -> Iterator[list[str]]:
    """Ids of two subnets of the groups' VPC."""
    ec2 = aws("ec2")
    vpc = ec2.describe_security_groups(GroupIds=groups[:1])["SecurityGroups"][0]["VpcId"]
    ids = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.88.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for i, zone in enumerate("ab")
    ]
    yield ids
    for subnet in ids:
        ec2.delete_subnet(SubnetId=subnet)


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


def is_refused(aws: Client, group: str) -> bool:
    """Whether EC2 does not delete a group, because something needs it."""
    ec2 = aws("ec2")
    with pytest.raises(ec2.exceptions.ClientError) as refused:
        ec2.delete_security_group(GroupId=group)
    error = refused.value.response["Error"]
    return bool(error == {"Code": "DependencyViolation", "Message": f"resource {group} has a dependent object"})


def test_group_that_a_rule_names_is_kept(aws: Client, groups: list[str]) -> None:
    ec2 = aws("ec2")
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": groups[1]}]}
    ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=[rule])
    assert is_refused(aws, groups[1])
    ec2.revoke_security_group_ingress(GroupId=groups[0], IpPermissions=[rule])
    # A rule that names its own group keeps nothing: the fixture deletes this one.
    ec2.authorize_security_group_ingress(GroupId=groups[1], IpPermissions=[rule])


def test_group_of_a_load_balancer_is_kept(aws: Client, groups: list[str], subnets: list[str]) -> None:
    elbv2 = aws("elbv2")
    made = elbv2.create_load_balancer(
        Name="temu-keeps", Subnets=subnets, SecurityGroups=groups[:1], Scheme="internal", Type="application"
    )
    assert is_refused(aws, groups[0])
    elbv2.delete_load_balancer(LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"])


def test_group_of_a_database_is_kept(aws: Client, groups: list[str], subnets: list[str]) -> None:
    rds = aws("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="temu-keeps", DBSubnetGroupDescription="temu", SubnetIds=subnets)
    rds.create_db_instance(
        DBInstanceIdentifier="temu-keeps",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="temu",
        MasterUserPassword="temu-password",
        DBSubnetGroupName="temu-keeps",
        VpcSecurityGroupIds=groups[1:],
    )
    try:
        assert is_refused(aws, groups[1])
    finally:
        rds.delete_db_instance(DBInstanceIdentifier="temu-keeps", SkipFinalSnapshot=True)
        rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="temu-keeps", WaiterConfig={"Delay": 1})
        rds.delete_db_subnet_group(DBSubnetGroupName="temu-keeps")


def test_group_of_an_interface_endpoint_is_kept(aws: Client, groups: list[str], subnets: list[str]) -> None:
    ec2 = aws("ec2")
    vpc = ec2.describe_security_groups(GroupIds=groups[:1])["SecurityGroups"][0]["VpcId"]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName="com.amazonaws.us-east-1.sqs",
        VpcEndpointType="Interface",
        SubnetIds=subnets[:1],
        SecurityGroupIds=groups[:1],
    )
    assert is_refused(aws, groups[0])
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpoint"]["VpcEndpointId"]])
