"""What an ECS task definition asks of its containers, as Fargate gives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from docker.errors import APIError, NotFound
from ministack.services import ecs

from slipway_emulator.ecs.records import network_configuration
from slipway_emulator.network import ContainerNetwork

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

# "stopTimeout": 30 seconds where a task definition does not say (Task definition parameters for Fargate).
_STOP_TIMEOUT_SECONDS = 30
_NANOSECONDS = 1_000_000_000

Json = dict[str, Any]
Function = Callable[..., Any]


class StartError(Exception):
    """The engine has made a container and cannot start it."""


def register_metadata(original: Function, parts: Parts) -> Function:
    def register_metadata(
        task_arn: str,
        cluster_arn: str,
        td: Json,
        cdef: Json,
        launch_type: str,
        env: dict[str, str],
        host_mode: bool,
        _ministack_net_ip: str | None,
    ) -> str:
        gateway = parts.network.gateway
        token: str = original(task_arn, cluster_arn, td, cdef, launch_type, env, host_mode, gateway)
        del env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        role = td.get("taskRoleArn")
        if role:
            # The session has the task's id ("Amazon ECS task IAM role" in the developer guide).
            path = parts.roles.offer(role, task_arn.rpartition("/")[2])
            env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{env['AWS_ENDPOINT_URL']}{path}"
        else:
            del env["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        return token

    return register_metadata


def run_options(original: Function, parts: Parts) -> Function:
    network = parts.network

    def run_options(
        cdef: Json,
        td: Json,
        env: dict[str, str],
        port_bindings: Json,
        _ecs_network: str | None,
        host_mode: bool,
        task_id: str,
        task_arn: str,
        _ministack_net_ip: str | None,
        cluster_arn: str,
    ) -> Json:
        task = ecs._tasks.get(task_arn)
        if task is not None:
            port_bindings |= public_ports(task, cdef, network)
            timeouts = task.setdefault("_stop_timeouts_seconds", {})
            timeouts[cdef["name"]] = int(cdef.get("stopTimeout", _STOP_TIMEOUT_SECONDS))
        options: Json = original(
            cdef,
            td,
            env,
            port_bindings,
            network.name,
            host_mode,
            task_id,
            task_arn,
            network.gateway,
            cluster_arn,
        )
        return options | container_options(cdef, td)

    return run_options


def container_options(container: Json, definition: Json) -> Json:
    """Docker's options for what MiniStack leaves out of a container definition.

    Args:
        container: one of the task definition's `containerDefinitions`.
        definition: the task definition.

    Returns:
        Keyword arguments of docker-py's `containers.run`.
    """
    own_volumes = {
        volume["name"] for volume in definition.get("volumes", []) if not (volume.get("host") or {}).get("sourcePath")
    }
    linux = container.get("linuxParameters") or {}
    options: Json = {
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


def public_ports(task: Json, container: Json, network: ContainerNetwork) -> dict[str, tuple[str, int]]:
    """The ports to publish at the task's public address; the address is taken on first use."""
    if network_configuration(task).get("assignPublicIp") != "ENABLED":
        return {}
    task["_public_address"] = task.get("_public_address") or network.allocate_public_address()
    ports = [mapping["containerPort"] for mapping in container.get("portMappings", [])]
    return {f"{port}/tcp": (task["_public_address"], port) for port in ports}


def run_container(original: Function, parts: Parts) -> Function:
    def run_container(
        docker_client: Any,
        cdef: Json,
        run_kwargs: Json,
        refresh_image: bool = False,
        allow_cached: bool = True,
        cache_image: str | None = None,
        fallback_image: str | None = None,
        auth_config: Json | None = None,
    ) -> Any:
        # Fargate has no images of its own: what the registry cannot give does not start.
        ours = parts.is_in_registry(cdef["image"])
        try:
            return original(
                docker_client,
                cdef,
                run_kwargs,
                refresh_image=refresh_image or ours,
                allow_cached=allow_cached and not ours,
                cache_image=cache_image,
                fallback_image=fallback_image,
                auth_config=parts.registry_tokens.of_service() if ours else auth_config,
            )
        except NotFound as error:
            # docker-py pulls what is missing and raises this when the registry has no such image.
            raise ecs._ImagePullError(error.explanation) from error
        except APIError as error:
            raise StartError(error.explanation) from error

    return run_container


def repository_credentials(original: Function, parts: Parts) -> Function:
    def repository_credentials(cdef: Json) -> dict[str, str] | None:
        if parts.is_in_registry(cdef["image"]):
            return parts.registry_tokens.of_service()
        found: dict[str, str] | None = original(cdef)
        return found

    return repository_credentials


def fail_task_start(original: Function, _: Parts) -> Function:
    def fail_task_start(task: Json, docker_client: Any, reason: str) -> None:
        # What the catch-all in front of this says about errors it does not know.
        _, known, start_error = reason.partition("unable to pull image or start container: ")
        original(task, docker_client, f"CannotStartContainerError: {start_error}" if known else reason)

    return fail_task_start
