"""Questions asked of MiniStack's ECS records in more than one place."""

from __future__ import annotations

from typing import Any

from ministack.services import ecs

Json = dict[str, Any]


def cluster_name(task: Json) -> str:
    """Name of the cluster a task runs on."""
    return str(ecs._cluster_name_from_arn(task["clusterArn"]))


def service_key(task: Json) -> str | None:
    """`<cluster>/<service>`, or None for a task that no service started."""
    kind, _, name = task.get("group", "").partition(":")
    return f"{cluster_name(task)}/{name}" if kind == "service" else None


def service_of(task: Json) -> Json | None:
    """The record of the service that started a task, while there is one."""
    key = service_key(task)
    service: Json | None = ecs._services.get(key) if key else None
    return service


def network_configuration(task: Json) -> Json:
    """The `awsvpcConfiguration` that a task was started with; empty where it has none."""
    configuration: Json = task.get("_network_configuration") or {}
    return configuration


def registrations(task: Json) -> list[tuple[str, str, int]]:
    """Target group, address and port of each registration a service makes for a task."""
    address = ecs._task_ip(task)
    balancers = (service_of(task) or {}).get("loadBalancers") or []
    return [
        (balancer["targetGroupArn"], address, int(balancer.get("containerPort", 80)))
        for balancer in balancers
        if address and balancer.get("targetGroupArn")
    ]
