"""Elastic Container Service as it behaves: what a task definition asks for, health, public addresses.

MiniStack runs the containers. Left to itself it ignores the read-only root file system, health checks
and volumes, calls a deployment complete one second after its containers started, and gives tasks no
public address; a broken image would pass a rehearsal and fail in AWS.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import docker
from docker.errors import DockerException
from ministack.core.concurrency import spawn_background
from ministack.core.responses import new_uuid, request_scope
from ministack.services import ec2, ecs

from emulator.load_balancers import HEALTHY, UNHEALTHY, TargetHealth, deregistration_delay_seconds
from emulator.network import ContainerNetwork

_TICK_SECONDS = 0.5
# How long a task without any health check must run before it counts as started.
_STEADY_SECONDS = 1.0
# "stopTimeout": 30 seconds where a task definition does not say (Task definition parameters for Fargate).
_STOP_TIMEOUT_SECONDS = 30
_NANOSECONDS = 1_000_000_000

Json = dict[str, Any]
Response = tuple[int, Json, bytes]


def install(network: ContainerNetwork, health: TargetHealth) -> None:
    """Put the behaviour of Fargate into MiniStack's ECS.

    Args:
        network: the Docker network that tasks join and take public addresses from.
        health: the load balancers' opinion of each task.
    """
    _install_container_options(network)
    _install_deployments()
    _install_supervision(health)
    _install_network_interfaces(network)
    _install_draining(health)


# -- what a task definition asks of its containers ----------------------------------------------------


def _install_container_options(network: ContainerNetwork) -> None:
    original_options = ecs._build_run_kwargs
    original_metadata = ecs._register_metadata

    def register_metadata(
        task_arn: str,
        cluster_arn: str,
        definition: dict[str, Any],
        container: dict[str, Any],
        launch_type: str,
        env: dict[str, str],
        host_mode: bool,
        _gateway: str | None,
    ) -> str:
        token: str = original_metadata(
            task_arn, cluster_arn, definition, container, launch_type, env, host_mode, network.gateway
        )
        return token

    def run_options(
        container: dict[str, Any],
        definition: dict[str, Any],
        env: dict[str, str],
        port_bindings: dict[str, Any],
        _network: str | None,
        host_mode: bool,
        task_id: str,
        task_arn: str,
        _gateway: str | None,
        cluster_arn: str,
    ) -> dict[str, Any]:
        task = ecs._tasks.get(task_arn)
        if task is not None and _wants_public_address(task):
            task["_public_address"] = task.get("_public_address") or network.allocate_public_address()
            for mapping in container.get("portMappings", []):
                port = mapping["containerPort"]
                port_bindings[f"{port}/tcp"] = (task["_public_address"], port)
        options: dict[str, Any] = original_options(
            container,
            definition,
            env,
            port_bindings,
            network.name,
            host_mode,
            task_id,
            task_arn,
            network.gateway,
            cluster_arn,
        )
        options |= _container_options(container, definition)
        return options

    ecs._register_metadata = register_metadata
    ecs._build_run_kwargs = run_options


def _container_options(container: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    """Docker's options for what MiniStack leaves out of a container definition."""
    own_volumes = {
        volume["name"] for volume in definition.get("volumes", []) if not (volume.get("host") or {}).get("sourcePath")
    }
    linux = container.get("linuxParameters") or {}
    options: dict[str, Any] = {
        "read_only": bool(container.get("readonlyRootFilesystem")),
        "tmpfs": {
            mount["containerPath"]: ""
            for mount in container.get("mountPoints", [])
            if mount.get("sourceVolume") in own_volumes
        }
        | {
            mount["containerPath"]: ",".join([f"size={mount['size']}m", *mount.get("mountOptions", [])])
            for mount in linux.get("tmpfs", [])
        },
        "init": bool(linux.get("initProcessEnabled")),
    }
    if container.get("user"):
        options["user"] = container["user"]
    if container.get("entryPoint"):
        options["entrypoint"] = container["entryPoint"]
    if container.get("workingDirectory"):
        options["working_dir"] = container["workingDirectory"]
    if definition.get("memory"):
        options["mem_limit"] = f"{definition['memory']}m"
    if definition.get("cpu"):
        # A share, not a ceiling: a quarter of a rehearsal machine's core would measure the machine.
        options["cpu_shares"] = int(definition["cpu"])
    check = container.get("healthCheck")
    if check:
        options["healthcheck"] = {
            "test": check["command"],
            "interval": int(check.get("interval", 30)) * _NANOSECONDS,
            "timeout": int(check.get("timeout", 5)) * _NANOSECONDS,
            "retries": int(check.get("retries", 3)),
            "start_period": int(check.get("startPeriod", 0)) * _NANOSECONDS,
        }
    return options


# -- deployments ---------------------------------------------------------------------------------------


def _install_deployments() -> None:
    original = ecs._make_deployment

    def make_deployment(definition: str, desired: int, status: str = "PRIMARY") -> dict[str, Any]:
        deployment: dict[str, Any] = original(definition, desired, status)
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
        return deployment

    ecs._make_deployment = make_deployment
    for action in ("CreateService", "UpdateService"):
        ecs._ACTION_MAP[action] = _keeping_rebalancing(ecs._ACTION_MAP[action])


def _keeping_rebalancing(original: Callable[[Json], Response]) -> Callable[[Json], Response]:
    """CreateService or UpdateService that remembers `availabilityZoneRebalancing`."""

    def keep(request: Json) -> Response:
        response = original(request)
        if response[0] != 200:
            return response
        service = json.loads(response[2])["service"]
        cluster = ecs._cluster_name_from_arn(service["clusterArn"]) or service["clusterArn"].rsplit("/", 1)[-1]
        record = ecs._services[f"{cluster}/{service['serviceName']}"]
        # New services have it on since 5 September 2025 (ECS, "Availability Zone rebalancing").
        previous = record.get("availabilityZoneRebalancing", "ENABLED")
        record["availabilityZoneRebalancing"] = request.get("availabilityZoneRebalancing", previous)
        answer: Response = ecs.json_response({"service": ecs._sanitize(record)})
        return answer

    return keep


# -- supervision ---------------------------------------------------------------------------------------


def _install_supervision(health: TargetHealth) -> None:
    def watch(task: dict[str, Any], client: docker.DockerClient, account: str, region: str) -> None:
        supervisor = _Supervisor(task, client, health)

        def run() -> None:
            with request_scope(account, region):
                supervisor.run()

        spawn_background(run, thread_name=f"ecs-supervisor-{task['taskArn'].rsplit('/', 1)[-1][:8]}")

    ecs._watch_task_lifecycle = watch


class _Supervisor:
    """Follows one task from its start to its end, as the ECS service scheduler does."""

    def __init__(self, task: dict[str, Any], client: docker.DockerClient, health: TargetHealth) -> None:
        self._task = task
        self._client = client
        self._health = health
        self._started = time.monotonic()

    def run(self) -> None:
        steady = False
        while ecs._task_is_active(self._task["taskArn"], self._task):
            ecs._maybe_mark_stopped(self._task, self._client)
            if self._task["lastStatus"] == "STOPPED":
                return
            service = self._service()
            problem, ready = self._verdict(service)
            if problem and service:
                self._replace(problem)
                return
            if ready and not steady:
                steady = True
                if service:
                    self._complete_deployment()
            time.sleep(_TICK_SECONDS)

    def _cluster(self) -> str:
        return str(ecs._cluster_name_from_arn(self._task["clusterArn"]))

    def _service_key(self) -> str:
        return f"{self._cluster()}/{self._task['group'].partition(':')[2]}"

    def _service(self) -> dict[str, Any] | None:
        if not self._task.get("group", "").startswith("service:"):
            return None
        service: dict[str, Any] | None = ecs._services.get(self._service_key())
        return service

    def _verdict(self, service: dict[str, Any] | None) -> tuple[str | None, bool]:
        """What is wrong with the task, if anything, and whether it is ready for work."""
        age = time.monotonic() - self._started
        in_grace = service is not None and age < float(service.get("healthCheckGracePeriodSeconds") or 0)
        container = self._container_health()
        self._task["healthStatus"] = {HEALTHY: "HEALTHY", UNHEALTHY: "UNHEALTHY"}.get(container or "", "UNKNOWN")
        ready = container in (None, HEALTHY) and age >= _STEADY_SECONDS
        if container == UNHEALTHY and not in_grace:
            return "Task failed container health checks", False
        address = ecs._task_ip(self._task)
        for balancer in (service or {}).get("loadBalancers") or []:
            group = balancer.get("targetGroupArn")
            if not (group and address):
                continue
            state = self._health.state(group, address, int(balancer.get("containerPort", 80)))
            ready = ready and state == HEALTHY
            if state == UNHEALTHY and not in_grace:
                return f"Task failed ELB health checks in (target-group {group})", False
        return None, ready

    def _container_health(self) -> str | None:
        """The worst health of the task's containers; None where no container has a health check."""
        states = []
        for index, container_id in enumerate(list(self._task.get("_docker_ids") or [])):
            try:
                state = self._client.api.inspect_container(container_id)["State"].get("Health")
            except DockerException:
                continue
            if not state:
                continue
            states.append(state["Status"])
            if index < len(self._task.get("containers", [])):
                shown = {"starting": "UNKNOWN"}.get(state["Status"], state["Status"].upper())
                self._task["containers"][index]["healthStatus"] = shown
        if not states:
            return None
        return UNHEALTHY if UNHEALTHY in states else HEALTHY if set(states) == {HEALTHY} else "starting"

    def _complete_deployment(self) -> None:
        cluster, key = self._cluster(), self._service_key()
        ecs._record_service_task_healthy(key, self._task)
        ecs._refresh_service_state(cluster, self._task["group"])
        ecs._reconcile_service_tasks(cluster, key)
        ecs._complete_service_deployment(cluster, key, expected_deployment_id=self._task.get("_deployment_id"))

    def _replace(self, reason: str) -> None:
        if ecs._mark_task_stopped(self._task["taskArn"], self._task, reason, "ServiceSchedulerInitiated"):
            ecs._cleanup_task_resources(self._task, self._client)
            ecs._record_service_task_failure(self._task)


# -- network interfaces and public addresses -----------------------------------------------------------


def _network_configuration(task: dict[str, Any]) -> dict[str, Any]:
    group = task.get("group", "")
    if not group.startswith("service:"):
        return {}
    service = ecs._services.get(f"{ecs._cluster_name_from_arn(task['clusterArn'])}/{group.partition(':')[2]}")
    return ((service or {}).get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}


def _wants_public_address(task: dict[str, Any]) -> bool:
    return _network_configuration(task).get("assignPublicIp") == "ENABLED"


def _install_network_interfaces(network: ContainerNetwork) -> None:
    original_record = ecs._record_task_ip
    original_stopped = ecs._mark_task_stopped
    original_fields = ec2._eni_fields_xml

    def record_address(task: dict[str, Any], container: Any, ecs_network: str | None) -> None:
        original_record(task, container, network.name)
        attachments = task.get("attachments") or []
        if not attachments or task.get("_network_interface"):
            return
        details = attachments[0]["details"]
        interface = _network_interface(task, {d["name"]: d["value"] for d in details})
        ec2._network_interfaces[interface["NetworkInterfaceId"]] = interface
        task["_network_interface"] = interface["NetworkInterfaceId"]
        details.append({"name": "networkInterfaceId", "value": interface["NetworkInterfaceId"]})
        details.append({"name": "macAddress", "value": interface["MacAddress"]})

    def mark_stopped(
        task_arn: str, task: dict[str, Any], reason: str, stop_code: str, exit_code: int | None = None
    ) -> bool:
        stopped: bool = original_stopped(task_arn, task, reason, stop_code, exit_code)
        if stopped:
            ec2._network_interfaces.pop(task.get("_network_interface"), None)
            if task.get("_public_address"):
                network.release_public_address(task["_public_address"])
        return stopped

    def fields_xml(interface: dict[str, Any], tag: str = "item") -> str:
        xml: str = original_fields(interface, tag)
        public = interface.get("_public_address")
        if not public:
            return xml
        association = f"<association><publicIp>{public}</publicIp><ipOwnerId>amazon</ipOwnerId></association>"
        return xml.replace("<groupSet>", f"{association}<groupSet>", 1)

    ecs._record_task_ip = record_address
    ecs._mark_task_stopped = mark_stopped
    ec2._eni_fields_xml = fields_xml


def _network_interface(task: dict[str, Any], details: dict[str, str]) -> dict[str, Any]:
    """An EC2 network interface record for a task's attachment."""
    identifier = new_uuid().replace("-", "")
    subnet = ec2._subnets.get(details.get("subnetId", ""), {})
    groups = _network_configuration(task).get("securityGroups") or []
    return {
        "NetworkInterfaceId": f"eni-{identifier[:17]}",
        "SubnetId": details.get("subnetId", ""),
        "VpcId": subnet.get("VpcId", ""),
        "AvailabilityZone": subnet.get("AvailabilityZone", ""),
        "Description": f"arn:aws:ecs:attachment/{new_uuid()}",
        "OwnerId": task["taskArn"].split(":")[4],
        "Status": "in-use",
        "PrivateIpAddress": details["privateIPv4Address"],
        "InterfaceType": "interface",
        "SourceDestCheck": True,
        "MacAddress": "0a:" + ":".join(identifier[i : i + 2] for i in range(17, 27, 2)),
        "Groups": [
            {"GroupId": group, "GroupName": ec2._security_groups.get(group, {}).get("GroupName", group)}
            for group in groups
        ],
        "Attachment": None,
        "_public_address": task.get("_public_address"),
    }


# -- leaving ---------------------------------------------------------------------------------------------


def _install_draining(health: TargetHealth) -> None:
    original_cleanup = ecs._cleanup_task_resources

    def cleanup(task: dict[str, Any], client: docker.DockerClient, extra_container: Any = None) -> None:
        address = ecs._task_ip(task)
        group = task.get("group", "")
        if address and group.startswith("service:"):
            service = ecs._services.get(
                f"{ecs._cluster_name_from_arn(task['clusterArn'])}/{group.partition(':')[2]}"
            )
            for balancer in (service or {}).get("loadBalancers") or []:
                arn = balancer.get("targetGroupArn")
                if arn:
                    port = int(balancer.get("containerPort", 80))
                    health.drain(arn, address, port, deregistration_delay_seconds(arn))
        original_cleanup(task, client, extra_container)

    def remove_container(client: docker.DockerClient | None, container: Any) -> None:
        if client is None or container is None:
            return
        try:
            found = client.containers.get(container) if isinstance(container, str) else container
            found.stop(timeout=_STOP_TIMEOUT_SECONDS)
            found.remove(v=True, force=True)
        except DockerException:
            # The container is gone already, or the engine is; MiniStack's reaper looks again.
            return

    ecs._cleanup_task_resources = cleanup
    ecs._remove_docker_container = remove_container
