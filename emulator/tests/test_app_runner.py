"""App Runner: its API's answers and errors, and services that really run, roll, roll back, pause and go."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from botocore.exceptions import ClientError

from emulator.tests.odd_values import NO_OBJECTS, with_odd_values
from emulator.tests.stack import (
    CONNECT,
    EXECUTION_ACTIONS,
    GET,
    Client,
    Json,
    Load,
    allow,
    ask,
    lead_out,
    machine_reaches,
    main_table,
    make_public,
    make_role,
    signed,
    wait_until,
)
from slipway_emulator.settings import Settings

LABEL = "com.amazonaws.apprunner.service-arn"
HEALTH_CHECK = {"Protocol": "HTTP", "Path": "/health", "Interval": 1, "Timeout": 2, "UnhealthyThreshold": 5}
ARN = "arn:aws:apprunner:us-east-1:000000000000:service/temu-none/00000000000000000000000000000000"


@pytest.fixture(scope="module")
def roles(aws: Client) -> dict[str, str]:
    """ARNs of an access role and an instance role, by the first part of the principal that may take them."""
    actions = {"build": EXECUTION_ACTIONS, "tasks": ("secretsmanager:GetSecretValue",)}
    return {kind: make_role(aws, f"temu-{kind}", f"{kind}.apprunner.amazonaws.com", *actions[kind]) for kind in actions}


class Runner:
    """App Runner services of the test image."""

    def __init__(self, aws: Client, image: str, roles: dict[str, str]) -> None:
        self.api, self.logs = aws("apprunner"), aws("logs")
        self.roles = roles
        digest = aws("ecr").describe_images(repositoryName="temu-app", imageIds=[{"imageTag": image.split(":")[-1]}])
        repository = "000000000000.dkr.ecr.us-east-1.amazonaws.com/temu-app"
        self.image = f"{repository}@{digest['imageDetails'][0]['imageDigest']}"

    def source(self, image: str = "", *, values: dict[str, str] | None = None, **variables: str) -> Json:
        """`SourceConfiguration` of an image with these variables and secrets."""
        configuration: Json = {"Port": "8000", "RuntimeEnvironmentVariables": variables}
        if values:
            configuration["RuntimeEnvironmentSecrets"] = values
        return {
            "AutoDeploymentsEnabled": False,
            "AuthenticationConfiguration": {"AccessRoleArn": self.roles["build"]},
            "ImageRepository": {
                "ImageIdentifier": image or self.image,
                "ImageRepositoryType": "ECR",
                "ImageConfiguration": configuration,
            },
        }

    def create(self, name: str, source: Json | None = None, **more: Any) -> str:
        """ARN of a new service."""
        request = {"InstanceConfiguration": {"Cpu": "0.25 vCPU", "Memory": "0.5 GB"}} | more
        answer = self.api.create_service(
            ServiceName=name,
            SourceConfiguration=source or self.source(),
            HealthCheckConfiguration=HEALTH_CHECK,
            **request,
        )
        return str(answer["Service"]["ServiceArn"])

    def describe(self, arn: str) -> Json:
        """DescribeService."""
        service: Json = self.api.describe_service(ServiceArn=arn)["Service"]
        return service

    def await_end(self, arn: str) -> Json:
        """The last operation, when it has ended."""
        wait_until(lambda: self.describe(arn)["Status"] != "OPERATION_IN_PROGRESS")
        operation: Json = self.api.list_operations(ServiceArn=arn)["OperationSummaryList"][0]
        return operation

    def log(self, arn: str, kind: str, stream_prefix: str = "") -> list[str]:
        """Lines of one of the two log groups."""
        service = self.describe(arn)
        group = f"/aws/apprunner/{service['ServiceName']}/{service['ServiceId']}/{kind}"
        events = self.logs.filter_log_events(logGroupName=group)["events"]
        # MiniStack takes no prefix, and mixes lines of the same millisecond.
        return [event["message"] for event in events if event["logStreamName"].startswith(stream_prefix)]

    def remove(self, arn: str) -> None:
        """Delete a service and wait until it is gone."""
        self.await_end(arn)
        self.api.delete_service(ServiceArn=arn)
        assert self.await_end(arn)["Status"] == "SUCCEEDED"


@pytest.fixture(scope="module")
def runner(aws: Client, image: str, roles: dict[str, str]) -> Runner:
    return Runner(aws, image, roles)


@pytest.fixture(scope="module")
def scaling(runner: Runner) -> str:
    """ARN of a configuration of two instances."""
    answer = runner.api.create_auto_scaling_configuration(
        AutoScalingConfigurationName="temu-two", MinSize=2, MaxSize=3, MaxConcurrency=50
    )
    return str(answer["AutoScalingConfiguration"]["AutoScalingConfigurationArn"])


@pytest.fixture(scope="module")
def web(runner: Runner, scaling: str) -> Iterator[str]:
    """A running service of two instances."""
    arn = runner.create("temu-web", AutoScalingConfigurationArn=scaling, Tags=[{"Key": "a", "Value": "1"}])
    assert runner.describe(arn)["Status"] == "OPERATION_IN_PROGRESS"
    operation = runner.await_end(arn)
    assert (operation["Type"], operation["Status"], operation["TargetArn"]) == ("CREATE_SERVICE", "SUCCEEDED", arn)
    yield arn
    runner.remove(arn)


def containers(engine: docker.DockerClient, arn: str) -> list[Any]:
    found: list[Any] = engine.containers.list(all=True, filters={"label": f"{LABEL}={arn}"})
    return found


def test_first_deployment(cloud: Settings, runner: Runner, engine: docker.DockerClient, web: str, scaling: str) -> None:
    service = runner.describe(web)
    assert service["Status"] == "RUNNING"
    assert service["ServiceArn"].endswith(f":service/temu-web/{service['ServiceId']}")
    assert service["ServiceUrl"].endswith(".us-east-1.awsapprunner.localhost")
    assert service["InstanceConfiguration"] == {"Cpu": "256", "Memory": "512"}
    assert service["HealthCheckConfiguration"] == HEALTH_CHECK | {"HealthyThreshold": 1}
    assert service["AutoScalingConfigurationSummary"]["AutoScalingConfigurationArn"] == scaling
    assert service["NetworkConfiguration"]["EgressConfiguration"] == {"EgressType": "DEFAULT"}
    # Over TLS, with the certificate verified.
    assert ask(cloud, service["ServiceUrl"]) == (200, "1")
    assert ask(cloud, service["ServiceUrl"], tls=False)[0] == 301
    assert len(containers(engine, web)) == 2
    for container in containers(engine, web):
        # By its name only.
        assert not machine_reaches(container.attrs["NetworkSettings"]["Networks"][cloud.network_name]["IPAddress"])
    assert runner.log(web, "application") == ["version 1 starts"] * 2
    events = runner.log(web, "service", "events")
    assert events[0] == "[AppRunner] Service creation started."
    assert events[-2:] == [
        "[AppRunner] Health check is successful. Routing traffic to application.",
        "[AppRunner] Service status is set to RUNNING.",
    ]
    assert "[AppRunner] Successfully pulled your application image from ECR." in runner.log(web, "service", "deploy")


def test_listings(runner: Runner, aws: Client, web: str, scaling: str) -> None:
    assert web in [service["ServiceArn"] for service in runner.api.list_services()["ServiceSummaryList"]]
    using = runner.api.list_services_for_auto_scaling_configuration(AutoScalingConfigurationArn=scaling)
    assert using["ServiceArnList"] == [web]
    runner.api.tag_resource(ResourceArn=web, Tags=[{"Key": "b", "Value": "2"}])
    runner.api.untag_resource(ResourceArn=web, TagKeys=["a", "none"])
    assert runner.api.list_tags_for_resource(ResourceArn=web)["Tags"] == [{"Key": "b", "Value": "2"}]
    found = aws("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "b", "Values": ["2"]}])
    assert [resource["ResourceARN"] for resource in found["ResourceTagMappingList"]] == [web]


def test_update_loses_no_request(cloud: Settings, runner: Runner, engine: docker.DockerClient, web: str) -> None:
    before = {container.id for container in containers(engine, web)}
    with Load(cloud, runner.describe(web)["ServiceUrl"]) as load:
        answer = runner.api.update_service(ServiceArn=web, SourceConfiguration=runner.source(VERSION="2"))
        operation = runner.await_end(web)
        wait_until(lambda: load.answers[-1][1] == "2")
    assert operation["Id"] == answer["OperationId"]
    assert (operation["Type"], operation["Status"]) == ("UPDATE_SERVICE", "SUCCEEDED")
    assert load.failures == []
    assert {body for _, body in load.answers} == {"1", "2"}
    after = {container.id for container in containers(engine, web)}
    assert len(after) == 2
    assert not before & after


@pytest.mark.parametrize(
    ("source", "reason", "line"),
    [
        (
            {"BEHAVIOUR": "unhealthy", "VERSION": "broken"},
            "[AppRunner] Health check failed on protocol `HTTP` [Path: '/health'], [Port: '8000']. Check your "
            "configured port number. For more information, see the application logs.",
            "version broken starts",
        ),
        (
            {"BEHAVIOUR": "crash", "VERSION": "broken"},
            "[AppRunner] Your application stopped or failed to start. See logs for more information. "
            "Container exit code: 3",
            "it breaks",
        ),
        (
            {"image": f"000000000000.dkr.ecr.us-east-1.amazonaws.com/temu-app@sha256:{'0' * 64}"},
            "[AppRunner] Failed to pull your application image. Reason: Invalid image.",
            None,
        ),
    ],
)
def test_failing_update_rolls_back(
    cloud: Settings,
    runner: Runner,
    engine: docker.DockerClient,
    web: str,
    source: dict[str, Any],
    reason: str,
    line: str | None,
) -> None:
    before = runner.describe(web)
    running = {container.id for container in containers(engine, web)}
    with Load(cloud, before["ServiceUrl"]) as load:
        answer = runner.api.update_service(
            ServiceArn=web, SourceConfiguration=runner.source(**source), InstanceConfiguration={"Memory": "1 GB"}
        )
        assert answer["Service"]["InstanceConfiguration"]["Memory"] == "1024"
        operation = runner.await_end(web)
    assert (operation["Type"], operation["Status"]) == ("UPDATE_SERVICE", "ROLLBACK_SUCCEEDED")
    after = runner.describe(web)
    assert after["Status"] == "RUNNING"
    for key in ("SourceConfiguration", "InstanceConfiguration"):
        assert after[key] == before[key]
    assert load.failures == []
    assert "broken" not in {body for _, body in load.answers}
    assert {container.id for container in containers(engine, web)} == running
    events = runner.log(web, "service", "events")
    assert reason in events
    assert f"[AppRunner] Deployment with ID : {operation['Id']} failed." in events[-2]
    if line:
        assert line in runner.log(web, "application")


def test_start_deployment_replaces_instances(runner: Runner, engine: docker.DockerClient, web: str) -> None:
    before = {container.id for container in containers(engine, web)}
    identifier = runner.api.start_deployment(ServiceArn=web)["OperationId"]
    operation = runner.await_end(web)
    assert (operation["Id"], operation["Type"], operation["Status"]) == (identifier, "START_DEPLOYMENT", "SUCCEEDED")
    assert not before & {container.id for container in containers(engine, web)}


def test_lost_instance_is_replaced(cloud: Settings, runner: Runner, engine: docker.DockerClient, web: str) -> None:
    victim = containers(engine, web)[0]
    victim.remove(force=True)
    wait_until(lambda: len(containers(engine, web)) == 2)
    url = runner.describe(web)["ServiceUrl"]
    wait_until(lambda: [ask(cloud, url)[0] for _ in range(4)] == [200] * 4)


def test_pause_and_resume(cloud: Settings, runner: Runner, engine: docker.DockerClient, web: str) -> None:
    url = runner.describe(web)["ServiceUrl"]
    runner.api.pause_service(ServiceArn=web)
    # One operation at a time.
    with pytest.raises(runner.api.exceptions.InvalidStateException):
        runner.api.resume_service(ServiceArn=web)
    operation = runner.await_end(web)
    assert (operation["Type"], operation["Status"]) == ("PAUSE_SERVICE", "SUCCEEDED")
    assert runner.describe(web)["Status"] == "PAUSED"
    assert containers(engine, web) == []
    assert ask(cloud, url)[0] == 503
    with pytest.raises(runner.api.exceptions.InvalidStateException, match="must be RUNNING"):
        runner.api.pause_service(ServiceArn=web)
    runner.api.resume_service(ServiceArn=web)
    operation = runner.await_end(web)
    assert (operation["Type"], operation["Status"]) == ("RESUME_SERVICE", "SUCCEEDED")
    assert ask(cloud, url)[0] == 200
    kinds = [o["Type"] for o in runner.api.list_operations(ServiceArn=web, MaxResults=2)["OperationSummaryList"]]
    assert kinds == ["RESUME_SERVICE", "PAUSE_SERVICE"]


def test_secrets_and_credentials(runner: Runner, aws: Client, engine: docker.DockerClient) -> None:
    arn = aws("secretsmanager").create_secret(Name="temu-runner", SecretString='{"key": "hidden"}')["ARN"]
    source = runner.source(values={"VERSION": arn, "KEY": f"{arn}:key::"})
    instance = {"Cpu": "256", "Memory": "512", "InstanceRoleArn": runner.roles["tasks"]}
    service = runner.create("temu-secrets", source, InstanceConfiguration=instance)
    assert runner.await_end(service)["Status"] == "SUCCEEDED"
    [container] = containers(engine, service)
    environment = dict(line.split("=", 1) for line in container.attrs["Config"]["Env"])
    assert (environment["VERSION"], environment["KEY"]) == ('{"key": "hidden"}', "hidden")
    assert container.attrs["Config"]["Healthcheck"] == {"Test": ["NONE"]}
    address = "os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI']"
    program = f"import os, urllib.request as r; print(r.urlopen({address}).read().decode())"
    asked = container.exec_run(["python", "-c", program])
    credentials = json.loads(asked.output)
    assert {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"} <= credentials.keys()
    assert credentials["RoleArn"] == runner.roles["tasks"]
    # What the role may not be given, as real App Runner says it.
    aws("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    runner.api.start_deployment(ServiceArn=service)
    assert runner.await_end(service)["Status"] == "ROLLBACK_SUCCEEDED"
    runner.remove(service)


def test_failed_creation_is_rebuilt_and_deleted(cloud: Settings, runner: Runner, engine: docker.DockerClient) -> None:
    service = runner.create("temu-broken", runner.source(BEHAVIOUR="crash"))
    assert runner.await_end(service)["Status"] == "FAILED"
    described = runner.describe(service)
    assert described["Status"] == "CREATE_FAILED"
    assert containers(engine, service) == []
    with pytest.raises(runner.api.exceptions.InvalidRequestException, match="already exists"):
        runner.create("temu-broken")
    runner.api.update_service(ServiceArn=service, SourceConfiguration=runner.source())
    assert runner.await_end(service)["Status"] == "SUCCEEDED"
    assert ask(cloud, described["ServiceUrl"]) == (200, "1")
    runner.remove(service)
    assert runner.describe(service)["Status"] == "DELETED"
    assert containers(engine, service) == []
    assert service not in [s["ServiceArn"] for s in runner.api.list_services()["ServiceSummaryList"]]
    # The name leads nowhere any more, and has no certificate.
    with pytest.raises(ssl.SSLError):
        ask(cloud, described["ServiceUrl"])
    with pytest.raises(runner.api.exceptions.ResourceNotFoundException):
        runner.api.list_tags_for_resource(ResourceArn=service)
    with pytest.raises(runner.api.exceptions.InvalidStateException):
        runner.api.delete_service(ServiceArn=service)


@pytest.mark.usefixtures("web")
def test_revisions_of_auto_scaling_configurations(runner: Runner, scaling: str) -> None:
    api = runner.api
    first, second = (
        api.create_auto_scaling_configuration(
            AutoScalingConfigurationName="temu-revisions", Tags=[{"Key": "a", "Value": "1"}]
        )["AutoScalingConfiguration"]
        for _ in range(2)
    )
    assert (first["AutoScalingConfigurationRevision"], second["AutoScalingConfigurationRevision"]) == (1, 2)
    assert (second["MinSize"], second["MaxSize"], second["MaxConcurrency"]) == (1, 25, 100)
    # The service's own spelling, which the AWS provider waits for.
    assert (second["Status"], second["Latest"], second["IsDefault"]) == ("active", True, False)
    by_name = second["AutoScalingConfigurationArn"].rsplit("/", 2)[0]

    def describe(arn: str) -> Json:
        answer: Json = api.describe_auto_scaling_configuration(AutoScalingConfigurationArn=arn)
        found: Json = answer["AutoScalingConfiguration"]
        return found

    assert describe(by_name)["AutoScalingConfigurationRevision"] == 2
    assert describe(f"{by_name}/1")["Latest"] is False
    assert describe(scaling)["HasAssociatedService"] is True
    with pytest.raises(api.exceptions.InvalidRequestException, match="used by"):
        api.delete_auto_scaling_configuration(AutoScalingConfigurationArn=scaling)
    before = next(c for c in listed(api) if c["IsDefault"])
    api.update_default_auto_scaling_configuration(AutoScalingConfigurationArn=by_name)
    assert describe(by_name)["IsDefault"] is True
    with pytest.raises(api.exceptions.InvalidRequestException, match="default"):
        api.delete_auto_scaling_configuration(AutoScalingConfigurationArn=by_name)
    api.update_default_auto_scaling_configuration(AutoScalingConfigurationArn=before["AutoScalingConfigurationArn"])
    deleted = api.delete_auto_scaling_configuration(AutoScalingConfigurationArn=by_name, DeleteAllRevisions=True)[
        "AutoScalingConfiguration"
    ]
    assert (deleted["Status"], describe(second["AutoScalingConfigurationArn"])["Status"]) == ("inactive", "inactive")
    assert "temu-revisions" not in {c["AutoScalingConfigurationName"] for c in listed(api)}
    third = api.create_auto_scaling_configuration(AutoScalingConfigurationName="temu-revisions")
    assert third["AutoScalingConfiguration"]["AutoScalingConfigurationRevision"] == 3
    for _ in range(4):
        api.create_auto_scaling_configuration(AutoScalingConfigurationName="temu-revisions")
    with pytest.raises(api.exceptions.ServiceQuotaExceededException):
        api.create_auto_scaling_configuration(AutoScalingConfigurationName="temu-revisions")
    latest = [c for c in listed(api, LatestOnly=True) if c["AutoScalingConfigurationName"] == "temu-revisions"]
    assert [c["AutoScalingConfigurationRevision"] for c in latest] == [7]
    api.delete_auto_scaling_configuration(AutoScalingConfigurationArn=by_name, DeleteAllRevisions=True)


class Vpc:
    """A VPC with a public subnet and a private one that leads out."""

    def __init__(self, aws: Client) -> None:
        self.ec2 = aws("ec2")
        self.id = self.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        self.public, self.private = (
            self.ec2.create_subnet(VpcId=self.id, CidrBlock=f"10.9.{i}.0/24")["Subnet"]["SubnetId"] for i in range(2)
        )
        make_public(self.ec2, self.id, [self.public], lead_out(self.ec2, self.id, self.public))

    def group(self, name: str) -> str:
        """A new security group: nobody in, all out."""
        group: str = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.id)["GroupId"]
        return group


@pytest.fixture(scope="module")
def vpc(aws: Client) -> Vpc:
    return Vpc(aws)


def connect(runner: Runner, name: str, subnets: list[str], groups: list[str], **more: Any) -> str:
    """ARN of a new VPC connector."""
    answer = runner.api.create_vpc_connector(VpcConnectorName=name, Subnets=subnets, SecurityGroups=groups, **more)
    return str(answer["VpcConnector"]["VpcConnectorArn"])


def test_vpc_connectors(runner: Runner, aws: Client, vpc: Vpc) -> None:
    group, api = vpc.group("temu-connector"), runner.api
    tags = [{"Key": "a", "Value": "1"}]
    arn = connect(runner, "temu-connector", [vpc.private], [group], Tags=tags)
    connector = api.describe_vpc_connector(VpcConnectorArn=arn)["VpcConnector"]
    assert connector["VpcConnectorArn"].startswith(
        "arn:aws:apprunner:us-east-1:000000000000:vpcconnector/temu-connector/1/"
    )
    assert (connector["Status"], connector["VpcConnectorRevision"]) == ("ACTIVE", 1)
    assert (connector["Subnets"], connector["SecurityGroups"]) == ([vpc.private], [group])
    assert api.list_vpc_connectors()["VpcConnectors"] == [connector]
    assert api.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags
    found = aws("resourcegroupstaggingapi").get_resources(ResourceTypeFilters=["apprunner"])["ResourceTagMappingList"]
    assert arn in [one["ResourceARN"] for one in found]
    assert aws("iam").get_role(RoleName="AWSServiceRoleForAppRunnerNetworking")["Role"]
    other = vpc.group("temu-connector-other")
    elsewhere = vpc.ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
    foreign = vpc.ec2.create_subnet(VpcId=elsewhere, CidrBlock="10.10.0.0/24")["Subnet"]["SubnetId"]
    for name, subnets, groups, message in (
        ("temu-connector", [vpc.private], [other], "already exists: temu-connector"),
        ("temu-same", [vpc.public], [group], f"Existing VPC connector arn: {arn}, Security Groups: .{group}"),
        ("temu-none", ["subnet-1"], [other], "Subnets are invalid: subnet-1"),
        ("temu-none", [vpc.private, foreign], [other], "must be of one VPC"),
        ("temu-none", [vpc.private], ["sg-1"], "Security groups are invalid: sg-1"),
        ("temu-none", [foreign], [other], f"Security groups are invalid: {other} is not in"),
    ):
        with pytest.raises(api.exceptions.InvalidRequestException, match=message):
            connect(runner, name, subnets, groups)
    with pytest.raises(ClientError, match="DependencyViolation"):
        vpc.ec2.delete_security_group(GroupId=group)
    assert api.delete_vpc_connector(VpcConnectorArn=arn)["VpcConnector"]["Status"] == "INACTIVE"
    assert api.list_vpc_connectors()["VpcConnectors"] == []
    assert api.describe_vpc_connector(VpcConnectorArn=arn)["VpcConnector"]["Status"] == "INACTIVE"
    with pytest.raises(api.exceptions.InvalidRequestException, match="has been deleted"):
        api.delete_vpc_connector(VpcConnectorArn=arn)
    vpc.ec2.delete_security_group(GroupId=group)
    # Without groups, it has the VPC's own.
    default = api.create_vpc_connector(VpcConnectorName="temu-default", Subnets=[foreign])["VpcConnector"]
    groups = vpc.ec2.describe_security_groups(GroupIds=default["SecurityGroups"])["SecurityGroups"]
    assert [(one["VpcId"], one["GroupName"]) for one in groups] == [(elsewhere, "default")]
    api.delete_vpc_connector(VpcConnectorArn=default["VpcConnectorArn"])


@pytest.fixture(scope="module")
def database(aws: Client, vpc: Vpc) -> Iterator[tuple[str, str]]:
    """Address and security group of PostgreSQL in the VPC."""
    rds, group, name = aws("rds"), vpc.group("temu-runner-database"), "temu-runner"
    rds.create_db_subnet_group(
        DBSubnetGroupName=name, DBSubnetGroupDescription="t", SubnetIds=[vpc.public, vpc.private]
    )
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="postgres",
        MasterUserPassword="password-1",
        DBSubnetGroupName=name,
        VpcSecurityGroupIds=[group],
    )

    def available() -> Any:
        [found] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return found if found["DBInstanceStatus"] == "available" else None

    yield wait_until(available)["Endpoint"]["Address"], group
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_instance_connects_through_its_vpc_connector(
    cloud: Settings, runner: Runner, engine: docker.DockerClient, vpc: Vpc, database: tuple[str, str]
) -> None:
    address, database_group = database
    group = vpc.group("temu-runner-instances")
    # What the group lets in is for others: nobody reaches an instance through its connector.
    allow(vpc.ec2, group, 8000, cidr="0.0.0.0/0")
    connector = connect(runner, "temu-runner", [vpc.private], [group])
    egress = {"EgressType": "VPC", "VpcConnectorArn": connector}
    service = runner.create("temu-in-vpc", NetworkConfiguration={"EgressConfiguration": egress})
    assert runner.await_end(service)["Status"] == "SUCCEEDED"
    assert runner.describe(service)["NetworkConfiguration"]["EgressConfiguration"] == egress
    assert ask(cloud, runner.describe(service)["ServiceUrl"])[0] == 200
    [container] = containers(engine, service)
    container.reload()

    def reaches_database() -> bool:
        code = container.exec_run(["python", "-c", CONNECT, address, "5432"]).exit_code
        assert code in (0, 9)
        return bool(code == 0)

    def reaches_api() -> bool:
        scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/secretsmanager/aws4_request"
        gateway = cloud_gateway(container)
        asked = container.exec_run(["python", "-c", GET, gateway, str(cloud.gateway_port), "/", scope])
        assert asked.exit_code in (0, 9)
        return bool(asked.exit_code == 0)

    assert not reaches_database()
    allow(vpc.ec2, database_group, 5432, group=group)
    assert reaches_database()
    assert reaches_api()
    own = container.attrs["NetworkSettings"]["Networks"][cloud.network_name]["IPAddress"]
    assert not machine_reaches(own)
    # Without a NAT gateway, there is no way to the internet.
    vpc.ec2.delete_route(RouteTableId=main_table(vpc.ec2, vpc.id), DestinationCidrBlock="0.0.0.0/0")
    assert not reaches_api()
    assert reaches_database()
    with pytest.raises(
        runner.api.exceptions.InvalidRequestException, match=f"used by other services. ARN: {connector}"
    ):
        runner.api.delete_vpc_connector(VpcConnectorArn=connector)
    runner.api.update_service(
        ServiceArn=service, NetworkConfiguration={"EgressConfiguration": {"EgressType": "DEFAULT"}}
    )
    assert runner.await_end(service)["Status"] == "SUCCEEDED"
    [container] = containers(engine, service)
    container.reload()
    assert reaches_api()
    assert not reaches_database()
    runner.api.delete_vpc_connector(VpcConnectorArn=connector)
    runner.remove(service)


def cloud_gateway(container: Any) -> str:
    """Where a container finds the APIs."""
    [network] = container.attrs["NetworkSettings"]["Networks"].values()
    return str(network["Gateway"])


def test_secret_that_the_instance_role_may_not_read(runner: Runner, aws: Client) -> None:
    arn = aws("secretsmanager").create_secret(Name="temu-runner-forbidden", SecretString="hidden")["ARN"]
    role = make_role(aws, "temu-reads-nothing", "tasks.apprunner.amazonaws.com")
    instance = {"Cpu": "256", "Memory": "512", "InstanceRoleArn": role}
    service = runner.create("temu-forbidden", runner.source(values={"KEY": arn}), InstanceConfiguration=instance)
    assert runner.await_end(service)["Status"] == "FAILED"
    assert runner.describe(service)["Status"] == "CREATE_FAILED"
    assert any("Failed to retrieve secrets" in line for line in runner.log(service, "service"))
    runner.remove(service)


def listed(api: Any, **more: Any) -> list[Json]:
    found: list[Json] = []
    token: Json = {}
    while True:
        answer = api.list_auto_scaling_configurations(MaxResults=2, **more, **token)
        found += answer["AutoScalingConfigurationSummaryList"]
        if "NextToken" not in answer:
            return found
        token = {"NextToken": answer["NextToken"]}


def without_access_role(source: Json) -> None:
    del source["AuthenticationConfiguration"]


def with_unknown_access_role(source: Json) -> None:
    source["AuthenticationConfiguration"]["AccessRoleArn"] = "arn:aws:iam::000000000000:role/temu-none"


def with_loopback_image(source: Json) -> None:
    source["ImageRepository"]["ImageIdentifier"] = "127.0.0.1:4566/temu-app:1"


def with_code(source: Json) -> None:
    source["CodeRepository"] = {"RepositoryUrl": "u", "SourceCodeVersion": {"Type": "BRANCH", "Value": "main"}}


def with_reserved_variable(source: Json) -> None:
    source["ImageRepository"]["ImageConfiguration"]["RuntimeEnvironmentVariables"] = {"AWSAPPRUNNER_X": "1"}


def with_variable_of_the_port(source: Json) -> None:
    source["ImageRepository"]["ImageConfiguration"]["RuntimeEnvironmentVariables"] = {"PORT": "8000"}


def with_secret(source: Json) -> None:
    arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:temu-none-AbCdEf"
    source["ImageRepository"]["ImageConfiguration"]["RuntimeEnvironmentSecrets"] = {"KEY": arn}


def with_port(source: Json) -> None:
    source["ImageRepository"]["ImageConfiguration"]["Port"] = "http"


def with_long_port(source: Json) -> None:
    source["ImageRepository"]["ImageConfiguration"]["Port"] = "8" * 5000


def with_command(source: Json) -> None:
    source["ImageRepository"]["ImageConfiguration"]["StartCommand"] = "python 'x"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_access_role, "Authentication configuration is invalid"),
        (with_unknown_access_role, "Error in assuming access role"),
        (with_loopback_image, "regular expression pattern"),
        (with_code, "Exactly one of"),
        (with_reserved_variable, "reserved"),
        (with_variable_of_the_port, "The environment variable name PORT is reserved"),
        (with_secret, "Instance Role have to be provided"),
        (with_port, "Port is invalid"),
        (with_long_port, "Port is invalid"),
        (with_command, "StartCommand is invalid"),
    ],
)
def test_sources_that_are_refused(runner: Runner, change: Callable[[Json], None], message: str) -> None:
    source = runner.source()
    change(source)
    with pytest.raises(runner.api.exceptions.InvalidRequestException, match=message):
        runner.create("temu-refused", source)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"InstanceConfiguration": {"Cpu": "256", "Memory": "4096"}}, "Invalid combination"),
        ({"InstanceConfiguration": {"Cpu": "300"}}, "instanceConfiguration.cpu"),
        # The API's own pattern lets these pass.
        ({"InstanceConfiguration": {"Cpu": "0x25 vCPU"}}, "Invalid amount"),
        ({"InstanceConfiguration": {"Cpu": "0125 vCPU"}}, "Invalid combination"),
        ({"InstanceConfiguration": {"Memory": "0x5 GB"}}, "Invalid amount"),
        (
            {"InstanceConfiguration": {"InstanceRoleArn": "arn:aws:iam::000000000000:role/temu-build"}},
            # It trusts another principal.
            "Error in assuming instance role",
        ),
        ({"NetworkConfiguration": {"EgressConfiguration": {"EgressType": "VPC"}}}, "no active VPC connector: None"),
        (
            {"NetworkConfiguration": {"EgressConfiguration": {"EgressType": "VPC", "VpcConnectorArn": ARN}}},
            "no active VPC connector: arn",
        ),
        ({"NetworkConfiguration": {"EgressConfiguration": {"VpcConnectorArn": ARN}}}, "only valid when EgressType"),
        ({"NetworkConfiguration": {"IngressConfiguration": {"IsPubliclyAccessible": False}}}, "no private services"),
        ({"ObservabilityConfiguration": {"ObservabilityEnabled": True}}, "no observability"),
        ({"Tags": [{"Key": "aws:x", "Value": "1"}]}, "tags.1.member.key"),
        ({"Tags": [{"Value": "1"}]}, "must have a Key"),
    ],
)
@pytest.mark.usefixtures("roles")
def test_services_that_are_refused(runner: Runner, more: Json, message: str) -> None:
    with pytest.raises(runner.api.exceptions.InvalidRequestException, match=message):
        runner.create("temu-refused", **more)
    with pytest.raises(runner.api.exceptions.ResourceNotFoundException):
        runner.create(
            "temu-refused", AutoScalingConfigurationArn=f"{ARN.split('service')[0]}autoscalingconfiguration/no"
        )


@pytest.mark.parametrize(
    "document",
    [
        "nonsense",
        "[]",
        "{}",
        '{"Statement": {"Principal": "*"}}',
        '{"Statement": {"Principal": {"Service": 1}}}',
        '{"Statement": [{"Principal": {"AWS": "*"}}, {}]}',
    ],
)
def test_trust_policies_that_let_nobody_in(runner: Runner, aws: Client, document: str) -> None:
    iam, name = aws("iam"), "temu-trusts-nobody"
    source = runner.source()
    created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    source["AuthenticationConfiguration"]["AccessRoleArn"] = created["Role"]["Arn"]
    try:
        with pytest.raises(runner.api.exceptions.InvalidRequestException, match="Error in assuming access role"):
            runner.create("temu-refused", source)
    finally:
        iam.delete_role(RoleName=name)


def test_odd_values_are_refused_wherever_they_stand(cloud: Settings, runner: Runner) -> None:
    source = runner.source(VERSION="1")
    # In the end this one lets no request pass.
    with_unknown_access_role(source)
    whole: Json = {
        "ServiceName": "temu-odd",
        "SourceConfiguration": source,
        "HealthCheckConfiguration": HEALTH_CHECK,
        "InstanceConfiguration": {"Cpu": "256", "Memory": "512"},
        "NetworkConfiguration": {"EgressConfiguration": {"EgressType": "DEFAULT"}},
        "Tags": [{"Key": "a", "Value": "1"}],
    }
    for what, body in with_odd_values(whole):
        status, answer = call(cloud, "CreateService", json.dumps(body).encode())
        assert status == 400, f"{what}: {answer}"


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("DescribeService", {"ServiceArn": ARN}, "ResourceNotFoundException"),
        ("UpdateService", {"ServiceArn": ARN}, "ResourceNotFoundException"),
        ("PauseService", {"ServiceArn": ARN}, "ResourceNotFoundException"),
        ("ResumeService", {"ServiceArn": ARN}, "ResourceNotFoundException"),
        ("StartDeployment", {"ServiceArn": ARN}, "ResourceNotFoundException"),
        ("DeleteService", {"ServiceArn": ARN}, "ResourceNotFoundException"),
        ("ListOperations", {"ServiceArn": ARN}, "ResourceNotFoundException"),
        ("ListTagsForResource", {"ResourceArn": ARN}, "ResourceNotFoundException"),
        ("DescribeAutoScalingConfiguration", {"AutoScalingConfigurationArn": ARN}, "ResourceNotFoundException"),
        ("DeleteAutoScalingConfiguration", {"AutoScalingConfigurationArn": ARN}, "ResourceNotFoundException"),
        ("DescribeVpcConnector", {"VpcConnectorArn": ARN}, "ResourceNotFoundException"),
        ("DeleteVpcConnector", {"VpcConnectorArn": ARN}, "ResourceNotFoundException"),
        ("CreateVpcConnector", {"VpcConnectorName": "web", "Subnets": ["subnet-1"]}, "InvalidRequestException"),
        ("CreateVpcConnector", {"VpcConnectorName": "temu-refused"}, "InvalidRequestException"),
        ("CreateVpcConnector", {"VpcConnectorName": "temu-refused", "Subnets": []}, "InvalidRequestException"),
        (
            "CreateVpcConnector",
            {"VpcConnectorName": "temu-refused", "Subnets": ["subnet-1"]},
            "InvalidRequestException",
        ),
        ("DescribeService", {}, "InvalidRequestException"),
        ("DescribeService", {"ServiceArn": 1}, "InvalidRequestException"),
        ("DescribeService", {"ServiceArn": "web"}, "InvalidRequestException"),
        ("DescribeService", {"ServiceArn": "\ud800"}, "InvalidRequestException"),
        ("ListServices", {"MaxResults": 21}, "InvalidRequestException"),
        ("ListServices", {"MaxResults": True}, "InvalidRequestException"),
        ("ListServices", {"MaxResults": 10**400}, "InvalidRequestException"),
        ("ListServices", {"NextToken": "9" * 1000}, "InvalidRequestException"),
        ("ListServices", {"NextToken": "9" * 5000}, "InvalidRequestException"),
        ("ListServices", {"NextToken": "²"}, "InvalidRequestException"),
        ("CreateService", {"ServiceName": "web", "SourceConfiguration": {}}, "InvalidRequestException"),
        ("CreateService", {"ServiceName": "temu-refused", "SourceConfiguration": {}}, "InvalidRequestException"),
        ("CreateService", {"ServiceName": "temu-refused", "SourceConfiguration": []}, "InvalidRequestException"),
        (
            "CreateAutoScalingConfiguration",
            {"AutoScalingConfigurationName": "temu-refused", "MinSize": 3, "MaxSize": 2},
            "InvalidRequestException",
        ),
        (
            "CreateAutoScalingConfiguration",
            {"AutoScalingConfigurationName": "temu-refused", "MaxConcurrency": 201},
            "InvalidRequestException",
        ),
        (
            "CreateAutoScalingConfiguration",
            {"AutoScalingConfigurationName": "DefaultConfiguration"},
            "InvalidRequestException",
        ),
        (
            "CreateAutoScalingConfiguration",
            {"AutoScalingConfigurationName": "temu-refused", "Tags": [{}]},
            "InvalidRequestException",
        ),
        ("AssociateCustomDomain", {"ServiceArn": ARN, "DomainName": "x"}, "UnknownOperationException"),
        ("Nonsense", {}, "UnknownOperationException"),
        ("ListServices", [], "SerializationException"),
    ],
)
def test_bad_requests(cloud: Settings, operation: str, parameters: Any, code: str) -> None:
    status, answer = call(cloud, operation, json.dumps(parameters).encode())
    assert (status, answer["__type"]) == (400, code)
    assert answer["Message"]


@pytest.mark.parametrize(
    "body",
    [
        *NO_OBJECTS,
        b"[" * 100_000,
        b'{"MaxResults": NaN}',
        b'{"MaxResults": Infinity}',
        b'{"MaxResults": 1' + b"0" * 5000 + b"}",
    ],
)
def test_bodies_that_are_no_request(cloud: Settings, body: bytes) -> None:
    status, answer = call(cloud, "ListServices", body)
    assert (status, answer["__type"]) == (400, "SerializationException")


def test_bodies_of_any_depth(cloud: Settings) -> None:
    # Near Python's limit a value can be read, and not be quoted.
    for depth in range(900, 1010):
        body = b'{"NextToken": ' + b"[" * depth + b"]" * depth + b"}"
        status, answer = call(cloud, "ListServices", body)
        assert status == 400, depth
        assert answer["__type"] in ("InvalidRequestException", "SerializationException")


def call(cloud: Settings, operation: str, body: bytes) -> tuple[int, Json]:
    """Status and answer of a request that boto3 would not send."""
    connection = http.client.HTTPConnection("127.0.0.1", cloud.gateway_port, timeout=10)
    headers = {"X-Amz-Target": f"AppRunner.{operation}", "Content-Type": "application/x-amz-json-1.0"}
    try:
        connection.request("POST", "/", body, signed("apprunner", cloud.gateway_url, headers, body))
        response = connection.getresponse()
        assert response.getheader("Content-Type") == "application/x-amz-json-1.0"
        answer: Json = json.loads(response.read())
        return response.status, answer
    finally:
        connection.close()
