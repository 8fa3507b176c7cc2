"""What the tests share: a load balancer and ECS services of the test image, made with boto3, and waiting."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from slipway_emulator.settings import Settings

Json = dict[str, Any]
Client = Callable[[str], Any]

CLUSTER = "temu"
# What starts a container out of ECR and keeps its log.
EXECUTION_ACTIONS = (
    "ecr:GetAuthorizationToken",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)
# Programs for a container, whose exit code is 9 where nobody answers. Longer than a connection on one machine takes,
# shorter than TCP's first repetition.
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


def free_subnet(engine: docker.DockerClient, network: str) -> str:
    """A subnet that no Docker network has but the one of that name, whoever left the others."""
    taken = {
        configuration["Subnet"]
        for other in engine.networks.list()
        if other.name != network
        for configuration in other.attrs["IPAM"]["Config"] or []
    }
    return next(subnet for i in range(171, 250) if (subnet := f"169.254.{i}.0/24") not in taken)


def lead_out(ec2: Any, vpc: str, subnet: str) -> str:
    """Lead the main route table of a VPC to a NAT gateway in one of its subnets; its internet gateway's id."""
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    ec2.create_route(RouteTableId=main_table(ec2, vpc), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    return str(gateway)


def make_public(ec2: Any, vpc: str, subnets: list[str], gateway: str) -> None:
    """Lead subnets to an internet gateway, by a route table of their own."""
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)


def permission(port: int, cidr: str = "", group: str = "", protocol: str = "tcp") -> Json:
    """A permission of a security group for one port."""
    peers: Json = {"IpRanges": [{"CidrIp": cidr}]} if cidr else {"UserIdGroupPairs": [{"GroupId": group}]}
    return {"IpProtocol": protocol, "FromPort": port, "ToPort": port} | peers


def allow(ec2: Any, allowing: str, port: int, **peer: str) -> None:
    """Have a security group let somebody in at a port."""
    ec2.authorize_security_group_ingress(GroupId=allowing, IpPermissions=[permission(port, **peer)])


def main_table(ec2: Any, vpc: str) -> str:
    """Id of the main route table of a VPC."""
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    return str(ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"])


def machine_reaches(address: str, port: int = 8000) -> bool:
    """Whether a connection from this machine is answered."""
    try:
        socket.create_connection((address, port), 0.8).close()
    except TimeoutError:
        return False
    return True


class Balancer:
    """A load balancer with a plain and a TLS listener and one target group, and its removal."""

    def __init__(self, aws: Client, name: str, target_type: str = "ip", port: int = 80) -> None:
        self._aws = aws
        ec2, elb = aws("ec2"), aws("elbv2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
                "SubnetId"
            ]
            for i, zone in enumerate("ab")
        ]
        public = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
                "SubnetId"
            ]
            for i, zone in enumerate("ab", 2)
        ]
        make_public(ec2, vpc, public, lead_out(ec2, vpc, public[0]))
        self.security_group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        allow(ec2, self.security_group, 8000, group=self.security_group)
        for listener in (80, 443):
            allow(ec2, self.security_group, listener, cidr="0.0.0.0/0")
        balancer = elb.create_load_balancer(Name=name, Subnets=public, SecurityGroups=[self.security_group])[
            "LoadBalancers"
        ][0]
        self.arn, self.dns_name = balancer["LoadBalancerArn"], balancer["DNSName"]
        self.group = elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=port,
            VpcId=vpc,
            TargetType=target_type,
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.certificate = issued_certificate(aws, self.dns_name)
        forward = [{"Type": "forward", "TargetGroupArn": self.group}]
        elb.create_listener(LoadBalancerArn=self.arn, Protocol="HTTP", Port=80, DefaultActions=forward)
        elb.create_listener(
            LoadBalancerArn=self.arn,
            Protocol="HTTPS",
            Port=443,
            Certificates=[{"CertificateArn": self.certificate}],
            DefaultActions=forward,
        )

    def target_states(self) -> list[str]:
        """States of the registered targets."""
        return [target["TargetHealth"]["State"] for target in self._health()]

    def targets(self, state: str) -> list[str]:
        """Ids of the registered targets in a state."""
        return [target["Target"]["Id"] for target in self._health() if target["TargetHealth"]["State"] == state]

    def _health(self) -> list[Json]:
        answer = self._aws("elbv2").describe_target_health(TargetGroupArn=self.group)
        descriptions: list[Json] = answer["TargetHealthDescriptions"]
        return descriptions

    def remove(self) -> None:
        """Remove load balancer, group and certificate."""
        elb = self._aws("elbv2")
        elb.delete_load_balancer(LoadBalancerArn=self.arn)
        elb.delete_target_group(TargetGroupArn=self.group)
        self._aws("acm").delete_certificate(CertificateArn=self.certificate)


def issued_certificate(aws: Client, name: str) -> str:
    """ARN of a new certificate for a DNS name, whose record has proven it and is gone again."""
    acm, route53 = aws("acm"), aws("route53")
    arn: str = acm.request_certificate(DomainName=name, ValidationMethod="DNS")["CertificateArn"]
    (option,) = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    record = option["ResourceRecord"]
    value = {"TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]}
    zone = route53.create_hosted_zone(Name=name.removeprefix("*."), CallerReference=arn)["HostedZone"]["Id"]
    for action in ("CREATE", "DELETE"):
        change = {"Action": action, "ResourceRecordSet": {"Name": record["Name"], "Type": record["Type"]} | value}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    route53.delete_hosted_zone(Id=zone)
    return arn


def ask(cloud: Settings, name: str, path: str = "/", tls: bool = True, token: str = "") -> tuple[int, str]:
    """Status and body of a GET, by the load balancer's name and with its certificate verified."""
    headers = {"Host": name} | ({"Authorization": f"Bearer {token}"} if token else {})
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = True, ssl.CERT_REQUIRED
        connection: http.client.HTTPConnection = _Named(name, cloud.https_port, context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", cloud.http_port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class _Named(http.client.HTTPSConnection):
    """Connects to loopback whatever the name: plain Python does not resolve names under .localhost."""

    def __init__(self, name: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(name, port, timeout=10, context=context)
        self._create_connection = lambda address, *rest: _connect(("127.0.0.1", address[1]), *rest)


def _connect(address: tuple[str, int], *rest: Any) -> Any:
    return socket.create_connection(address, *rest)


class Load:
    """A steady, light load in the background; use with `with`."""

    def __init__(self, cloud: Settings, name: str, per_second: float = 20) -> None:
        self._cloud, self._name, self._pause = cloud, name, 1 / per_second
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]
        self.answers: list[tuple[int, str]] = []

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._pause * len(self._threads)):
            try:
                self.answers.append(ask(self._cloud, self._name))
            except OSError as error:
                self.answers.append((0, str(error)))

    @property
    def failures(self) -> list[tuple[int, str]]:
        """Every answer that is not 200."""
        return [answer for answer in self.answers if answer[0] != 200]


def deployment(maximum: int, minimum: int) -> Json:
    """How a service is deployed, with a circuit breaker that rolls back."""
    breaker = {"enable": True, "rollback": True}
    return {"maximumPercent": maximum, "minimumHealthyPercent": minimum, "deploymentCircuitBreaker": breaker}


class Services:
    """ECS services and tasks of the test image on one cluster."""

    def __init__(self, aws: Client, image: str) -> None:
        self.ecs = aws("ecs")
        self.image = image
        self.ecs.create_cluster(clusterName=CLUSTER)
        logs = aws("logs")
        logs.create_log_group(logGroupName="/temu")
        self.logs = logs
        self.execution_role = make_role(aws, "temu-execution", "ecs-tasks.amazonaws.com", *EXECUTION_ACTIONS)

    def define(
        self,
        family: str,
        *,
        health_check: bool = False,
        retries: int = 3,
        container: Json | None = None,
        **environment: str,
    ) -> str:
        """ARN of a new revision whose container has this environment, and is unhealthy after so many failed checks."""
        definition: Json = {
            "name": "app",
            "image": self.image,
            "essential": True,
            "environment": [{"name": name, "value": value} for name, value in environment.items()],
            "portMappings": [{"containerPort": 8000}],
            "stopTimeout": 10,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/temu",
                    "awslogs-region": "us-east-1",
                    "awslogs-stream-prefix": "t",
                },
            },
        }
        if health_check:
            # No interpreter, and more than one failure: a busy machine must not make a healthy container unhealthy. The
            # containers of a service are checked at the same times, and would be replaced all at once.
            check = ["CMD-SHELL", "test -e /tmp/healthy"]
            definition["healthCheck"] = {"command": check, "interval": 5, "retries": retries}
        answer = self.ecs.register_task_definition(
            family=family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn=self.execution_role,
            cpu="256",
            memory="128",
            containerDefinitions=[definition | (container or {})],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def create(self, name: str, definition: str, count: int, balancer: Balancer | None = None, **more: Any) -> Json:
        """Create a service with a circuit breaker that rolls back."""
        if balancer:
            more["loadBalancers"] = [{"targetGroupArn": balancer.group, "containerName": "app", "containerPort": 8000}]
            more["networkConfiguration"] = {
                "awsvpcConfiguration": {
                    "subnets": balancer.subnets,
                    "securityGroups": [balancer.security_group],
                }
            }
        service: Json = self.ecs.create_service(
            cluster=CLUSTER,
            serviceName=name,
            taskDefinition=definition,
            desiredCount=count,
            launchType="FARGATE",
            **{"deploymentConfiguration": deployment(200, 100)} | more,
        )["service"]
        return service

    def update(self, name: str, **changes: Any) -> Json:
        """UpdateService."""
        service: Json = self.ecs.update_service(cluster=CLUSTER, service=name, **changes)["service"]
        return service

    def describe(self, name: str) -> Json:
        """DescribeServices of one."""
        service: Json = self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]
        return service

    def tasks(self, name: str, status: str = "RUNNING") -> list[Json]:
        """The tasks of a service by desired status."""
        arns = self.ecs.list_tasks(cluster=CLUSTER, serviceName=name, desiredStatus=status)["taskArns"]
        if not arns:
            return []
        tasks: list[Json] = self.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]
        return tasks

    def run(self, definition: str, **more: Any) -> str:
        """ARN of a task of its own."""
        answer = self.ecs.run_task(cluster=CLUSTER, taskDefinition=definition, launchType="FARGATE", **more)
        return str(answer["tasks"][0]["taskArn"])

    def task(self, arn: str) -> Json:
        """DescribeTasks of one."""
        task: Json = self.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"][0]
        return task

    def log(self, arn: str) -> list[str]:
        """The log lines of a task."""
        answer = self.logs.get_log_events(
            logGroupName="/temu", logStreamName=f"t/app/{arn.rsplit('/', 1)[-1]}", startFromHead=True
        )
        return [event["message"] for event in answer["events"]]

    def is_complete(self, name: str, definition: str) -> bool:
        """Whether the service's only deployment is a complete one of this definition."""
        deployments = self.describe(name)["deployments"]
        return len(deployments) == 1 and (
            deployments[0]["taskDefinition"],
            deployments[0]["rolloutState"],
        ) == (
            definition,
            "COMPLETED",
        )

    def remove(self, *names: str) -> None:
        """Delete services and wait until they are gone."""
        for name in names:
            self.ecs.delete_service(cluster=CLUSTER, service=name, force=True)
        while any(self.describe(name)["status"] != "INACTIVE" for name in names):
            time.sleep(0.2)


def aws_environment(cloud: Settings) -> dict[str, str]:
    """The environment variables that lead AWS's clients to the emulator."""
    return {"AWS_ENDPOINT_URL": cloud.gateway_url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def google_environment(cloud: Settings) -> dict[str, str]:
    """The environment variables that lead Google's clients to the emulator, as inventories/dev has them."""
    products = {
        "ARTIFACT_REGISTRY": "artifactregistry/v1",
        "CLOUD_RUN_V2": "run/v2",
        "CLOUD_SCHEDULER": "cloudscheduler/v1",
        "COMPUTE": "compute/v1",
        "DNS": "dns/v1",
        "IAM": "iam/v1",
        "IAM_BETA": "iam/v1",
        "IAM_CREDENTIALS": "iamcredentials/v1",
        "LOGGING": "logging/v2",
        "RESOURCE_MANAGER": "cloudresourcemanager/v1",
        "SECRET_MANAGER": "secretmanager/v1",
        "SERVICE_NETWORKING": "servicenetworking/v1",
        "SERVICE_USAGE": "serviceusage/v1",
        "SQL": "sqladmin/sql/v1beta4",
        "STORAGE": "storage/v1",
    }
    endpoints = {f"GOOGLE_{name}_CUSTOM_ENDPOINT": f"{cloud.google_url}/{path}/" for name, path in products.items()}
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(cloud.google_credentials_file), **endpoints}


class Terraform:
    """Runs Terraform in a copy of a root.

    Args:
        directory: where the copy and its state go.
        cloud: the emulator.
        image: the image that the root's service runs.
        root: name of the root's folder here.
        variables: the root's other variables.
    """

    def __init__(self, directory: Path, cloud: Settings, image: str, root: str = "terraform", **variables: str) -> None:
        shutil.copy(Path(__file__).parent / root / "main.tf", directory)
        self._directory = directory
        self._environment = os.environ | {
            **aws_environment(cloud),
            **google_environment(cloud),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_VAR_image": image,
            **{f"TF_VAR_{name}": value for name, value in variables.items()},
        }

    def run(self, *arguments: str) -> str:
        """What a command says; it must succeed."""
        status, said = self._command(*arguments)
        assert status == 0, said
        return said

    def fail(self, *arguments: str) -> str:
        """What a command says, without the frames of its errors; it must fail."""
        status, said = self._command(*arguments)
        assert status == 1, said
        return " ".join(said.replace("│", " ").split())

    def _command(self, *arguments: str) -> tuple[int, str]:
        result = subprocess.run(
            ["terraform", *arguments],
            cwd=self._directory,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout + result.stderr

    def apply(self) -> None:
        """Make what the root describes."""
        self.run("init", "-input=false", "-no-color")
        self.change()

    def change(self, *arguments: str) -> None:
        """Apply again, with more arguments."""
        self.run("apply", "-auto-approve", "-no-color", *arguments)


def make_role(aws: Client, name: str, service: str, *actions: str) -> str:
    """ARN of a new role that a service may assume, and that may do these things to everything."""
    iam, version = aws("iam"), "2012-10-17"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    document = json.dumps({"Version": version, "Statement": [trust]})
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    if actions:
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        document = json.dumps({"Version": version, "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
    return arn


def signed(service: str, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    """The headers of a request that boto3 would not send, with its signature."""
    request = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials("test", "test"), service, "us-east-1").add_auth(request)
    return dict(request.headers)


def ecr_credentials(aws: Client) -> Json:
    """What Docker logs in to ECR with."""
    (data,) = aws("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return {"username": user, "password": password}


def push(engine: docker.DockerClient, repository: str, tag: str, credentials: Json) -> str:
    """Push an image; the error, if any."""
    lines = engine.images.push(repository, tag=tag, auth_config=credentials, stream=True, decode=True)
    return next((line["error"] for line in lines if "error" in line), "")


def wait_until(check: Callable[[], Any], seconds: float = 240) -> Any:
    """What the check returns, as soon as that is true."""
    deadline = time.monotonic() + seconds
    while True:
        result = check()
        if result:
            return result
        assert time.monotonic() < deadline, f"not true after {seconds} s: {check.__qualname__}"
        time.sleep(0.2)
