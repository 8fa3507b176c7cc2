"""EC2: route tables found by a filter of their ids."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator.tests.stack import Client


@pytest.fixture
def tables(aws: Client) -> Iterator[list[str]]:
    """Ids of two route tables of one VPC, which has its main one, too."""
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.89.0.0/16")["Vpc"]["VpcId"]
    ids = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    yield ids
    for table in ids:
        ec2.delete_route_table(RouteTableId=table)
    ec2.delete_vpc(VpcId=vpc)


def test_tables_of_a_filter(aws: Client, tables: list[str]) -> None:
    def found(values: list[str], **more: list[str]) -> set[str]:
        answer = aws("ec2").describe_route_tables(Filters=[{"Name": "route-table-id", "Values": values}], **more)
        return {table["RouteTableId"] for table in answer["RouteTables"]}

    assert found(tables) == set(tables)
    assert found([tables[1]]) == {tables[1]}
    assert found([tables[1], "rtb-none"]) == {tables[1]}
    assert found(["rtb-none"]) == set()
    assert found(tables, RouteTableIds=[tables[0]]) == {tables[0]}
