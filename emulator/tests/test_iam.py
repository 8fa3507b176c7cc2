"""IAM decides: each refusal beside what is allowed, for users of the APIs and for what runs as a role."""

from __future__ import annotations

import http.client
import itertools
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import docker
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator.tests.stack import CLUSTER, Client, Json, Services, ecr_credentials, make_role, push, wait_until
from slipway_emulator.settings import Settings

ACCOUNT = "000000000000"
_NUMBERS = itertools.count(1)

Statement = dict[str, Any]
Deployer = Callable[..., Client]


def allow(*actions: str, on: str = "*", **condition: Json) -> Statement:
    """A statement that allows actions."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on} | (
        {"Condition": condition} if condition else {}
    )


@pytest.fixture
def deployer(aws: Client, cloud: Settings) -> Iterator[Deployer]:
    """Makes clients of a new role that may do what the statements say, and nothing else."""
    iam, names = aws("iam"), []

    def deployer(*statements: Statement) -> Client:
        name = f"temu-deployer-{next(_NUMBERS)}"
        names.append(name)
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        keys = aws("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="run")["Credentials"]
        return clients(cloud, keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    yield deployer
    for name in names:
        for inline in iam.list_role_policies(RoleName=name)["PolicyNames"]:
            iam.delete_role_policy(RoleName=name, PolicyName=inline)
        iam.delete_role(RoleName=name)


def policy(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def clients(cloud: Settings, key: str, secret: str, token: str | None = None) -> Client:
    """Makes clients with these credentials."""

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=cloud.gateway_url,
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}),
        )

    return client


def refusal(call: Callable[[], Any]) -> str:
    """The code and the message of a refusal."""
    with pytest.raises(ClientError) as refused:
        call()
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


# An operation that reads, of each service that deployments use, MiniStack's and our own.
READING = {
    "acm": ("acm", "ListCertificates", "list_certificates"),
    "application-autoscaling": (
        "application-autoscaling",
        "DescribeScalableTargets",
        "describe_scalable_targets",
    ),
    "apprunner": ("apprunner", "ListServices", "list_services"),
    "autoscaling": ("autoscaling", "DescribeAutoScalingGroups", "describe_auto_scaling_groups"),
    "cloudwatch": ("cloudwatch", "DescribeAlarms", "describe_alarms"),
    "ec2": ("ec2", "DescribeVpcs", "describe_vpcs"),
    "ecr": ("ecr", "DescribeRepositories", "describe_repositories"),
    "ecs": ("ecs", "ListClusters", "list_clusters"),
    "elbv2": ("elasticloadbalancing", "DescribeLoadBalancers", "describe_load_balancers"),
    "iam": ("iam", "ListRoles", "list_roles"),
    "logs": ("logs", "DescribeLogGroups", "describe_log_groups"),
    "rds": ("rds", "DescribeDBInstances", "describe_db_instances"),
    "resourcegroupstaggingapi": ("tag", "GetResources", "get_resources"),
    "route53": ("route53", "ListHostedZones", "list_hosted_zones"),
    "s3": ("s3", "ListAllMyBuckets", "list_buckets"),
    "secretsmanager": ("secretsmanager", "ListSecrets", "list_secrets"),
    "ssm": ("ssm", "DescribeParameters", "describe_parameters"),
}
ARGUMENTS: dict[str, Json] = {"application-autoscaling": {"ServiceNamespace": "ecs"}}


@pytest.mark.parametrize("service", READING)
def test_what_no_policy_allows_is_refused(deployer: Deployer, service: str) -> None:
    prefix, action, method = READING[service]
    call = f"{prefix}:{action}"
    getattr(deployer(allow(call))(service), method)(**ARGUMENTS.get(service, {}))
    nobody = deployer()(service)
    text = refusal(lambda: getattr(nobody, method)(**ARGUMENTS.get(service, {})))
    who = f"User: arn:aws:sts::{ACCOUNT}:assumed-role/temu-deployer-"
    assert who in text
    assert f"is not authorized to perform: {call} on resource: " in text
    assert f"because no identity-based policy allows the {call} action" in text


@pytest.mark.parametrize("service", READING)
def test_unknown_keys_are_refused(cloud: Settings, service: str) -> None:
    stranger = clients(cloud, "AKIATEMUTEMUTEMUTEMU", "x")(service)
    text = refusal(lambda: getattr(stranger, READING[service][2])(**ARGUMENTS.get(service, {})))
    codes = ("UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "InvalidAccessKeyId")
    assert text.startswith(codes), text


@pytest.mark.parametrize("target", ["AppRunner.ListServices", "AmazonEC2ContainerServiceV20141113.ListClusters"])
def test_unsigned_requests_are_refused(cloud: Settings, target: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", cloud.gateway_port, timeout=10)
    connection.request("POST", "/", b"{}", {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"})
    answer = connection.getresponse()
    assert answer.status >= 400
    assert "MissingAuthenticationToken" in answer.read().decode()
    connection.close()


@pytest.mark.parametrize("service", ["apprunner", "ecs"])
def test_wrong_signature_is_refused(aws: Client, cloud: Settings, service: str) -> None:
    iam = aws("iam")
    iam.create_user(UserName="temu-user")
    key = iam.create_access_key(UserName="temu-user")["AccessKey"]
    try:
        wrong = clients(cloud, key["AccessKeyId"], "guessed")(service)
        assert "signature" in refusal(getattr(wrong, READING[service][2]))
        right = clients(cloud, key["AccessKeyId"], key["SecretAccessKey"])(service)
        assert "temu-user is not authorized to perform" in refusal(getattr(right, READING[service][2]))
    finally:
        iam.delete_access_key(UserName="temu-user", AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName="temu-user")


# -- resources of what a request makes --


@pytest.mark.parametrize(
    ("service", "action", "resource", "method", "arguments"),
    [
        (
            "secretsmanager",
            "secretsmanager:CreateSecret",
            "arn:aws:secretsmanager:us-east-1:000000000000:secret:temu-mine-*",
            "create_secret",
            {"Name": "temu-%s-secret", "SecretString": "x"},
        ),
        (
            "ecs",
            "ecs:CreateCluster",
            "arn:aws:ecs:us-east-1:000000000000:cluster/temu-mine-*",
            "create_cluster",
            {"clusterName": "temu-%s-cluster"},
        ),
        (
            "rds",
            "rds:CreateDBParameterGroup",
            "arn:aws:rds:us-east-1:000000000000:pg:temu-mine-*",
            "create_db_parameter_group",
            {
                "DBParameterGroupName": "temu-%s-group",
                "DBParameterGroupFamily": "postgres15",
                "Description": "x",
            },
        ),
        (
            "apprunner",
            "apprunner:CreateAutoScalingConfiguration",
            "arn:aws:apprunner:us-east-1:000000000000:autoscalingconfiguration/temu-mine-*/*",
            "create_auto_scaling_configuration",
            {"AutoScalingConfigurationName": "temu-%s-one"},
        ),
    ],
)
def test_narrow_policy_allows_what_it_names(
    deployer: Deployer, service: str, action: str, resource: str, method: str, arguments: Json
) -> None:
    linked = allow("iam:CreateServiceLinkedRole")
    client = deployer(allow(action, on=resource), linked)(service)

    def call(whose: str) -> Any:
        return getattr(client, method)(**{name: value.replace("%s", whose) for name, value in arguments.items()})

    call("mine")
    assert "is not authorized to perform" in refusal(lambda: call("other"))


def test_tags_of_a_request_are_condition_keys(deployer: Deployer) -> None:
    tagged = allow("ec2:CreateVpc", StringEquals={"aws:RequestTag/Environment": "dev"})
    ec2 = deployer(tagged, allow("ec2:DeleteVpc", "ec2:CreateTags"))("ec2")

    def make(environment: str) -> str:
        tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Environment", "Value": environment}]}]
        return str(ec2.create_vpc(CidrBlock="10.77.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"])

    ec2.delete_vpc(VpcId=make("dev"))
    assert refusal(lambda: make("prod")).startswith("UnauthorizedOperation")


# -- roles that are passed --


def test_role_is_passed_only_where_a_policy_says_so(aws: Client, deployer: Deployer) -> None:
    role = make_role(aws, "temu-passed", "ecs-tasks.amazonaws.com")
    definition = {
        "family": "temu-passed",
        "taskRoleArn": role,
        "containerDefinitions": [{"name": "app", "image": "temu-none", "memory": 8}],
    }
    register = allow("ecs:RegisterTaskDefinition")
    to_tasks = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    deployer(register, allow("iam:PassRole", on=role, StringEquals=to_tasks))("ecs").register_task_definition(
        **definition
    )
    for statements in (
        (register,),
        (register, allow("iam:PassRole", on=role, StringEquals={"iam:PassedToService": "ec2.amazonaws.com"})),
        (register, allow("iam:PassRole", on=f"{role}-other")),
    ):
        ecs = deployer(*statements)("ecs")
        text = refusal(partial(ecs.register_task_definition, **definition))
        assert f"is not authorized to perform: iam:PassRole on resource: {role}" in text


def test_service_linked_role_is_made_by_who_may(aws: Client, deployer: Deployer) -> None:
    iam, name = aws("iam"), "AWSServiceRoleForECS"
    arn = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/{name}"
    known = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    if name in known:
        iam.delete_service_linked_role(RoleName=name)
    make = allow("ecs:CreateCluster", "ecs:DeleteCluster", "ecs:CreateService")
    # A cluster does without, a service does not.
    deployer(make)("ecs").create_cluster(clusterName="temu-linked")
    assert name not in [role["RoleName"] for role in iam.list_roles()["Roles"]]
    asked = {"cluster": "temu-linked", "serviceName": "web", "taskDefinition": "temu-none"}
    text = refusal(lambda: deployer(make)("ecs").create_service(**asked))
    assert f"iam:CreateServiceLinkedRole on resource: {arn}" in text
    service = {"iam:AWSServiceName": "ecs.amazonaws.com"}
    ecs = deployer(make, allow("iam:CreateServiceLinkedRole", on=arn, StringEquals=service))("ecs")
    ecs.create_cluster(clusterName="temu-linked")
    assert iam.get_role(RoleName=name)["Role"]["Arn"] == arn
    # It is there now.
    deployer(make)("ecs").create_service(**asked, desiredCount=0)
    aws("ecs").delete_service(cluster="temu-linked", service="web", force=True)
    ecs.delete_cluster(cluster="temu-linked")


# -- the image registry --

PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
)


def test_registry_asks_for_a_password_and_for_permission(
    aws: Client, deployer: Deployer, engine: docker.DockerClient, image: str
) -> None:
    repository = aws("ecr").create_repository(repositoryName="temu-guarded")["repository"]["repositoryUri"]
    engine.images.get(image).tag(repository, tag="1")
    arn = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/temu-guarded"
    token = allow("ecr:GetAuthorizationToken")
    try:
        assert "unauthorized" in push(engine, repository, "1", {"username": "AWS", "password": "guessed"})
        reader = deployer(token, allow("ecr:BatchGetImage", on=arn))
        denied = push(engine, repository, "1", ecr_credentials(reader))
        assert "is not authorized to perform: ecr:" in denied
        writer = deployer(token, allow(*PUSH, on=arn))
        assert push(engine, repository, "1", ecr_credentials(writer)) == ""
        with pytest.raises(docker.errors.APIError, match="ecr:BatchGetImage"):
            engine.images.pull(repository, tag="1", auth_config=ecr_credentials(writer))
        assert "ecr:GetAuthorizationToken" in refusal(lambda: ecr_credentials(deployer()))
    finally:
        engine.images.remove(f"{repository}:1", force=True)
        aws("ecr").delete_repository(repositoryName="temu-guarded", force=True)


# -- what runs as a role --


def test_task_acts_as_its_role(aws: Client, cloud: Settings, services: Services, engine: docker.DockerClient) -> None:
    role = make_role(aws, "temu-task", "ecs-tasks.amazonaws.com", "s3:ListAllMyBuckets")
    task = run_task(services, "temu-acting", taskRoleArn=role)
    (container,) = wait_until(lambda: engine.containers.list(filters={"label": f"com.amazonaws.ecs.task-arn={task}"}))
    address = "os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI']"
    program = f"import os, urllib.request as r; print(r.urlopen({address}).read().decode())"
    keys = json.loads(container.exec_run(["python", "-c", program]).output)
    mine = clients(cloud, keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"])
    who = mine("sts").get_caller_identity()["Arn"]
    assert who == f"arn:aws:sts::{ACCOUNT}:assumed-role/temu-task/{task.rpartition('/')[2]}"
    mine("s3").list_buckets()
    assert f"User: {who} is not authorized to perform: ecs:ListClusters" in refusal(mine("ecs").list_clusters)
    services.ecs.stop_task(cluster=CLUSTER, task=task)


def test_task_without_a_role_has_no_credentials(services: Services, engine: docker.DockerClient) -> None:
    task = run_task(services, "temu-roleless")
    (container,) = wait_until(lambda: engine.containers.list(filters={"label": f"com.amazonaws.ecs.task-arn={task}"}))
    assert not [line for line in container.attrs["Config"]["Env"] if line.startswith("AWS_CONTAINER_CREDENTIALS")]
    services.ecs.stop_task(cluster=CLUSTER, task=task)


@pytest.mark.parametrize(
    ("service", "actions", "reason"),
    [
        ("ecs-tasks.amazonaws.com", (), "is not authorized to perform: ecr:GetAuthorizationToken on resource: \\*"),
        (
            "ecs-tasks.amazonaws.com",
            ("ecr:GetAuthorizationToken",),
            "is not authorized to perform: ecr:BatchGetImage on resource: .*:repository/temu-app",
        ),
        (
            "ecs-tasks.amazonaws.com",
            ("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            "failed to create Cloudwatch log stream: AccessDeniedException: .*logs:CreateLogStream",
        ),
        ("ec2.amazonaws.com", ("*",), "ECS was unable to assume the role '.*temu-starts-.*'"),
    ],
)
def test_execution_role_that_cannot_start_a_task(
    aws: Client, services: Services, service: str, actions: tuple[str, ...], reason: str
) -> None:
    role = make_role(aws, f"temu-starts-{next(_NUMBERS)}", service, *actions)
    task = run_task(services, "temu-starting", executionRoleArn=role)
    record = wait_until(lambda: in_state(services, task, "STOPPED"))
    assert record["stopCode"] == "TaskFailedToStart"
    assert re.search(reason, record["stoppedReason"]), record["stoppedReason"]


@pytest.mark.parametrize(
    ("effect", "actions", "boundary", "reason"),
    [
        ("Allow", ("ecr:GetAuthorizationToken", "logs:*"), None, ""),
        ("Deny", ("ecr:*", "logs:*"), None, "ecr:BatchGetImage .*with an explicit deny in a resource-based policy"),
        (None, ("ecr:*", "logs:*"), ("ecr:GetAuthorizationToken",), "to perform: ecr:BatchGetImage"),
        (None, ("ecr:*", "logs:*"), ("*",), ""),
    ],
)
def test_execution_role_meets_the_policy_of_the_repository_and_its_boundary(
    aws: Client,
    services: Services,
    effect: str | None,
    actions: tuple[str, ...],
    boundary: tuple[str, ...] | None,
    reason: str,
) -> None:
    name = f"temu-starts-{next(_NUMBERS)}"
    role = make_role(aws, name, "ecs-tasks.amazonaws.com", *actions)
    if effect:
        statement = {"Effect": effect, "Principal": {"AWS": role}, "Action": "ecr:*"}
        aws("ecr").set_repository_policy(repositoryName="temu-app", policyText=policy(statement))
    if boundary:
        made = aws("iam").create_policy(PolicyName=name, PolicyDocument=policy(allow(*boundary)))
        aws("iam").put_role_permissions_boundary(RoleName=name, PermissionsBoundary=made["Policy"]["Arn"])
    try:
        task = run_task(services, "temu-starting", executionRoleArn=role)
        wanted = "STOPPED" if reason else "RUNNING"
        record = wait_until(lambda: in_state(services, task, wanted))
        assert re.search(reason, record.get("stoppedReason", "")), record.get("stoppedReason")
        services.ecs.stop_task(cluster=CLUSTER, task=task)
    finally:
        if effect:
            aws("ecr").delete_repository_policy(repositoryName="temu-app")


def in_state(services: Services, task: str, state: str) -> Json | None:
    """A task's record once the task is in a state."""
    (found,) = services.ecs.describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"]
    return found if found["lastStatus"] == state else None


def test_fargate_needs_an_execution_role(services: Services) -> None:
    definition = definition_of(services, "temu-none")
    del definition["executionRoleArn"]
    text = refusal(lambda: services.ecs.register_task_definition(**definition))
    assert "Fargate requires task definition to have execution role ARN to support ECR images." in text
    definition["containerDefinitions"][0]["image"] = "public.ecr.aws/temu:1"
    text = refusal(lambda: services.ecs.register_task_definition(**definition))
    assert "Fargate requires task definition to have execution role ARN to support log driver awslogs." in text


def definition_of(services: Services, family: str) -> Json:
    """What RegisterTaskDefinition takes for another definition like the services'."""
    arn = services.define(family)
    found = services.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    members = (
        "family",
        "networkMode",
        "requiresCompatibilities",
        "cpu",
        "memory",
        "executionRoleArn",
        "containerDefinitions",
    )
    return {name: found[name] for name in members}


def run_task(services: Services, family: str, **more: str) -> str:
    """ARN of a task of the test image."""
    definition = services.ecs.register_task_definition(**(definition_of(services, family) | more))
    arn = definition["taskDefinition"]["taskDefinitionArn"]
    answer = services.ecs.run_task(cluster=CLUSTER, taskDefinition=arn, launchType="FARGATE")
    return str(answer["tasks"][0]["taskArn"])


# -- the record --


def test_decisions_are_kept(cloud: Settings, deployer: Deployer) -> None:
    someone = deployer(allow("ecs:ListClusters"))
    someone("ecs").list_clusters()
    refusal(someone("ecr").describe_repositories)
    decisions = [json.loads(line) for line in cloud.decisions_file.read_text().splitlines()]
    who = someone("sts").get_caller_identity()["Arn"]
    mine = {(one["action"], one["allowed"]) for one in decisions if one["principal"] == who}
    assert {("ecs:ListClusters", True), ("ecr:DescribeRepositories", False)} <= mine
