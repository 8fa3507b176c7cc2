"""ECS task definitions: their roles, and what one that is no longer ACTIVE is good for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.iam_evaluator import caller_arn
from ministack.services import ecs

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

# DeleteTaskDefinitions: "You can specify up to 10 task definitions as a list".
_MOST_AT_ONCE = 10

Json = dict[str, Any]
Response = tuple[int, Json, bytes]
Function = Callable[..., Any]


def inactive(reference: str, error: str) -> Response | None:
    """The refusal of a task definition that was deregistered; None where it may be used.

    The ten minutes in which AWS may still take it ("Deregistering a task definition") are no time to rely on.

    Args:
        reference: what the request calls it.
        error: the operation's code for it.
    """
    definition = ecs._task_defs.get(ecs._resolve_td_key(reference))
    if not definition or definition["status"] == "ACTIVE":
        return None
    refusal: Response = ecs.error_response_json(error, "TaskDefinition is inactive", 400)
    return refusal


def register(original: Function, parts: Parts) -> Function:
    def register(data: Json) -> Response:
        problem = _missing_role(data, parts) or _name_of_both(data)
        if problem:
            missing: Response = ecs.error_response_json("ClientException", problem, 400)
            return missing
        for member in ("executionRoleArn", "taskRoleArn"):
            role = data.get(member) or ""
            if not parts.late.knows_role(role):
                message = f"User: {caller_arn()} is not authorized to perform: iam:PassRole on resource: {role}"
                refusal: Response = ecs.error_response_json("AccessDeniedException", message, 400)
                return refusal
        response: Response = original(data)
        if response[0] != 200:
            return response
        made = json.loads(response[2])
        definition = made["taskDefinition"]
        definition["registeredBy"] = caller_arn()
        ecs._task_defs[f"{definition['family']}:{definition['revision']}"]["registeredBy"] = caller_arn()
        answer: Response = ecs.json_response(made)
        return answer

    return register


def _missing_role(data: Json, parts: Parts) -> str:
    """Why a definition for Fargate needs the execution role that it lacks; empty where it does not."""
    if "FARGATE" not in data.get("requiresCompatibilities", []) or data.get("executionRoleArn"):
        return ""
    containers, needs = data.get("containerDefinitions", []), []
    if any(parts.is_in_registry(str(one.get("image", ""))) for one in containers):
        needs.append("ECR images")
    if any((one.get("logConfiguration") or {}).get("logDriver") == "awslogs" for one in containers):
        needs.append("log driver awslogs")
    # ECS says the first.
    return f"Fargate requires task definition to have execution role ARN to support {needs[0]}." if needs else ""


def _name_of_both(data: Json) -> str:
    """What ECS has against a variable that is a secret and another value, too; empty where there is none."""
    for container in data.get("containerDefinitions", []):
        secrets = {one["name"] for one in container.get("secrets") or []}
        for name in sorted(secrets & {one["name"] for one in container.get("environment") or []}):
            return (
                "The secret name must be unique and not shared with any new or existing environment variables set on "
                f"the container, such as '{name}'."
            )
    return ""


def resolve(original: Function, _: Parts) -> Function:
    def resolve(ref: str) -> str | None:
        """The key of a task definition: a family without a revision is its latest ACTIVE one."""
        key: str | None = original(ref)
        if not ref or ":" in ref or key is None:
            return key
        family = ref.rpartition("task-definition/")[2]
        active = [one["revision"] for one in ecs._task_defs.values() if _is_active(one) and one["family"] == family]
        return f"{family}:{max(active)}" if active else family

    return resolve


def delete(original: Function, _: Parts) -> Function:
    def delete(data: Json) -> Response:
        """Delete what was deregistered before; it stays DELETE_IN_PROGRESS while anything may refer to it."""
        references = data.get("taskDefinitions", [])
        if len(references) > _MOST_AT_ONCE:
            message = f"{len(references)} task definitions were given, {_MOST_AT_ONCE} are the most at a time."
            refusal: Response = ecs.error_response_json("InvalidParameterException", message, 400)
            return refusal
        found = {reference: ecs._task_defs.get(ecs._resolve_td_delete_key(reference)) for reference in references}
        active = [one["taskDefinitionArn"] for one in found.values() if one and _is_active(one)]
        if active:
            reason = (
                "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
            )
            failures = [{"arn": arn, "reason": reason} for arn in active]
            answer: Response = ecs.json_response({"taskDefinitions": [], "failures": failures})
            return answer
        response: Response = original(data)
        return response

    return delete


def _is_active(definition: Json) -> bool:
    return bool(definition["status"] == "ACTIVE")
