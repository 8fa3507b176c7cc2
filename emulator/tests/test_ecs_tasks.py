"""One-off tasks: how they end, why they do not start, and how long they may take to stop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulator.tests.stack import CLUSTER, Client, Services, allow, lead_out, main_table, wait_until


def end_of(services: Services, arn: str) -> Any:
    """The task's record once it has stopped."""

    def stopped() -> Any:
        task = services.task(arn)
        return task if task["lastStatus"] == "STOPPED" else None

    return wait_until(stopped)


def running(services: Services, definition: str) -> str:
    """ARN of a task that runs and has said so."""
    arn = services.run(definition)
    wait_until(lambda: services.task(arn)["lastStatus"] == "RUNNING" and services.log(arn))
    return arn


def test_exit_code_and_log(services: Services) -> None:
    arn = services.run(services.define("temu-task", container={"command": ["sh", "-c", "echo last words; exit 7"]}))
    task = end_of(services, arn)
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert (task["containers"][0]["exitCode"], task["containers"][0]["lastStatus"]) == (7, "STOPPED")
    # The log is complete by the time the task has stopped.
    assert services.log(arn) == ["last words"]


def test_out_of_memory(services: Services) -> None:
    command = ["python", "-c", "bytearray(1 << 30)"]
    task = end_of(services, services.run(services.define("temu-task", container={"command": command})))
    assert task["containers"][0]["exitCode"] == 137
    assert task["containers"][0]["reason"].startswith("OutOfMemoryError")


def test_image_that_the_registry_does_not_have(services: Services, image: str) -> None:
    missing = services.define("temu-task", container={"image": f"{image}-missing"})
    task = end_of(services, services.run(missing))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert "exitCode" not in task["containers"][0]


def test_image_removed_from_the_registry_but_cached(aws: Client, services: Services, image: str, engine: Any) -> None:
    ecr = aws("ecr")
    repository = image.rpartition(":")[0]
    gone = f"{repository}:gone"
    engine.images.get(image).tag(repository, tag="gone")
    definition = services.define("temu-task", container={"image": gone})
    task = end_of(services, services.run(definition))
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    engine.images.remove(gone)
    assert ecr.describe_images(repositoryName="temu-app")["imageDetails"][0]["imageTags"] == ["1"]


def test_command_that_cannot_be_started(services: Services) -> None:
    task = end_of(services, services.run(services.define("temu-task", container={"command": ["/nothing/here"]})))
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotStartContainerError: ")
    assert "/nothing/here" in task["stoppedReason"]


@pytest.mark.parametrize(("environment", "exit_code"), [({}, 0), ({"STUBBORN": "yes"}, 137)])
def test_stop_timeout(services: Services, environment: dict[str, Any], exit_code: int) -> None:
    definition = services.define("temu-task", container={"stopTimeout": 2}, **environment)
    arn = running(services, definition)
    answer = services.ecs.stop_task(cluster=CLUSTER, task=arn)["task"]
    assert answer["desiredStatus"] == "STOPPED"
    assert answer["lastStatus"] != "STOPPED"
    task = end_of(services, arn)
    assert task["containers"][0]["exitCode"] == exit_code
    lasted = (task["stoppedAt"] - task["stoppingAt"]).total_seconds()
    assert lasted < 10
    if environment:
        assert lasted >= 1


def test_task_definition_is_honoured(services: Services, engine: Any) -> None:
    container = {
        "readonlyRootFilesystem": True,
        "user": "10001",
        "linuxParameters": {"tmpfs": [{"containerPath": "/scratch", "size": 8}], "initProcessEnabled": True},
        "command": [
            "sh",
            "-c",
            "id -u; touch /x || echo read-only; touch /scratch/x && echo writable; tail -f /dev/null",
        ],
    }
    arn = running(services, services.define("temu-task", container=container))
    wait_until(lambda: "writable" in services.log(arn))
    # What is written to standard error may come first.
    assert {"10001", "read-only"} <= set(services.log(arn))
    found = engine.containers.list(filters={"label": f"com.amazonaws.ecs.task-arn={arn}"})[0]
    assert found.attrs["HostConfig"]["Memory"] == 128 << 20
    services.ecs.stop_task(cluster=CLUSTER, task=arn)
    end_of(services, arn)
    assert engine.containers.list(all=True, filters={"id": found.id}) == []


def test_containers_know_their_task_and_the_endpoint(aws: Client, services: Services) -> None:
    script = (
        "import http.client, json, os, urllib.parse, urllib.request as r;"
        "m = os.environ['ECS_CONTAINER_METADATA_URI_V4'];"
        "print('task', 'TaskARN' in json.load(r.urlopen(m + '/task')));"
        "c = http.client.HTTPConnection(urllib.parse.urlsplit(os.environ['AWS_ENDPOINT_URL']).netloc);"
        # It answers, and its controls are this machine's.
        "c.request('GET', '/_ministack/ready');"
        "print(c.getresponse().status)"
    )
    subnet = default_subnet(aws("ec2"))
    network = {"awsvpcConfiguration": {"subnets": [subnet], "assignPublicIp": "ENABLED"}}
    definition = services.define("temu-task", container={"command": ["python", "-c", script], "portMappings": []})
    arn = services.run(definition, networkConfiguration=network)
    assert end_of(services, arn)["containers"][0]["exitCode"] == 0
    assert services.log(arn) == ["task True", "404"]


@pytest.fixture(scope="module")
def definitions(services: Services) -> tuple[str, str]:
    """An ACTIVE revision of a task definition, and the one after it, which was deregistered."""
    active, inactive = services.define("temu-inactive"), services.define("temu-inactive")
    services.ecs.deregister_task_definition(taskDefinition=inactive)
    return active, inactive


def test_inactive_definition_starts_nothing(services: Services, definitions: tuple[str, str]) -> None:
    active, inactive = definitions
    with pytest.raises(services.ecs.exceptions.InvalidParameterException, match="TaskDefinition is inactive"):
        services.run(inactive)
    with pytest.raises(services.ecs.exceptions.ClientException, match="TaskDefinition is inactive"):
        services.create("temu-inactive", inactive, 0)
    services.create("temu-inactive", active, 0)
    with pytest.raises(services.ecs.exceptions.ClientException, match="TaskDefinition is inactive"):
        services.update("temu-inactive", taskDefinition=inactive)
    services.remove("temu-inactive")


def test_inactive_definition_is_no_latest_one(services: Services, definitions: tuple[str, str]) -> None:
    described = services.ecs.describe_task_definition(taskDefinition="temu-inactive")["taskDefinition"]
    assert described["taskDefinitionArn"] == definitions[0]
    services.ecs.deregister_task_definition(taskDefinition=services.define("temu-none"))
    with pytest.raises(services.ecs.exceptions.ClientException, match="Unable to describe task definition"):
        services.ecs.describe_task_definition(taskDefinition="temu-none")


def test_service_of_an_inactive_definition_still_scales(services: Services) -> None:
    definition = services.define("temu-scales")
    services.create("temu-scales", definition, 0)
    services.ecs.deregister_task_definition(taskDefinition=definition)
    services.update("temu-scales", desiredCount=1)
    wait_until(lambda: services.describe("temu-scales")["runningCount"] == 1)
    services.remove("temu-scales")


def test_only_inactive_definitions_are_deleted(services: Services, definitions: tuple[str, str]) -> None:
    active, inactive = definitions
    answer = services.ecs.delete_task_definitions(taskDefinitions=[active])
    assert [failure["arn"] for failure in answer["failures"]] == [active]
    answer = services.ecs.delete_task_definitions(taskDefinitions=[inactive])
    assert [one["status"] for one in answer["taskDefinitions"]] == ["DELETE_IN_PROGRESS"]
    with pytest.raises(services.ecs.exceptions.InvalidParameterException, match="10 are the most"):
        services.ecs.delete_task_definitions(taskDefinitions=[inactive] * 11)


def test_task_needs_a_way_to_the_registry(aws: Client, services: Services) -> None:
    # Without a port: another emulator on this machine may have given out the address.
    ec2, definition = aws("ec2"), services.define("temu-task", container={"portMappings": []})
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    table = main_table(ec2, vpc)

    def begins(public: bool, subnet: str = subnet) -> bool:
        """Whether a task of a subnet gets as far as to run."""
        network = {"subnets": [subnet], "assignPublicIp": "ENABLED" if public else "DISABLED"}
        arn = services.run(definition, networkConfiguration={"awsvpcConfiguration": network})
        task = wait_until(lambda: (it := services.task(arn))["lastStatus"] in ("RUNNING", "STOPPED") and it)
        if task["lastStatus"] == "RUNNING":
            services.ecs.stop_task(cluster=CLUSTER, task=arn)
            return True
        assert task["stopCode"] == "TaskFailedToStart"
        assert task["stoppedReason"].startswith("ResourceInitializationError: unable to pull secrets or registry auth")
        return False

    assert not begins(public=True)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert not begins(public=False)
    assert begins(public=True)
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    lead_out(ec2, vpc, subnet)
    assert begins(public=False)
    assert begins(public=True, subnet=default_subnet(ec2))


def test_task_without_a_nat_gateway_needs_endpoints(aws: Client, services: Services) -> None:
    """One after the other, as the agent asks; "Amazon ECS interface VPC endpoints"."""
    ec2, iam = aws("ec2"), aws("iam")
    secret = aws("secretsmanager").create_secret(Name="temu-endpoints", SecretString="s")["ARN"]
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="temu-execution", PolicyName="secret", PolicyDocument=policy)
    definition = services.define("temu-endpoints", container={"secrets": [{"name": "SECRET", "valueFrom": secret}]})
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="temu-endpoints", Description="temu", VpcId=vpc)["GroupId"]
    allow(ec2, group, 443, cidr="10.7.0.0/16")
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}

    def reason() -> str:
        """Why a task has not started; empty where it has."""
        arn = services.run(definition, networkConfiguration=network)
        task = wait_until(lambda: (it := services.task(arn))["lastStatus"] in ("RUNNING", "STOPPED") and it)
        if task["lastStatus"] == "RUNNING":
            services.ecs.stop_task(cluster=CLUSTER, task=arn)
            return ""
        return str(task["stoppedReason"])

    no_resource = "ResourceInitializationError: unable to pull secrets or registry auth: "
    options = {"VpcEndpointType": "Interface", "SubnetIds": [subnet], "SecurityGroupIds": [group]}
    for service, start, source in (
        ("ecr.api", no_resource, "registry auth from Amazon ECR"),
        ("secretsmanager", no_resource, "secrets from AWS Secrets Manager"),
        ("logs", "ResourceInitializationError: failed to validate logger args: ", "the task and Amazon CloudWatch"),
        ("ecr.dkr", "CannotPullContainerError: ", services.image),
        ("s3", "CannotPullContainerError: ", services.image),
    ):
        found = reason()
        assert found.startswith(start)
        assert source in found
        more = {"RouteTableIds": [main_table(ec2, vpc)]} if service == "s3" else options
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.us-east-1.{service}", **more)
    assert reason() == ""
    iam.delete_role_policy(RoleName="temu-execution", PolicyName="secret")


def default_subnet(ec2: Any) -> str:
    """A subnet of the default VPC."""
    filters = [{"Name": "default-for-az", "Values": ["true"]}]
    return str(ec2.describe_subnets(Filters=filters)["Subnets"][0]["SubnetId"])


def test_task_of_its_own_has_public_address_and_security_groups(aws: Client, services: Services) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    lead_out(ec2, vpc, subnet)
    group = ec2.create_security_group(GroupName="temu-task", Description="temu-task", VpcId=vpc)["GroupId"]
    network = {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": "ENABLED"}
    definition = services.define("temu-task", container={"portMappings": []})
    arn = services.run(definition, networkConfiguration={"awsvpcConfiguration": network})
    task = wait_until(lambda: (it := services.task(arn))["lastStatus"] == "RUNNING" and it)
    details = {detail["name"]: detail["value"] for detail in task["attachments"][0]["details"]}
    answer = ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
    interface = answer["NetworkInterfaces"][0]
    assert interface["Association"]["PublicIp"].startswith("127.0.113.")
    assert [one["GroupId"] for one in interface["Groups"]] == [group]
    services.ecs.stop_task(cluster=CLUSTER, task=arn)
    end_of(services, arn)
