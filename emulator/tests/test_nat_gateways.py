"""EC2: NAT gateways have the address that they were given."""

from __future__ import annotations

from emulator.tests.stack import Client


def test_gateway_has_its_address(aws: Client) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.87.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.87.0.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")
    public = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address["AllocationId"])["NatGateway"]["NatGatewayId"]
    private = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]

    def addresses(gateway: str) -> list[tuple[str, str]]:
        (found,) = ec2.describe_nat_gateways(NatGatewayIds=[gateway])["NatGateways"]
        return [(one["AllocationId"], one["PublicIp"]) for one in found["NatGatewayAddresses"]]

    assert addresses(public) == [(address["AllocationId"], address["PublicIp"])]
    assert addresses(private) == []
    for gateway in (public, private):
        ec2.delete_nat_gateway(NatGatewayId=gateway)
    ec2.release_address(AllocationId=address["AllocationId"])
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
