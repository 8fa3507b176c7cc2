"""ECS services: complete when their tasks are healthy, gone when their tasks are gone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.concurrency import spawn_background
from ministack.services import ecs

from slipway_emulator.ecs import task_definitions
from slipway_emulator.ecs.records import cluster_name, service_key, service_of
from slipway_emulator.elbv2.rules import balancers_of

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

_POLL_SECONDS = 0.2
# "When you update any of these parameters, Amazon ECS starts new tasks with the new configuration" (UpdateService).
_STARTING_NEW_TASKS = ("loadBalancers", "networkConfiguration")

Json = dict[str, Any]
Response = tuple[int, Json, bytes]
Function = Callable[..., Any]


def make_deployment(original: Function, _: Parts) -> Function:
    def make_deployment(task_definition: str, desired_count: int, status: str = "PRIMARY") -> Json:
        deployment: Json = original(task_definition, desired_count, status)
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
        return deployment

    return make_deployment


def reconcile(original: Function, parts: Parts) -> Function:
    def reconcile(cluster_name: str, svc_key: str) -> None:
        with parts.ecs_scheduling:
            original(cluster_name, svc_key)

    return reconcile


def complete(original: Function, parts: Parts) -> Function:
    def complete(cluster_name: str, svc_key: str, expected_deployment_id: str | None = None) -> None:
        with parts.ecs_scheduling:
            original(cluster_name, svc_key, expected_deployment_id)
            service = ecs._services.get(svc_key)
            primary = ecs._primary_deployment(service) if service else None
            if primary and primary["rolloutState"] == "COMPLETED":
                primary["_has_been_complete"] = True
                alive = {task.get("_deployment_id") for task in ecs._tasks.values() if _is_alive(task)}
                service["deployments"] = [d for d in service["deployments"] if d is primary or d["id"] in alive]

    return complete


def record_failure(original: Function, _: Parts) -> Function:
    def record_failure(task: Json, digest_resolution_failed: bool = False) -> None:
        deployment = ecs._deployment_for_task(service_of(task) or {}, task) or {}
        if deployment.get("_has_been_complete"):
            # A deployment that was rolled back to has proven itself: its tasks are replaced for ever.
            ecs._reconcile_service_tasks(cluster_name(task), service_key(task))
        else:
            original(task, digest_resolution_failed)

    return record_failure


def stop_task(_original: Function, _: Parts) -> Function:
    def stop_task(data: Json) -> Response:
        """A stop by the scheduler itself. StopTask of the API stays as it is."""
        task = ecs._resolve_task(data["task"], data["cluster"])
        if task:
            deployment = ecs._primary_deployment(service_of(task) or {}) or {}
            reason = f"Scaling activity initiated by (deployment {deployment.get('id', 'none')})"
            if ecs._mark_task_stopped(task["taskArn"], task, reason, "ServiceSchedulerInitiated"):
                ecs._cleanup_task_resources(task, None)
        response: Response = ecs.json_response({})
        return response

    return stop_task


def create_service(original: Function, parts: Parts) -> Function:
    def create_service(data: Json) -> Response:
        if refusal := task_definitions.inactive(data.get("taskDefinition") or "", "ClientException"):
            return refusal
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        existing = ecs._services.get(f"{cluster}/{data.get('serviceName')}") or {}
        if existing.get("status") == "DRAINING":
            refused: Response = ecs.error_response_json(
                "InvalidParameterException", "Unable to Start a service that is still Draining.", 400
            )
            return refused
        if problem := _capacity_problem(data, cluster) or _target_group_problem(data) or _rebalancing_problem(data, {}):
            unusable: Response = ecs.error_response_json("InvalidParameterException", problem, 400)
            return unusable
        response = _keep_rebalancing(data, original(data))
        if response[0] == 200:
            parts.late.changed(_record(response)["serviceArn"])
        return response

    return create_service


def update_service(original: Function, parts: Parts) -> Function:
    def update_service(data: Json) -> Response:
        if refusal := task_definitions.inactive(data.get("taskDefinition") or "", "ClientException"):
            return refusal
        cluster, service = data.get("cluster", "default"), data.get("service", "")
        seen = ecs._describe_services({"cluster": cluster, "services": [service], "include": ["TAGS"]})
        before: Json | None = next(iter(json.loads(seen[2]).get("services", [])), None)
        if problem := _rebalancing_problem(data, before or {}):
            refused: Response = ecs.error_response_json("InvalidParameterException", problem, 400)
            return refused
        if before and any(name in data and data[name] != before.get(name) for name in _STARTING_NEW_TASKS):
            data = data | {"forceNewDeployment": True}
        response = _keep_rebalancing(data, original(data))
        if response[0] == 200:
            parts.late.changed(_record(response)["serviceArn"], before)
        return response

    return update_service


def describe_services(original: Function, parts: Parts) -> Function:
    def describe_services(data: Json) -> Response:
        response: Response = original(data)
        if response[0] != 200:
            return response
        answer = json.loads(response[2])
        seen = {one["serviceArn"]: parts.late.seen(one["serviceArn"], one) for one in answer["services"]}
        missing = [{"arn": arn, "reason": "MISSING"} for arn, one in seen.items() if one is None]
        shown = [one for one in seen.values() if one is not None]
        late: Response = ecs.json_response({"services": shown, "failures": answer["failures"] + missing})
        return late

    return describe_services


def delete_service(original: Function, _: Parts) -> Function:
    def delete_service(data: Json) -> Response:
        response: Response = original(data)
        if response[0] != 200:
            return response
        service = _record(response)
        group = f"service:{service['serviceName']}"
        leaving = [
            task
            for task in ecs._tasks.values()
            if task.get("group") == group and task["clusterArn"] == service["clusterArn"] and _is_alive(task)
        ]
        if leaving:
            service["status"] = "DRAINING"
            spawn_background(_retire, service, leaving, thread_name=f"ecs-retire-{service['serviceName']}")
        return _answer(service)

    return delete_service


def _capacity_problem(request: Json, cluster: str | None) -> str:
    """What ECS has against the capacity providers of a new service; empty when nothing."""
    known = (ecs._clusters.get(cluster) or {}).get("capacityProviders", [])
    asked = [item["capacityProvider"] for item in request.get("capacityProviderStrategy") or []]
    if set(asked) <= set(known):
        return ""
    return (
        "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the "
        "cluster. Associate the capacity provider with the cluster and try again."
    )


def _target_group_problem(request: Json) -> str:
    """What ECS has against the target groups of a new service; empty when nothing."""
    for arn in (item.get("targetGroupArn") for item in request.get("loadBalancers") or []):
        if arn and not balancers_of(arn):
            return f"The target group with targetGroupArn {arn} does not have an associated load balancer."
    return ""


def _rebalancing_problem(request: Json, before: Json) -> str:
    """What ECS has against rebalancing, which starts a task before it stops one; empty when nothing."""
    asked = before | {name: value for name, value in request.items() if value is not None}
    maximum = (asked.get("deploymentConfiguration") or {}).get("maximumPercent", 200)
    if asked.get("availabilityZoneRebalancing") == "ENABLED" and maximum <= 100:
        return "Availability Zone rebalancing does not support maximumPercent <= 100%."
    return ""


def _keep_rebalancing(request: Json, response: Response) -> Response:
    """The response of CreateService or UpdateService, with `availabilityZoneRebalancing` remembered."""
    if response[0] != 200:
        return response
    service = _record(response)
    # New services have it on since 5 September 2025 (ECS, "Availability Zone rebalancing").
    previous = service.get("availabilityZoneRebalancing", "ENABLED")
    service["availabilityZoneRebalancing"] = request.get("availabilityZoneRebalancing", previous)
    return _answer(service)


def _record(response: Response) -> Json:
    """The record of the service that a response describes."""
    shown = json.loads(response[2])["service"]
    cluster = ecs._cluster_name_from_arn(shown["clusterArn"]) or shown["clusterArn"].rsplit("/", 1)[-1]
    service: Json = ecs._services[f"{cluster}/{shown['serviceName']}"]
    return service


def _answer(service: Json) -> Response:
    response: Response = ecs.json_response({"service": ecs._sanitize(service)})
    return response


def _is_alive(task: Json) -> bool:
    return bool(task["lastStatus"] != "STOPPED")


def _retire(service: Json, leaving: list[Json]) -> None:
    """Call a deleted service INACTIVE once its last task has stopped."""
    while any(_is_alive(task) for task in leaving):
        time.sleep(_POLL_SECONDS)
    service["status"] = "INACTIVE"


def halt() -> None:
    """End all scheduling and watching, before the containers are stopped for good."""
    for _, service in ecs._services.all_items():
        service["status"] = "INACTIVE"
    for _, task in ecs._tasks.all_items():
        # MiniStack's own sign that a task's record no longer counts.
        task["_ecs_resetting"] = True
