"""What comes before a task's first container: a way to what it needs, and what its execution role is for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ministack.services import ecs

from slipway_emulator.vpc.interfaces import of_task
from slipway_emulator.vpc.routes import ECR_SERVICES

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]


def start(original: Function, parts: Parts) -> Function:
    def start(task: Json, td: Json, container_overrides: list[Json], docker_client: Any) -> None:
        if problem := _network_problem(task, td, parts):
            ecs._fail_task_start(task, docker_client, problem)
            return
        if problem := _role_problem(task, td, parts):
            raise ecs._SecretResolutionError(problem)
        original(task, td, container_overrides, docker_client)

    return start


def _network_problem(task: Json, definition: Json, parts: Parts) -> str:
    """Why a task cannot start where it is, in the words of ECS; empty where it can.

    "Amazon ECS task networking options for Fargate": from platform version 1.4.0 on, what comes before its containers
    goes through the task's own network interface. A private subnet needs a NAT gateway or endpoints, a public one a
    public address. Its security groups have to let it out, too.
    """
    # RunTask has put the network configuration on the record when it lets go of this.
    with parts.ecs_scheduling:
        interface = of_task(task, {})
    if not parts.firewall or not interface:
        return ""
    for service, region, problem in _ways(task, definition, parts):
        if not parts.firewall.reaches(interface, service, region):
            return problem
    return ""


def _ways(task: Json, definition: Json, parts: Parts) -> Iterator[tuple[str, str, str]]:
    """What a task needs a way to before it starts, in that order.

    Yields:
        The service, as an endpoint of it is named, empty for what is elsewhere on the internet; its region; and why the
        task stops where it has no way there.
    """
    own = task["taskArn"].split(":")[3]
    containers = definition["containerDefinitions"]
    if any(parts.is_in_registry(container["image"]) for container in containers):
        yield ECR_SERVICES[0], own, _no_resource("ecr registry auth", "registry auth", "Amazon ECR")
    for arn in (arn for container in containers for arn in _secrets(container)):
        region = arn.split(":")[3] if arn.startswith("arn:") else own
        if ":secretsmanager:" in arn:
            yield "secretsmanager", region, _no_resource("secret from asm", "secrets", "AWS Secrets Manager")
        else:
            yield "ssm", region, _no_resource("secrets from ssm", "secrets", "AWS Systems Manager")
    for options in filter(None, map(_log_options, containers)):
        yield (
            "logs",
            options["awslogs-region"],
            "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch "
            "log group defined in the task definition. There is a connection issue between the task and Amazon "
            "CloudWatch. Check your network configuration.",
        )
    for image in (container["image"] for container in containers):
        for service in ECR_SERVICES[1:] if parts.is_in_registry(image) else ("",):
            yield (
                service,
                own,
                f"CannotPullContainerError: The task cannot pull image '{image}' from the registry. There is a "
                "connection issue between the task and the registry. Check your task network configuration.",
            )


def _no_resource(call: str, what: str, source: str) -> str:
    return (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        f"unable to retrieve {call}: The task cannot pull {what} from {source}: There is a connection issue between "
        f"the task and {source}. Check your task network configuration."
    )


def _secrets(container: Json) -> list[str]:
    """What a container needs of Secrets Manager and Systems Manager before it starts, by ARN or by name."""
    credentials = (container.get("repositoryCredentials") or {}).get("credentialsParameter")
    return [one["valueFrom"] for one in container.get("secrets") or []] + ([credentials] if credentials else [])


def _log_options(container: Json) -> Json | None:
    log = container.get("logConfiguration") or {}
    options: Json | None = log["options"] if log.get("logDriver") == "awslogs" else None
    return options


def _role_problem(task: Json, definition: Json, parts: Parts) -> str:
    """Why the execution role cannot start a task; empty where it can."""
    _, _, _, region, account, name = task["taskArn"].split(":", 5)
    session = name.rpartition("/")[2]
    # What ECS says of itself ("Using roles with Amazon ECS: confused deputy").
    source = {"aws:SourceAccount": account, "aws:SourceArn": f"arn:aws:ecs:{region}:{account}:*"}
    for member in ("executionRoleArn", "taskRoleArn"):
        role = definition.get(member)
        if role and not parts.roles.trusts(role, "ecs-tasks.amazonaws.com", source):
            return (
                f"ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the "
                "role being passed has the proper trust relationship and permissions and that your IAM user has "
                "permissions to pass this role."
            )
    role = definition.get("executionRoleArn")
    for container in definition["containerDefinitions"]:
        for what, action, resource in _actions(container, task, parts):
            denial = parts.roles.denial(role, session, action, resource) if role else ""
            if denial:
                return f"{what}: AccessDeniedException: {denial}"
    return ""


def _actions(container: Json, task: Json, parts: Parts) -> Iterator[tuple[str, str, str]]:
    """What the agent does as the execution role: the message of its failure, the action and the resource."""
    _, _, _, region, account, _ = task["taskArn"].split(":", 5)
    if parts.is_in_registry(container["image"]):
        image = re.split("[:@]", container["image"].partition("/")[2])[0]
        repository = f"arn:aws:ecr:{region}:{account}:repository/{image}"
        yield "unable to retrieve ecr registry auth", "ecr:GetAuthorizationToken", "*"
        for action in ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"):
            yield "pull image manifest", action, repository
    for secret in _secrets(container):
        arn = ":".join(secret.split(":")[:7])
        kind = "secretsmanager:GetSecretValue" if ":secretsmanager:" in arn else "ssm:GetParameters"
        yield "unable to retrieve secret from asm", kind, arn
    if options := _log_options(container):
        group = f"arn:aws:logs:{options['awslogs-region']}:{account}:log-group:{options['awslogs-group']}"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield (
                "failed to validate logger args: failed to create Cloudwatch log stream",
                action,
                f"{group}:log-stream:*",
            )
