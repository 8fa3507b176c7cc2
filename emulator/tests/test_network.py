"""Security groups and routes: what they allow gets through, and nothing else does."""

from __future__ import annotations

import dataclasses
import http.client
import os
import signal
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import docker
import pytest

from emulator.tests.clouds import settings_beside
from emulator.tests.stack import (
    CLUSTER,
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
from slipway_emulator.vpc.helper import table_name

Json = dict[str, Any]

PORT, OTHER_PORT = 8000, 8001
SERVE = ["sh", "-c", f"python -m http.server {OTHER_PORT} & exec python -u /server.py"]
# Longer than a connection on one machine takes, shorter than TCP's first repetition.
CONNECT = """
import socket, sys
s = socket.socket()
s.settimeout(0.8)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
except TimeoutError:
    sys.exit(9)
"""
GET = """
import http.client, sys
c = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=4)
headers = {"Authorization": sys.argv[4]} if len(sys.argv) > 4 else {}
try:
    c.request("GET", sys.argv[3], headers=headers)
    print(c.getresponse().status)
except TimeoutError:
    sys.exit(9)
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

    def start(self, group: str, subnet: str = "", public: bool = False) -> Task:
        """Start a task that listens at two ports."""
        network = {
            "subnets": [subnet or self.private],
            "securityGroups": [group],
            "assignPublicIp": "ENABLED" if public else "DISABLED",
        }
        arn = self._services.run(self._definition, networkConfiguration={"awsvpcConfiguration": network})
        task = wait_until(lambda: (it := self._services.task(arn))["lastStatus"] in ("RUNNING", "STOPPED") and it)
        assert task["lastStatus"] == "RUNNING", task["stoppedReason"]
        (container,) = self._engine.containers.list(filters={"label": f"com.amazonaws.ecs.task-arn={arn}"})
        details = {detail["name"]: detail["value"] for detail in task["attachments"][0]["details"]}
        started = Task(arn, container, details["privateIPv4Address"], details["networkInterfaceId"])
        # It asks itself: no security group is in between.
        wait_until(lambda: all(started.run(CONNECT, "127.0.0.1", str(port)) == 0 for port in (PORT, OTHER_PORT)))
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

    def gets(self, url_host: str, port: int, path: str, service: str = "") -> bool:
        """Whether an HTTP request is answered, one that is signed for a service if that is named."""
        scope = f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request" if service else ""
        code = self.run(GET, url_host, str(port), path, *([scope] if scope else []))
        assert code in (0, 9)
        return code == 0


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


def test_rule_that_is_modified_holds_at_once(
    vpc: Vpc, server: Task, client: Task, server_group: str, client_group: str, rules: list[Json]
) -> None:
    rule = permission(OTHER_PORT, group=client_group)
    vpc.ec2.authorize_security_group_ingress(GroupId=server_group, IpPermissions=[rule])
    assert not client.reaches(server.address)
    filters = [{"Name": "group-id", "Values": [server_group]}]
    found = vpc.ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    (identifier,) = (one["SecurityGroupRuleId"] for one in found if not one["IsEgress"])
    changed = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "ReferencedGroupId": client_group}
    vpc.ec2.modify_security_group_rules(
        GroupId=server_group, SecurityGroupRules=[{"SecurityGroupRuleId": identifier, "SecurityGroupRule": changed}]
    )
    rules.append(permission(PORT, group=client_group))
    assert client.reaches(server.address)
    assert not client.reaches(server.address, OTHER_PORT)


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


def test_endpoint_of_the_vpc_is_a_way_to_its_service(vpc: Vpc, client: Task, cloud: Settings) -> None:
    filters = [{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "association.main", "Values": ["true"]}]
    (table,) = vpc.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    (route,) = (one for one in table["Routes"] if "NatGatewayId" in one)
    anywhere = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    apis = cloud.subnet.replace("0/24", "2"), cloud.gateway_port
    vpc.ec2.delete_route(**anywhere)
    try:
        assert not client.gets(*apis, "/none", "s3")
        made = vpc.ec2.create_vpc_endpoint(
            VpcId=vpc.id, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[table["RouteTableId"]]
        )
        assert client.gets(*apis, "/none", "s3")
        assert not client.gets(*apis, "/", "sts")
        vpc.ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpoint"]["VpcEndpointId"]])
    finally:
        vpc.ec2.create_route(**anywhere, NatGatewayId=route["NatGatewayId"])


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


def tables() -> str:
    client = docker.from_env()
    output: bytes = client.containers.run(
        NETWORK_IMAGE, ["nft", "list", "tables"], remove=True, network_mode="host", cap_add=["NET_ADMIN"]
    )
    return output.decode()


def test_table_ends_with_the_emulator() -> None:
    """With one that is killed, too, and a start finds what was left."""
    settings = settings_beside("temu-killed", 40)
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
    settings = dataclasses.replace(settings_beside("temu-open", 40), enforce_network=False)
    cli.stop(settings)
    cli.start(settings)
    assert table_name(settings.network_name) not in tables()
    cli.stop(settings)


def test_start_says_what_to_do_where_nothing_is_enforced(engine: docker.DockerClient) -> None:
    """The table is for another bridge here, so that it holds as little as where the engine's bridge passes it by."""
    settings = settings_beside("temu-blind", 40)
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
    settings = settings_beside("temu-none", 40)
    assert cli.main(["start", *settings.options()]) == 1
    said = capsys.readouterr().err
    assert "slipway-emulator images" in said
    assert "--no-enforce-network" in said
