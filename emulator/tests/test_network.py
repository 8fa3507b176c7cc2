"""Security groups and routes: what they allow gets through, and nothing else does."""

from __future__ import annotations

import dataclasses
import http.client
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import docker
import pytest
from botocore.exceptions import ClientError

from emulator.tests.clouds import settings_beside
from emulator.tests.stack import (
    CLUSTER,
    CONNECT,
    GET,
    Balancer,
    Client,
    Services,
    allow,
    ask,
    lead_out,
    machine_reaches,
    make_public,
    permission,
    wait_until,
)
from slipway_emulator import cli
from slipway_emulator.images import NETWORK_IMAGE
from slipway_emulator.network import ContainerNetwork, NetworkError
from slipway_emulator.settings import Settings
from slipway_emulator.vpc.firewall import Firewall
from slipway_emulator.vpc.helper import LABEL, Helper, remove, table_name

Json = dict[str, Any]

PORT, OTHER_PORT = 8000, 8001
SERVE = ["sh", "-c", f"python -m http.server {OTHER_PORT} & exec python -u /server.py"]


ASK = """
import http.client, sys
c = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=10)
c.request(sys.argv[4], sys.argv[3])
print(c.getresponse().status)
"""


class Vpc:
    """A VPC with a public subnet, a private one that leads out, and one that leads nowhere."""

    def __init__(self, aws: Client, engine: docker.DockerClient, services: Services) -> None:
        self.ec2, self._engine, self._services = aws("ec2"), engine, services
        self.id = self.ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
        self.public, self.private, self.isolated = (
            self.ec2.create_subnet(VpcId=self.id, CidrBlock=f"10.8.{i}.0/24")["Subnet"]["SubnetId"] for i in range(3)
        )
        make_public(self.ec2, self.id, [self.public], lead_out(self.ec2, self.id, self.public))
        self.isolated_table = self.ec2.create_route_table(VpcId=self.id)["RouteTable"]["RouteTableId"]
        self.ec2.associate_route_table(RouteTableId=self.isolated_table, SubnetId=self.isolated)
        self._definition = services.define("temu-network", container={"command": SERVE})

    def group(self) -> str:
        """A new security group: nobody in, all out."""
        name = uuid.uuid4().hex
        group: str = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.id)["GroupId"]
        return group

    def start(
        self,
        group: str,
        subnet: str = "",
        public: bool = False,
        definition: str = "",
        ports: tuple[int, ...] = (PORT, OTHER_PORT),
    ) -> Task:
        """Start a task that listens at two ports, or at those that its own definition does."""
        network = {
            "subnets": [subnet or self.private],
            "securityGroups": [group],
            "assignPublicIp": "ENABLED" if public else "DISABLED",
        }
        arn = self._services.run(definition or self._definition, networkConfiguration={"awsvpcConfiguration": network})
        task = wait_until(lambda: (it := self._services.task(arn))["lastStatus"] in ("RUNNING", "STOPPED") and it)
        assert task["lastStatus"] == "RUNNING", task["stoppedReason"]
        (container,) = self._engine.containers.list(filters={"label": f"com.amazonaws.ecs.task-arn={arn}"})
        details = {detail["name"]: detail["value"] for detail in task["attachments"][0]["details"]}
        started = Task(arn, container, details["privateIPv4Address"], details["networkInterfaceId"])
        # It asks itself: no security group is in between.
        wait_until(lambda: all(started.run(CONNECT, "127.0.0.1", str(port)) == 0 for port in ports))
        return started

    def stop(self, task: Task) -> None:
        """Stop a task; it need not have ended."""
        self._services.ecs.stop_task(cluster=CLUSTER, task=task.arn)


@dataclasses.dataclass
class Task:
    """A running task."""

    arn: str
    container: Any
    address: str
    interface: str

    def run(self, code: str, *arguments: str) -> int:
        """Exit code of a Python program in its container."""
        return int(self.container.exec_run(["python", "-c", code, *arguments]).exit_code)

    def reaches(self, address: str, port: int = PORT) -> bool:
        """Whether a connection is answered."""
        code = self.run(CONNECT, address, str(port))
        assert code in (0, 9)
        return code == 0

    def gets(self, url_host: str, port: int, path: str, service: str = "", region: str = "us-east-1") -> bool:
        """Whether an HTTP request is answered, one that is signed for a service if that is named."""
        scope = f"AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request" if service else ""
        code = self.run(GET, url_host, str(port), path, *([scope] if scope else []))
        assert code in (0, 9)
        return code == 0

    def status(self, url_host: str, port: int, method: str, path: str) -> str:
        """The status that an HTTP request is answered with."""
        command = ["python", "-c", ASK, url_host, str(port), path, method]
        output: bytes = self.container.exec_run(command).output
        return output.decode().strip()


@pytest.fixture(scope="module")
def vpc(aws: Client, engine: docker.DockerClient, services: Services) -> Vpc:
    return Vpc(aws, engine, services)


@pytest.fixture(scope="module")
def server_group(vpc: Vpc) -> str:
    return vpc.group()


@pytest.fixture(scope="module")
def client_group(vpc: Vpc) -> str:
    return vpc.group()


@pytest.fixture(scope="module")
def server(vpc: Vpc, server_group: str) -> Iterator[Task]:
    """A task in a private subnet that nobody may reach."""
    task = vpc.start(server_group)
    yield task
    vpc.stop(task)


@pytest.fixture(scope="module")
def client(vpc: Vpc, client_group: str) -> Iterator[Task]:
    """A task in a private subnet that may reach everybody."""
    task = vpc.start(client_group)
    yield task
    vpc.stop(task)


@pytest.fixture
def rules(vpc: Vpc, server_group: str) -> Iterator[list[Json]]:
    """What a test lets into the server's group; it is closed again after that."""
    added: list[Json] = []
    yield added
    for one in added:
        vpc.ec2.revoke_security_group_ingress(GroupId=server_group, IpPermissions=[one])


def let_in(vpc: Vpc, group: str, rules: list[Json], rule: Json) -> None:
    vpc.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    rules.append(rule)


def test_group_allows_a_group_at_a_port(
    vpc: Vpc, server: Task, client: Task, server_group: str, client_group: str, rules: list[Json]
) -> None:
    assert not client.reaches(server.address)
    rule = permission(PORT, group=client_group)
    vpc.ec2.authorize_security_group_ingress(GroupId=server_group, IpPermissions=[rule])
    assert client.reaches(server.address)
    assert not client.reaches(server.address, OTHER_PORT)
    assert not server.reaches(client.address)
    vpc.ec2.revoke_security_group_ingress(GroupId=server_group, IpPermissions=[rule])
    assert not client.reaches(server.address)
    # Of another group, or another protocol.
    let_in(vpc, server_group, rules, permission(PORT, group=server_group))
    let_in(vpc, server_group, rules, permission(PORT, group=client_group, protocol="udp"))
    assert not client.reaches(server.address)
    every = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": client_group}]}
    let_in(vpc, server_group, rules, every)
    assert client.reaches(server.address, OTHER_PORT)


def modify_only_rule(vpc: Vpc, group: str, source: str) -> None:
    """Make a group's one rule for what comes in that of PORT for another group."""
    found = vpc.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    (identifier,) = (one["SecurityGroupRuleId"] for one in found["SecurityGroupRules"] if not one["IsEgress"])
    changed = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "ReferencedGroupId": source}
    vpc.ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": identifier, "SecurityGroupRule": changed}]
    )


def test_rule_that_is_modified_holds_at_once(
    vpc: Vpc, server: Task, client: Task, server_group: str, client_group: str, rules: list[Json]
) -> None:
    rule = permission(OTHER_PORT, group=client_group)
    vpc.ec2.authorize_security_group_ingress(GroupId=server_group, IpPermissions=[rule])
    assert not client.reaches(server.address)
    modify_only_rule(vpc, server_group, client_group)
    rules.append(permission(PORT, group=client_group))
    assert client.reaches(server.address)
    assert not client.reaches(server.address, OTHER_PORT)


def test_rule_that_is_modified_names_another_group(
    vpc: Vpc, server: Task, client: Task, server_group: str, client_group: str, rules: list[Json]
) -> None:
    rule = permission(PORT, group=server_group)
    vpc.ec2.authorize_security_group_ingress(GroupId=server_group, IpPermissions=[rule])
    assert not client.reaches(server.address)
    modify_only_rule(vpc, server_group, client_group)
    rules.append(permission(PORT, group=client_group))
    assert client.reaches(server.address)


@pytest.mark.parametrize(
    ("cidr", "allowed"),
    [
        ("10.8.1.0/24", True),
        ("10.8.0.0/16", True),
        ("0.0.0.0/0", True),
        ("10.8.0.0/24", False),
        # A part of the subnet, of which nobody knows who is in it.
        ("10.8.1.0/25", False),
    ],
)
def test_range_stands_for_the_subnets_in_it(
    vpc: Vpc, server: Task, client: Task, server_group: str, rules: list[Json], cidr: str, allowed: bool
) -> None:
    let_in(vpc, server_group, rules, permission(PORT, cidr=cidr))
    assert client.reaches(server.address) == allowed


def test_range_has_an_address(vpc: Vpc, server: Task, client: Task, server_group: str, rules: list[Json]) -> None:
    let_in(vpc, server_group, rules, permission(PORT, cidr=f"{server.address}/32"))
    assert not client.reaches(server.address)
    let_in(vpc, server_group, rules, permission(PORT, cidr=f"{client.address}/32"))
    assert client.reaches(server.address)


def test_egress_of_the_caller_counts(
    vpc: Vpc, server: Task, client: Task, server_group: str, client_group: str, rules: list[Json]
) -> None:
    let_in(vpc, server_group, rules, permission(PORT, group=client_group))
    every = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    vpc.ec2.revoke_security_group_egress(GroupId=client_group, IpPermissions=[every])
    try:
        assert not client.reaches(server.address)
        rule = permission(PORT, group=server_group)
        vpc.ec2.authorize_security_group_egress(GroupId=client_group, IpPermissions=[rule])
        assert client.reaches(server.address)
        vpc.ec2.revoke_security_group_egress(GroupId=client_group, IpPermissions=[rule])
    finally:
        vpc.ec2.authorize_security_group_egress(GroupId=client_group, IpPermissions=[every])
    assert client.reaches(server.address)


def test_another_vpc_is_not_reached(
    vpc: Vpc,
    server: Task,
    aws: Client,
    engine: docker.DockerClient,
    services: Services,
    server_group: str,
    rules: list[Json],
) -> None:
    let_in(vpc, server_group, rules, permission(PORT, cidr="0.0.0.0/0"))
    other = Vpc(aws, engine, services)
    task = other.start(other.group())
    assert not task.reaches(server.address)
    other.stop(task)


def test_this_machine_is_outside_of_the_vpc(vpc: Vpc, server: Task, server_group: str, rules: list[Json]) -> None:
    let_in(vpc, server_group, rules, permission(PORT, cidr="0.0.0.0/0"))
    assert not machine_reaches(server.address)


def test_public_address_is_reached_as_its_group_says(vpc: Vpc) -> None:
    group = vpc.group()
    task = vpc.start(group, vpc.public, public=True)
    (interface,) = vpc.ec2.describe_network_interfaces(NetworkInterfaceIds=[task.interface])["NetworkInterfaces"]
    address = interface["Association"]["PublicIp"]

    def is_served() -> bool:
        connection = http.client.HTTPConnection(address, PORT, timeout=1)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    assert not is_served()
    for cidr, served in (("198.51.100.0/24", False), ("127.0.0.1/32", True), ("0.0.0.0/0", True)):
        rule = permission(PORT, cidr=cidr)
        vpc.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        assert is_served() == served, cidr
        vpc.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[rule])
    assert not is_served()
    vpc.stop(task)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[tuple[str, int]]:
    """Something of the internet: a server at another address of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("0.0.0.0", 0), Handler)  # noqa: S104  (only addresses of this machine lead there)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    default = docker.from_env().networks.get("bridge").attrs["IPAM"]["Config"][0]
    yield default.get("Gateway") or default["Subnet"].replace(".0/16", ".1"), server.server_address[1]
    server.shutdown()


def test_way_out_is_by_routes_and_egress(
    vpc: Vpc, client: Task, client_group: str, cloud: Settings, elsewhere: tuple[str, int]
) -> None:
    """A private subnet leads out by its NAT gateway, which it may lose."""
    host, port = elsewhere
    apis = cloud.subnet.replace("0/24", "2"), cloud.gateway_port
    assert client.reaches(host, port)
    assert client.gets(*apis, "/", "sts")
    every = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    https = permission(443, cidr="0.0.0.0/0")
    vpc.ec2.revoke_security_group_egress(GroupId=client_group, IpPermissions=[every])
    try:
        assert not client.gets(*apis, "/", "sts")
        vpc.ec2.authorize_security_group_egress(GroupId=client_group, IpPermissions=[https])
        assert client.gets(*apis, "/", "sts")
        assert not client.reaches(host, port)
        vpc.ec2.revoke_security_group_egress(GroupId=client_group, IpPermissions=[https])
    finally:
        vpc.ec2.authorize_security_group_egress(GroupId=client_group, IpPermissions=[every])
    filters = [{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "association.main", "Values": ["true"]}]
    (table,) = vpc.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    (route,) = (one for one in table["Routes"] if "NatGatewayId" in one)
    anywhere = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    vpc.ec2.delete_route(**anywhere)
    try:
        assert not client.reaches(host, port)
        assert not client.gets(*apis, "/", "sts")
        # What a task asks on its own machine.
        assert client.gets(*apis, "/v2/credentials/none")
    finally:
        vpc.ec2.create_route(**anywhere, NatGatewayId=route["NatGatewayId"])
    assert client.reaches(host, port)


@pytest.fixture
def no_way_out(vpc: Vpc) -> Iterator[str]:
    """Id of the private subnets' route table, which leads nowhere for the time of a test."""
    filters = [{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "association.main", "Values": ["true"]}]
    (table,) = vpc.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    (route,) = (one for one in table["Routes"] if "NatGatewayId" in one)
    anywhere = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    vpc.ec2.delete_route(**anywhere)
    yield table["RouteTableId"]
    vpc.ec2.create_route(**anywhere, NatGatewayId=route["NatGatewayId"])


@contextmanager
def endpoint(vpc: Vpc, service: str, **more: Any) -> Iterator[str]:
    """An endpoint of the VPC to a service; its id."""
    made = vpc.ec2.create_vpc_endpoint(VpcId=vpc.id, ServiceName=f"com.amazonaws.us-east-1.{service}", **more)
    identifier = made["VpcEndpoint"]["VpcEndpointId"]
    try:
        yield identifier
    finally:
        vpc.ec2.delete_vpc_endpoints(VpcEndpointIds=[identifier])


@contextmanager
def egress(vpc: Vpc, group: str, *rules: Json) -> Iterator[None]:
    """Let a group out as these rules say, and nowhere else."""
    every = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    vpc.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[every])
    try:
        if rules:
            vpc.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=list(rules))
        yield
        if rules:
            vpc.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=list(rules))
    finally:
        vpc.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[every])


def test_gateway_endpoint_is_a_way_to_public_addresses(
    vpc: Vpc, client: Task, client_group: str, cloud: Settings, no_way_out: str
) -> None:
    apis = cloud.subnet.replace("0/24", "2"), cloud.gateway_port
    presigned = "/none?X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0"
    assert not client.gets(*apis, "/none", "s3")
    assert not client.gets(*apis, presigned)
    with endpoint(vpc, "s3", RouteTableIds=[vpc.isolated_table]):
        assert not client.gets(*apis, "/none", "s3")
    names = [f"com.amazonaws.us-east-1.{one}" for one in ("s3", "dynamodb")]
    lists = vpc.ec2.describe_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": names}])["PrefixLists"]
    by_name = {one["PrefixListName"].rpartition(".")[2]: one["PrefixListId"] for one in lists}
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    with endpoint(vpc, "s3", RouteTableIds=[no_way_out]):
        assert client.gets(*apis, "/none", "s3")
        assert client.gets(*apis, presigned)
        assert not client.gets(*apis, "/none", "s3", "eu-central-1")
        assert not client.gets(*apis, "/", "sts")
        for rules, allowed in (
            ([], False),
            ([permission(443, cidr="10.8.0.0/16")], False),
            ([https | {"PrefixListIds": [{"PrefixListId": by_name["dynamodb"]}]}], False),
            ([https | {"PrefixListIds": [{"PrefixListId": by_name["s3"]}]}], True),
        ):
            with egress(vpc, client_group, *rules):
                assert client.gets(*apis, "/none", "s3") == allowed, rules


def test_gateway_endpoints_are_of_two_services(vpc: Vpc) -> None:
    refusal = r"InvalidParameter.*Endpoint type \(Gateway\) does not match available service types \(\[Interface\]\)"
    with pytest.raises(ClientError, match=refusal), endpoint(vpc, "sts"):
        pass


@pytest.mark.usefixtures("no_way_out")
def test_interface_endpoint_is_a_way_in_the_vpc(vpc: Vpc, client: Task, client_group: str, cloud: Settings) -> None:
    apis, group = (cloud.subnet.replace("0/24", "2"), cloud.gateway_port), vpc.group()
    options = {"VpcEndpointType": "Interface", "SubnetIds": [vpc.private, vpc.isolated], "SecurityGroupIds": [group]}
    with endpoint(vpc, "sts", **options) as identifier:
        (shown,) = vpc.ec2.describe_vpc_endpoints(VpcEndpointIds=[identifier])["VpcEndpoints"]
        assert ([one["GroupId"] for one in shown["Groups"]], shown["PrivateDnsEnabled"]) == ([group], True)
        # Its own group lets nobody in.
        assert not client.gets(*apis, "/", "sts")
        allow(vpc.ec2, group, 443, group=client_group)
        assert client.gets(*apis, "/", "sts")
        assert not client.gets(*apis, "/", "ssm")
        prefix_list = {"PrefixListIds": [{"PrefixListId": "pl-00000000"}]}
        for rule, allowed in (
            (permission(443, cidr="10.8.0.0/16"), True),
            (permission(443, group=group), True),
            (permission(443, cidr="10.8.1.0/24"), False),
            ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443} | prefix_list, False),
        ):
            with egress(vpc, client_group, rule):
                assert client.gets(*apis, "/", "sts") == allowed, rule
        vpc.ec2.modify_vpc_endpoint(VpcEndpointId=identifier, PrivateDnsEnabled=False)
        assert not client.gets(*apis, "/", "sts")


def test_private_dns_of_an_endpoint_leaves_no_other_way(vpc: Vpc, client: Task, cloud: Settings) -> None:
    """Though there is a NAT gateway."""
    apis, group = (cloud.subnet.replace("0/24", "2"), cloud.gateway_port), vpc.group()
    options = {"VpcEndpointType": "Interface", "SubnetIds": [vpc.private], "SecurityGroupIds": [group]}
    assert client.gets(*apis, "/", "sts")
    with endpoint(vpc, "sts", **options) as identifier:
        assert not client.gets(*apis, "/", "sts")
        assert client.gets(*apis, "/", "ssm")
        vpc.ec2.modify_vpc_endpoint(VpcEndpointId=identifier, PrivateDnsEnabled=False)
        assert client.gets(*apis, "/", "sts")


def test_control_is_for_this_machine_only(aws: Client, client: Task, cloud: Settings) -> None:
    host, port = cloud.subnet.replace("0/24", "2"), cloud.gateway_port
    key = aws("sts").get_session_token()["Credentials"]["AccessKeyId"]

    def status(method: str, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(method, path)
        return connection.getresponse().status

    assert client.status(host, port, "GET", "/_slipway/identity") == "404"
    assert client.status(host, port, "POST", f"/_slipway/expire/{key}") == "404"
    assert client.status(host, port, "GET", "/_ministack/ready") == "404"
    assert status("GET", "/_ministack/ready") == 200
    assert status("GET", "/_slipway/identity") == 200
    assert status("POST", f"/_slipway/expire/{key}") == 204


def test_load_balancer_reaches_targets_from_its_own_group(aws: Client, services: Services, cloud: Settings) -> None:
    """Requests and health checks; and itself, it is reached as its group says."""
    balancer, ec2 = Balancer(aws, "temu-network"), aws("ec2")
    vpc = ec2.describe_security_groups(GroupIds=[balancer.security_group])["SecurityGroups"][0]["VpcId"]
    app = ec2.create_security_group(GroupName="temu-app", Description="temu", VpcId=vpc)["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": balancer.subnets, "securityGroups": [app]}}
    definition = services.define("temu-network")
    arn = services.run(definition, networkConfiguration=network)
    task = wait_until(lambda: (it := services.task(arn))["lastStatus"] == "RUNNING" and it)
    details = {detail["name"]: detail["value"] for detail in task["attachments"][0]["details"]}
    target = {"Id": details["privateIPv4Address"], "Port": PORT}
    aws("elbv2").register_targets(TargetGroupArn=balancer.group, Targets=[target])
    wait_until(lambda: balancer.target_states() == ["unhealthy"], 60)
    allow(ec2, app, PORT, group=balancer.security_group)
    wait_until(lambda: balancer.target_states() == ["healthy"], 60)
    assert ask(cloud, balancer.dns_name)[0] == 200
    assert not machine_reaches(details["privateIPv4Address"])
    ec2.revoke_security_group_ingress(
        GroupId=balancer.security_group, IpPermissions=[permission(443, cidr="0.0.0.0/0")]
    )
    status, said = ask(cloud, balancer.dns_name)
    assert (status, "let nobody in on 443" in said) == (503, True)
    assert ask(cloud, balancer.dns_name, tls=False)[0] == 200
    services.ecs.stop_task(cluster=CLUSTER, task=arn)
    balancer.remove()


def test_database_is_reached_as_its_groups_say(aws: Client, vpc: Vpc, client: Task, client_group: str) -> None:
    rds, group = aws("rds"), vpc.group()
    rds.create_db_subnet_group(
        DBSubnetGroupName="temu-network", DBSubnetGroupDescription="t", SubnetIds=[vpc.public, vpc.private]
    )
    rds.create_db_instance(
        DBInstanceIdentifier="temu-network",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="postgres",
        MasterUserPassword="password-1",
        DBSubnetGroupName="temu-network",
        VpcSecurityGroupIds=[group],
        PubliclyAccessible=False,
    )

    def available() -> Any:
        found = rds.describe_db_instances(DBInstanceIdentifier="temu-network")["DBInstances"][0]
        return found if found["DBInstanceStatus"] == "available" else None

    address = wait_until(available)["Endpoint"]["Address"]
    assert not client.reaches(address, 5432)
    allow(vpc.ec2, group, 5432, group=client_group)
    assert client.reaches(address, 5432)
    allow(vpc.ec2, group, 5432, cidr="127.0.0.1/32")
    assert not machine_reaches(address, 5432)
    # One of its subnets is private.
    rds.modify_db_instance(DBInstanceIdentifier="temu-network", PubliclyAccessible=True, ApplyImmediately=True)
    assert not machine_reaches(address, 5432)
    rds.delete_db_instance(DBInstanceIdentifier="temu-network", SkipFinalSnapshot=True)


def at_address(engine: docker.DockerClient, cloud: Settings, like: Task) -> Task:
    """Somebody's container at the address that a task has had."""
    network = cloud.network_name
    networking = engine.api.create_networking_config(
        {network: engine.api.create_endpoint_config(ipv4_address=like.address)}
    )
    image = like.container.attrs["Config"]["Image"]
    made = engine.api.create_container(image, command=["sleep", "600"], networking_config=networking)
    engine.api.start(made["Id"])
    return Task("", engine.containers.get(made["Id"]), like.address, "")


def test_address_of_a_container_that_is_gone_has_no_rights(
    vpc: Vpc, server: Task, engine: docker.DockerClient, cloud: Settings, server_group: str, rules: list[Json]
) -> None:
    """Whoever removed it; the engine gives its address to another."""
    group = vpc.group()
    let_in(vpc, server_group, rules, permission(PORT, group=group))
    gone = vpc.start(group)
    assert gone.reaches(server.address)
    gone.container.remove(force=True)
    stranger = at_address(engine, cloud, gone)
    try:
        wait_until(lambda: not stranger.reaches(server.address), 20)
    finally:
        stranger.container.remove(force=True)


def test_task_that_stops_is_reached_until_it_has_ended(
    vpc: Vpc, client: Task, services: Services, cloud: Settings, client_group: str
) -> None:
    definition, group = services.define("temu-linger", container={"stopTimeout": 100}, STUBBORN="1"), vpc.group()
    allow(vpc.ec2, group, PORT, group=client_group)
    stopping = vpc.start(group, definition=definition, ports=(PORT,))
    vpc.stop(stopping)
    wait_until(lambda: services.task(stopping.arn)["lastStatus"] == "STOPPING")
    # A change has the rules made again.
    allow(vpc.ec2, group, OTHER_PORT, group=client_group)
    assert client.reaches(stopping.address)
    assert stopping.gets(cloud.subnet.replace("0/24", "2"), cloud.gateway_port, "/", "sts")
    interfaces = {"Filters": [{"Name": "group-id", "Values": [group]}]}
    assert vpc.ec2.describe_network_interfaces(**interfaces)["NetworkInterfaces"]
    stopping.container.kill()
    wait_until(lambda: services.task(stopping.arn)["lastStatus"] == "STOPPED")
    assert not vpc.ec2.describe_network_interfaces(**interfaces)["NetworkInterfaces"]


def helper_container(engine: docker.DockerClient, network: str) -> Any:
    """The container that holds the table of a network; None where none does."""
    found = engine.containers.list(filters={"label": f"{LABEL}={network}"})
    return found[0] if found else None


@pytest.fixture
def _another_helper(engine: docker.DockerClient, cloud: Settings) -> None:
    """Somebody removes the container that holds the rules."""
    helper_container(engine, cloud.network_name).remove(force=True)


@pytest.mark.usefixtures("_another_helper")
def test_rules_change_after_their_container_has_ended(
    vpc: Vpc, server: Task, client: Task, server_group: str, rules: list[Json]
) -> None:
    assert not client.reaches(server.address)
    let_in(vpc, server_group, rules, permission(PORT, cidr="0.0.0.0/0"))
    assert client.reaches(server.address)
    assert not client.reaches(server.address, OTHER_PORT)


def test_slow_change_of_rules_lets_requests_through(aws: Client, engine: docker.DockerClient, cloud: Settings) -> None:
    balancer, helper = Balancer(aws, "temu-slow"), helper_container(engine, cloud.network_name)
    group, rule = balancer.security_group, permission(8000, cidr="0.0.0.0/0")
    helper.pause()
    try:
        change = threading.Thread(
            target=aws("ec2").authorize_security_group_ingress, kwargs={"GroupId": group, "IpPermissions": [rule]}
        )
        change.start()
        # The emulator has it by then.
        change.join(1)
        assert ask(cloud, balancer.dns_name)[0] == 503
        assert change.is_alive()
    finally:
        helper.unpause()
    change.join()
    balancer.remove()


class TestHelper:
    """The container that holds a table."""

    NETWORK = "temu-helper"
    TABLE = f"table inet {table_name(NETWORK)}"

    @pytest.fixture
    def helper(self, engine: docker.DockerClient) -> Iterator[Helper]:
        remove(engine, self.NETWORK)
        helper = Helper(engine, self.NETWORK)
        yield helper
        helper.close()
        assert f"{self.TABLE}\n" not in tables()

    def hold(self, helper: Helper, chain: str) -> None:
        name = table_name(self.NETWORK)
        text = f"{self.TABLE}\ndelete {self.TABLE}\nadd {self.TABLE}\nadd chain inet {name} {chain}\n"
        helper.hold("table", "nft", "-f", "-", given=text)

    def test_another_takes_the_place_of_one_that_was_removed(self, engine: docker.DockerClient, helper: Helper) -> None:
        self.hold(helper, "first")
        before = helper_container(engine, self.NETWORK)
        before.remove(force=True)
        wait_until(lambda: (one := helper_container(engine, self.NETWORK)) and one.id != before.id, 60)
        self.hold(helper, "second")
        assert "chain second" in tables("ruleset")

    def test_what_held_holds_again(self, engine: docker.DockerClient, helper: Helper) -> None:
        """A container whose client ends deletes its table."""
        self.hold(helper, "first")
        before = helper_container(engine, self.NETWORK)
        helper._process.kill()
        wait_until(lambda: (one := helper_container(engine, self.NETWORK)) and one.id != before.id, 60)
        wait_until(lambda: "chain first" in tables("ruleset"), 60)

    def test_another_takes_the_place_of_one_that_does_not_answer(
        self, engine: docker.DockerClient, helper: Helper, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.hold(helper, "first")
        before = helper_container(engine, self.NETWORK)
        before.pause()
        monkeypatch.setattr("slipway_emulator.vpc.helper._ANSWER_SECONDS", 10)
        # More than a pipe takes.
        text = "".join(f"add chain inet {table_name(self.NETWORK)} chain{number}\n" for number in range(5000))
        helper.hold("chains", "nft", "-f", "-", given=text)
        assert helper_container(engine, self.NETWORK).id != before.id
        assert "chain4999" in tables("ruleset")

    def test_command_that_fails(self, helper: Helper) -> None:
        with pytest.raises(NetworkError, match=r"nft -f -: .*syntax error"):
            helper.hold("table", "nft", "-f", "-", given="tabel")
        self.hold(helper, "first")


def tables(what: str = "tables") -> str:
    client = docker.from_env()
    # Docker may lose what a container says that ends while it is followed: the log is read when it has ended.
    container = client.containers.run(
        NETWORK_IMAGE, ["nft", "list", what], detach=True, network_mode="host", cap_add=["NET_ADMIN"]
    )
    try:
        container.wait()
        return str(container.logs(stderr=False).decode())
    finally:
        container.remove(force=True)


def test_table_ends_with_the_emulator() -> None:
    """With one that is killed, too, and a start finds what was left."""
    settings = settings_beside("temu-killed", 13)
    name = f"table inet {table_name(settings.network_name)}\n"
    cli.stop(settings)
    cli.start(settings)
    assert name in tables()
    process = cli.running_process(settings)
    assert process
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: name not in tables(), 30)
    cli.start(settings)
    assert name in tables()
    cli.stop(settings)
    assert name not in tables()


def test_start_without_enforcement_closes_nothing() -> None:
    settings = dataclasses.replace(settings_beside("temu-open", 13), enforce_network=False)
    cli.stop(settings)
    cli.start(settings)
    assert table_name(settings.network_name) not in tables()
    cli.stop(settings)


def test_start_says_what_to_do_where_nothing_is_enforced(engine: docker.DockerClient) -> None:
    """The table is for another bridge here, so that it holds as little as where the engine's bridge passes it by."""
    settings = settings_beside("temu-blind", 13)
    network = ContainerNetwork(engine, settings.network_name, settings.subnet)
    other = engine.networks.create("temu-other")
    network.bridge = f"br-{other.id[:12]}"
    try:
        with pytest.raises(NetworkError, match=r"bridge-nf-call-iptables=1.*--no-enforce-network"):
            Firewall(engine, network, settings.gateway_port)
    finally:
        other.remove()
        engine.networks.get(settings.network_name).remove()
    assert table_name(settings.network_name) not in tables()


def test_start_without_the_image_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "NETWORK_IMAGE", "temu-none:1")
    settings = settings_beside("temu-none", 13)
    assert cli.main(["start", *settings.options()]) == 1
    said = capsys.readouterr().err
    assert "slipway-emulator images" in said
    assert "--no-enforce-network" in said
