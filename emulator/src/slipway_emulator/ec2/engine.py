"""The container engine of an EC2 instance, for the `docker` in its machine image.

A container is one of the host's engine that shares the instance's network, so nothing is nested. The instance has an
image store and registry logins of its own, as an instance in AWS has: what it has not pulled it cannot run. Source of
options and messages: the Docker CLI reference; of the log driver: "Amazon CloudWatch Logs logging driver".
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import io
import json
import shlex
import tarfile
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import docker
from docker.errors import APIError, DockerException, NotFound
from ministack import app as ministack
from ministack.core import container_reaper
from ministack.core.concurrency import spawn_background
from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs, ecs

from slipway_emulator.ec2 import instances as ec2_instances
from slipway_emulator.ec2.instances import INSTANCE_LABEL, Instances, region_of, role_of
from slipway_emulator.endpoints import Receive, Scope, Send
from slipway_emulator.iam.roles import Roles
from slipway_emulator.vpc.firewall import Firewall
from slipway_emulator.vpc.interfaces import of_instance
from slipway_emulator.vpc.routes import ECR_SERVICES

_PATH = "/_slipway/instance-engine"
_FORMATS: dict[str, Callable[[Json], str]] = {
    "{{.Config.Image}}": lambda container: str(container["Config"]["Image"]),
    "{{.State.Running}}": lambda container: str(container["State"]["Running"]).lower(),
    "{{.State.Status}}": lambda container: str(container["State"]["Status"]),
}

Json = dict[str, Any]


class EngineError(Exception):
    """A command fails; the message is what the Docker CLI prints.

    Args:
        message: for standard error.
        exit_code: 125 where the engine refuses to run a container, else 1.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclasses.dataclass
class _Store:
    """What the engine of one instance has.

    Attributes:
        logins: passwords by the registries it is logged in to.
        images: images it has pulled.
    """

    logins: dict[str, str] = dataclasses.field(default_factory=dict)
    images: set[str] = dataclasses.field(default_factory=set)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise EngineError(f"{self.prog}: {message}", 125)


class InstanceEngine:
    """Carries out Docker commands of instances.

    Args:
        client: a client of the engine that runs the containers.
        instances: whose endpoint containers are given.
        registry_address: host and port of the container registry.
        roles: whose the instances are.
        firewall: tells which instances reach a registry; None where all do.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        instances: Instances,
        registry_address: str,
        roles: Roles,
        firewall: Firewall | None,
    ) -> None:
        self._client = client
        self._instances = instances
        self._registry = registry_address
        self._roles = roles
        self._firewall = firewall
        self._stores: dict[str, _Store] = {}
        self._commands: dict[str, tuple[_Parser, Callable[[Json, argparse.Namespace, str], tuple[int, str]]]] = {
            "inspect": (_inspect_parser(), self._inspect),
            "login": (_login_parser(), self._login),
            "pull": (_pull_parser(), self._pull),
            "rm": (_remove_parser(), self._remove),
            "run": (_run_parser(), self._run),
            "stop": (_stop_parser(), self._stop),
        }

    def matches(self, scope: Scope) -> bool:
        """Whether an HTTP request is a command of an instance."""
        return bool(scope["path"] == _PATH)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one command of an instance; others get nothing from here."""
        instance = ec2_instances.find_by_address(scope["client"][0])
        if instance is None:
            await ministack._send_response(send, 403, {}, b"")
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = json.loads(await ministack._read_request_body(receive, "POST", headers))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Json] = loop.create_future()

        def run() -> None:
            result = self.call(instance, request["arguments"], request["input"])
            loop.call_soon_threadsafe(_tell, answer, result)

        # A thread of its own: a container in the foreground keeps it for as long as it runs.
        threading.Thread(target=run, daemon=True, name=f"ec2-engine-{shlex.join(request['arguments'][:1])}").start()
        content = {"Content-Type": "application/json"}
        await ministack._send_response(send, 200, content, json.dumps(await answer).encode())

    def call(self, instance: Json, arguments: list[str], given: str) -> Json:
        """Carry out one command; returns when it has ended, so a container in the foreground with it.

        Args:
            instance: whose engine it is.
            arguments: what follows `docker` on the command line.
            given: standard input.

        Returns:
            `exit_code`, `stdout` and `stderr`.
        """
        name, *rest = arguments or [""]
        try:
            if name not in self._commands:
                raise EngineError(f"docker: '{name}' is not a docker command that the rehearsal knows.")
            parser, command = self._commands[name]
            options = parser.parse_args(rest)
            # Its roles and log groups are those of its own account.
            with request_scope(instance["_account"], region_of(instance)):
                code, output = command(instance, options, given)
            return {"exit_code": code, "stdout": output, "stderr": ""}
        except EngineError as error:
            return {"exit_code": error.exit_code, "stdout": "", "stderr": f"{error}\n"}
        except DockerException as error:
            return {"exit_code": 1, "stdout": "", "stderr": f"Error response from daemon: {error}\n"}

    def _store(self, instance: Json) -> _Store:
        return self._stores.setdefault(instance["InstanceId"], _Store())

    def _login(self, instance: Json, options: argparse.Namespace, given: str) -> tuple[int, str]:
        if options.username != "AWS" or not given.strip():
            raise EngineError(f"Error response from daemon: login attempt to https://{options.server}/v2/ failed")
        self._store(instance).logins[options.server] = given.strip()
        return 0, "Login Succeeded\n"

    def _pull(self, instance: Json, options: argparse.Namespace, _given: str) -> tuple[int, str]:
        registry, _, _ = options.image.partition("/")
        password = self._store(instance).logins.get(registry)
        if registry == self._registry and password is None:
            repository = options.image.partition("@")[0]
            raise EngineError(f'Error response from daemon: Head "https://{repository}": no basic auth credentials')
        credentials = {"username": "AWS", "password": password} if password else None
        interface = of_instance(instance)
        services = ECR_SERVICES if registry == self._registry else ("",)
        region = region_of(instance)
        if self._firewall and not (
            interface and all(self._firewall.reaches(interface, one, region) for one in services)
        ):
            raise EngineError(
                f'Error response from daemon: Get "https://{registry}/v2/": net/http: request canceled while waiting '
                "for connection (Client.Timeout exceeded while awaiting headers)"
            )
        try:
            for step in self._client.api.pull(options.image, auth_config=credentials, stream=True, decode=True):
                if "error" in step:
                    raise EngineError(f"Error response from daemon: {step['error']}")
        except APIError as error:
            raise EngineError(f"Error response from daemon: {error.explanation}") from None
        self._store(instance).images.add(options.image)
        return 0, f"{options.image}\n"

    def _run(self, instance: Json, options: argparse.Namespace, given: str) -> tuple[int, str]:
        if options.network != "host":
            raise EngineError("docker: the rehearsal's instances run containers with --network host only.", 125)
        if options.image not in self._store(instance).images:
            try:
                self._pull(instance, options, given)
            except EngineError as error:
                raise EngineError(f"docker: {error}", 125) from None
        log = self._log_configuration(instance, options)
        try:
            container = self._client.containers.create(
                options.image, options.command, **self._options(instance, options)
            )
            container.start()
        except APIError as error:
            if error.status_code == 409:
                raise EngineError(
                    "docker: Error response from daemon: Conflict. The container name "
                    f'"/{options.name}" is already in use.',
                    125,
                ) from None
            raise EngineError(f"docker: Error response from daemon: {error.explanation}", 125) from None
        if log:
            group, stream = log
            config = {"group": group, "stream": stream or container.id, "region": None, "create_group": False}
            region = options.log_options.get("awslogs-region") or ec2_instances.region_of(instance)
            spawn_background(
                ecs._forward_awslogs,
                container,
                config,
                instance["_account"],
                region,
                thread_name=f"ec2-logs-{instance['InstanceId']}",
            )
        if options.detach:
            spawn_background(self._wait, container, options.rm, thread_name=f"ec2-wait-{instance['InstanceId']}")
            return 0, f"{container.id}\n"
        return self._wait(container, options.rm), ""

    def _wait(self, container: Any, remove: bool) -> int:
        try:
            code = int(container.wait(timeout=None)["StatusCode"])
        except NotFound:
            return 137
        if remove:
            try:
                container.remove(v=True, force=True)
            except (APIError, NotFound):
                # Somebody else removes it.
                return code
        return code

    def _log_configuration(self, instance: Json, options: argparse.Namespace) -> tuple[str, str | None] | None:
        """Log group and stream, looked at as the log driver does before a container starts."""
        options.log_options = dict(_assignments(options.log_opt))
        if options.log_driver != "awslogs":
            return None
        failed = (
            "docker: Error response from daemon: failed to initialize logging driver: "
            "failed to create Cloudwatch log stream"
        )
        role = role_of(instance, self._roles)
        if role is None:
            raise EngineError(f"{failed}: NoCredentialProviders: no valid providers in chain.", 125)
        group = options.log_options.get("awslogs-group")
        if not group:
            raise EngineError(
                "docker: Error response from daemon: must specify a value for log opt 'awslogs-group'.", 125
            )
        region = options.log_options.get("awslogs-region") or ec2_instances.region_of(instance)
        with request_scope(instance["_account"], region):
            if group not in cloudwatch_logs._log_groups:
                raise EngineError(f"{failed}: ResourceNotFoundException: The specified log group does not exist.", 125)
        streams = f"arn:aws:logs:{region}:{instance['_account']}:log-group:{group}:log-stream:*"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            denial = self._roles.denial(role["Arn"], instance["InstanceId"], action, streams)
            if denial:
                raise EngineError(f"{failed}: AccessDeniedException: {denial}", 125)
        return group, options.log_options.get("awslogs-stream")

    def _options(self, instance: Json, options: argparse.Namespace) -> Json:
        """What docker-py's `containers.create` takes for a command line."""
        environment = {"AWS_ENDPOINT_URL": self._instances.endpoint}
        for file in options.env_file:
            environment |= dict(_assignments(self._read(instance, file).splitlines()))
        environment |= dict(_assignments(options.env))
        made: Json = {
            "name": _container_name(instance, options.name),
            "environment": environment,
            "labels": {
                **container_reaper.own_labels("ec2-container"),
                INSTANCE_LABEL: instance["InstanceId"],
            },
            "network_mode": f"container:{instance['_container_id']}",
            "read_only": options.read_only,
            "init": options.init,
            "tmpfs": {path: rest for path, _, rest in (mount.partition(":") for mount in options.tmpfs)},
            "cap_drop": options.cap_drop,
            "security_opt": options.security_opt,
        }
        if options.no_healthcheck:
            made["healthcheck"] = {"test": ["NONE"]}
        if options.user:
            made["user"] = options.user
        if options.memory:
            made["mem_limit"] = options.memory
        if options.memory_swap:
            made["memswap_limit"] = options.memory_swap
        return made

    def _read(self, instance: Json, path: str) -> str:
        """A file of the instance."""
        try:
            chunks, _ = self._client.api.get_archive(instance["_container_id"], path)
        except NotFound:
            raise EngineError(f"docker: open {path}: no such file or directory.", 125) from None
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            file = archive.extractfile(archive.next() or "")
            if file is None:
                raise EngineError(f"docker: read {path}: is a directory.", 125)
            return file.read().decode()

    def _container(self, instance: Json, name: str) -> Any:
        try:
            return self._client.containers.get(_container_name(instance, name))
        except NotFound:
            raise EngineError(f"Error response from daemon: No such container: {name}") from None

    def _stop(self, instance: Json, options: argparse.Namespace, _given: str) -> tuple[int, str]:
        self._container(instance, options.name).stop(timeout=options.time)
        return 0, f"{options.name}\n"

    def _remove(self, instance: Json, options: argparse.Namespace, _given: str) -> tuple[int, str]:
        try:
            self._container(instance, options.name).remove(v=True, force=options.force)
        except EngineError:
            if not options.force:
                raise
        return 0, f"{options.name}\n"

    def _inspect(self, instance: Json, options: argparse.Namespace, _given: str) -> tuple[int, str]:
        if options.format not in _FORMATS:
            raise EngineError(f"docker: the rehearsal knows the formats {', '.join(_FORMATS)} only")
        container = self._client.api.inspect_container(self._container(instance, options.name).id)
        return 0, f"{_FORMATS[options.format](container)}\n"


def _container_name(instance: Json, name: str) -> str:
    """What the host's engine calls a container that an instance calls `name`."""
    return f"ministack-ec2-{instance['InstanceId']}-{name}"


def _assignments(lines: list[str]) -> list[tuple[str, str]]:
    """Names and values of an environment file's or option's lines; empty lines and comments have none."""
    found = []
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            name, _, value = line.partition("=")
            found.append((name, value))
    return found


def _parser(name: str) -> _Parser:
    return _Parser(prog=f"docker {name}", add_help=False, allow_abbrev=False)


def _login_parser() -> _Parser:
    parser = _parser("login")
    parser.add_argument("-u", "--username", required=True)
    parser.add_argument("--password-stdin", action="store_true", required=True)
    parser.add_argument("server")
    return parser


def _pull_parser() -> _Parser:
    parser = _parser("pull")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("image")
    return parser


def _run_parser() -> _Parser:
    parser = _parser("run")
    parser.add_argument("-d", "--detach", action="store_true")
    for flag in ("--init", "--no-healthcheck", "--read-only", "--rm"):
        parser.add_argument(flag, action="store_true")
    for several in ("--cap-drop", "--env-file", "--log-opt", "--security-opt", "--tmpfs"):
        parser.add_argument(several, action="append", default=[])
    parser.add_argument("-e", "--env", action="append", default=[])
    parser.add_argument("--log-driver")
    parser.add_argument("-m", "--memory")
    parser.add_argument("--memory-swap")
    parser.add_argument("--name", required=True)
    parser.add_argument("--network")
    parser.add_argument("-u", "--user")
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def _stop_parser() -> _Parser:
    parser = _parser("stop")
    parser.add_argument("-t", "--time", type=int, default=10)
    parser.add_argument("name")
    return parser


def _remove_parser() -> _Parser:
    parser = _parser("rm")
    parser.add_argument("-f", "--force", action="store_true")
    parser.add_argument("name")
    return parser


def _inspect_parser() -> _Parser:
    parser = _parser("inspect")
    parser.add_argument("-f", "--format", required=True)
    parser.add_argument("name")
    return parser


def _tell(answer: asyncio.Future[Json], result: Json) -> None:
    """Hand a result to whoever waits for it; a client that has gone does not."""
    if not answer.cancelled():
        answer.set_result(result)
