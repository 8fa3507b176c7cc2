"""Apps with a VPC, a zone, a load balancer, a certificate, a bucket and an instance that the account has, and keeps.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from emulator.tests.stack import wait_until
from tests.e2e.http import ask
from tests.e2e.runs import Site, environments, failed, succeeded

ENVIRONMENT = "e2eexist"
APPS = ("beers", "tasks")
ZONE = f"{ENVIRONMENT}.localhost"
RANGES = {"private": ("10.77.10.0/24", "10.77.11.0/24"), "public": ("10.77.1.0/24", "10.77.2.0/24")}

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Account:
    """What is in the account.

    Attributes:
        vpc: id of the VPC.
        subnets: ids of the subnets of each kind.
        balancer: ARN of the load balancer, which has the VPC's name.
        listener: ARN of its listener for HTTPS, which answers 404 where no rule holds.
        certificate: ARN of its certificate.
        group: id of its security group.
        zone: id of the zone.
        bucket: name of the bucket, which has the object `kept`.
        database_group: id of the security group of the instance `shared`.
        master_secret: ARN of the secret of the instance's master.
    """

    vpc: str
    subnets: dict[str, list[str]]
    balancer: str
    listener: str
    certificate: str
    group: str
    zone: str
    bucket: str
    database_group: str
    master_secret: str


def _vpc(ec2: Any) -> tuple[str, dict[str, list[str]]]:
    """A VPC as others make them: its private subnets have its main route table."""
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = {
        kind: [
            ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
            for block, zone in zip(blocks, "ab", strict=True)
        ]
        for kind, blocks in RANGES.items()
    }
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for subnet in subnets["public"]:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    (main,) = ec2.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    )["RouteTables"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets["public"][0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    ec2.get_waiter("nat_gateway_available").wait(NatGatewayIds=[nat])
    ec2.create_route(RouteTableId=main["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    return vpc, subnets


def _certificate(aws: Any, zone: str) -> str:
    """ARN of a certificate for every name directly below the zone's."""
    acm = aws("acm")
    arn: str = acm.request_certificate(DomainName=f"*.{ZONE}", ValidationMethod="DNS")["CertificateArn"]
    options = wait_until(
        lambda: [
            one["ResourceRecord"]
            for one in acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
            if "ResourceRecord" in one
        ]
    )
    record = {"Name": options[0]["Name"], "Type": options[0]["Type"], "TTL": 60}
    change = {
        "Action": "UPSERT",
        "ResourceRecordSet": record | {"ResourceRecords": [{"Value": options[0]["Value"]}]},
    }
    aws("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    acm.get_waiter("certificate_validated").wait(CertificateArn=arn, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return arn


def _instance(aws: Any, vpc: str, subnets: list[str]) -> tuple[str, str]:
    """Security group of an instance of RDS with no database of an app, and ARN of the secret of its master."""
    rds, secrets = aws("rds"), aws("secretsmanager")
    group: str = aws("ec2").create_security_group(GroupName="shared", Description="shared", VpcId=vpc)["GroupId"]
    rds.create_db_subnet_group(DBSubnetGroupName="shared", DBSubnetGroupDescription="shared", SubnetIds=subnets)
    master = {"username": "root", "password": secrets.get_random_password(ExcludePunctuation=True)["RandomPassword"]}
    rds.create_db_instance(
        DBInstanceIdentifier="shared",
        DBInstanceClass="db.t3.micro",
        DBSubnetGroupName="shared",
        AllocatedStorage=20,
        Engine="postgres",
        EngineVersion="15",
        MasterUsername=master["username"],
        MasterUserPassword=master["password"],
        VpcSecurityGroupIds=[group],
    )
    rds.get_waiter("db_instance_available").wait(
        DBInstanceIdentifier="shared", WaiterConfig={"Delay": 2, "MaxAttempts": 90}
    )
    secret: str = secrets.create_secret(Name="master-of-shared", SecretString=json.dumps(master))["ARN"]
    return group, secret


@pytest.fixture(scope="module")
def account(aws: Any) -> Account:
    """Made by somebody else, without a name or a tag of the environment."""
    ec2, elbv2 = aws("ec2"), aws("elbv2")
    vpc, subnets = _vpc(ec2)
    zone = aws("route53").create_hosted_zone(Name=ZONE, CallerReference=ZONE)["HostedZone"]["Id"].split("/")[-1]
    group = ec2.create_security_group(GroupName="edge", Description="edge", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=443, ToPort=443, CidrIp="0.0.0.0/0")
    everywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everywhere])
    (balancer,) = elbv2.create_load_balancer(Name="edge", Subnets=subnets["public"], SecurityGroups=[group])[
        "LoadBalancers"
    ]
    elbv2.get_waiter("load_balancer_available").wait(LoadBalancerArns=[balancer["LoadBalancerArn"]])
    certificate = _certificate(aws, zone)
    bucket = f"files-of-{ENVIRONMENT}"
    aws("s3").create_bucket(Bucket=bucket)
    aws("s3").put_object(Bucket=bucket, Key="kept", Body=b"ours")
    answer = {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "Nobody's."}
    (listener,) = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": answer}],
    )["Listeners"]
    arns = balancer["LoadBalancerArn"], listener["ListenerArn"], certificate
    return Account(vpc, subnets, *arns, group, zone, bucket, *_instance(aws, vpc, subnets["private"]))


def _in_the_account(aws: Any, account: Account) -> dict[str, Any]:
    """What must be as it was."""
    ec2, elbv2 = aws("ec2"), aws("elbv2")
    in_vpc = [{"Name": "vpc-id", "Values": [account.vpc]}]
    rules = elbv2.describe_rules(ListenerArn=account.listener)["Rules"]
    groups = ec2.describe_security_groups(GroupIds=[account.group, account.database_group])["SecurityGroups"]
    (instance,) = aws("rds").describe_db_instances(DBInstanceIdentifier="shared")["DBInstances"]
    return {
        "vpc": ec2.describe_vpcs(VpcIds=[account.vpc])["Vpcs"],
        "subnets": sorted(one["SubnetId"] for one in ec2.describe_subnets(Filters=in_vpc)["Subnets"]),
        "tables": sorted(
            (one["RouteTableId"], str(one["Routes"]))
            for one in ec2.describe_route_tables(Filters=in_vpc)["RouteTables"]
        ),
        "groups": sorted(one["GroupName"] for one in ec2.describe_security_groups(Filters=in_vpc)["SecurityGroups"]),
        "rules of the listener": [one["RuleArn"] for one in rules],
        "rules of the groups": [(group["IpPermissions"], group["IpPermissionsEgress"]) for group in groups],
        "instance": instance,
        "zone": aws("route53").get_hosted_zone(Id=account.zone)["HostedZone"],
        "certificate": aws("acm").describe_certificate(CertificateArn=account.certificate)["Certificate"],
        "object": aws("s3").get_object(Bucket=account.bucket, Key="kept")["Body"].read(),
    }


@pytest.fixture(scope="module", autouse=True)
def before(site: Site, aws: Any, account: Account) -> Iterator[dict[str, Any]]:
    """The account before the first run of an inventory that names it; destroyed at the end, if no test has."""
    (site.inventory / "host_vars/main/network.yml").unlink()
    _set_network(site, account)
    site.set(
        "beers",
        service_domain_name=f"beers.{ZONE}",
        service_shared_load_balancer=True,
        service_zone_create=False,
        service_zone_name=None,
    )
    site.set(
        "tasks",
        data_bucket_enabled=False,
        data_bucket_name=account.bucket,
        data_database_instance_identifier="shared",
        data_database_master_secret_arn=account.master_secret,
        service_certificate_arn=account.certificate,
        service_domain_name=f"tasks.{ZONE}",
        service_zone_create=False,
        service_zone_name=ZONE,
    )
    yield _in_the_account(aws, account)
    site.destroy()


def _set_network(site: Site, account: Account, **changed: Any) -> None:
    given = {
        "network_vpc_id": account.vpc,
        "network_private_subnet_ids": account.subnets["private"],
        "network_public_subnet_ids": account.subnets["public"],
        "network_load_balancer_https_listener_arn": account.listener,
        "network_load_balancer_zone_name": ZONE,
    }
    site.set("main", **given | changed)


def test_subnets_of_the_wrong_kind(site: Site, account: Account) -> None:
    _set_network(site, account, network_private_subnet_ids=account.subnets["public"])
    run = failed(site.run())
    assert f"private_subnet_ids holds {', '.join(account.subnets['public'])}, with a route" in " ".join(
        run.output.split()
    )
    _set_network(site, account)


def test_an_app_is_deployed_into_what_there_is(site: Site, aws: Any, account: Account) -> None:
    succeeded(site.run())
    assert ask(f"https://beers.{ZONE}/beers").status == 200
    balancers = {one["LoadBalancerName"] for one in aws("elbv2").describe_load_balancers()["LoadBalancers"]}
    assert "edge" in balancers
    assert {f"{ENVIRONMENT}-main", f"{ENVIRONMENT}-beers"} & balancers == set()
    (group,) = aws("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [f"{ENVIRONMENT}-beers-app"]}]
    )["SecurityGroups"]
    assert group["VpcId"] == account.vpc


def test_certificate_bucket_and_instance(aws: Any, account: Account) -> None:
    assert ask(f"https://tasks.{ZONE}/healthz").status == 200
    certificates = aws("acm").list_certificates()["CertificateSummaryList"]
    assert [one["CertificateArn"] for one in certificates if one["DomainName"].endswith(ZONE)] == [account.certificate]
    there = {one["DBInstanceIdentifier"]: one for one in aws("rds").describe_db_instances()["DBInstances"]}
    assert f"{ENVIRONMENT}-tasks" not in there
    for environment in environments(f"{ENVIRONMENT}-tasks", "ecs"):
        assert environment["BUCKET_NAME"] == account.bucket
        assert environment["DATABASE_HOST"] == there["shared"]["Endpoint"]["Address"]
    buckets = [one["Name"] for one in aws("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if name.startswith(f"{ENVIRONMENT}-tasks")] == []


def test_second_run_changes_nothing(site: Site) -> None:
    assert succeeded(site.run()).changed == {}


def test_what_there_was_stays(site: Site, aws: Any, account: Account, before: dict[str, Any]) -> None:
    site.destroy()
    assert _in_the_account(aws, account) == before
