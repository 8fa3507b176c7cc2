"""What comes before a task's first container: a way to the registry, and what its execution role is for."""

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
        problem = _pull_problem(task, td, parts) or _role_problem(task, td, parts)
        if problem:
            raise ecs._SecretResolutionError(problem)
        original(task, td, container_overrides, docker_client)

    return start


def _pull_problem(task: Json, definition: Json, parts: Parts) -> str:
    """Why a task cannot pull its images, in the words of ECS; empty where it can.

    "Amazon ECS task networking options for Fargate": a task in a private subnet needs a NAT gateway or endpoints, one
    in a public subnet a public address. Its security groups have to let it out, too.
    """
    # RunTask has put the network configuration on the record when it lets go of this.
    with parts.ecs_scheduling:
        interface = of_task(task)
    if not parts.firewall or not interface:
        return ""
    services: set[str] = set()
    for container in definition["containerDefinitions"]:
        services |= set(ECR_SERVICES if parts.is_in_registry(container["image"]) else [""])
    if all(parts.firewall.reaches(interface, service) for service in services):
        return ""
    return (
        "unable to retrieve ecr registry auth: the task cannot pull registry auth from Amazon ECR: there is a "
        "connection issue between the task and Amazon ECR. Check your task network configuration."
    )


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
    for secret in container.get("secrets", []):
        arn = ":".join(secret["valueFrom"].split(":")[:7])
        kind = "secretsmanager:GetSecretValue" if ":secretsmanager:" in arn else "ssm:GetParameters"
        yield "unable to retrieve secret from asm", kind, arn
    log = container.get("logConfiguration") or {}
    if log.get("logDriver") == "awslogs":
        options = log["options"]
        group = f"arn:aws:logs:{options['awslogs-region']}:{account}:log-group:{options['awslogs-group']}"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            yield (
                "failed to validate logger args: failed to create Cloudwatch log stream",
                action,
                f"{group}:log-stream:*",
            )
