"""AWS App Runner: services that run real containers, with the operations, states and logs of the real service.

Source of the shapes and rules: the App Runner API reference, and "Managing your App Runner service" in its developer
guide. Images come from the rehearsal's ECR. What App Runner has beyond that is refused, and says so: source code,
private services, custom domains and observability configurations.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import docker
from ministack import app as ministack
from ministack.core.concurrency import spawn_background
from ministack.core.responses import (
    AccountRegionScopedDict,
    StreamingResponse,
    get_account_id,
    get_region,
    new_uuid,
    request_scope,
)
from ministack.services import alb, ecr, ecs, secretsmanager

from slipway_emulator.app_runner.connectors import VpcConnectors
from slipway_emulator.app_runner.instances import DeploymentError, Engine, Fleet, Specification, words
from slipway_emulator.app_runner.scaling import INVALID, AutoScalingConfigurations, tags_by_key
from slipway_emulator.ecr.registry import Tokens
from slipway_emulator.elbv2.target_health import released_at_end
from slipway_emulator.endpoints import Receive, Scope, Send
from slipway_emulator.iam.roles import Roles
from slipway_emulator.network import ContainerNetwork
from slipway_emulator.protocols.json import ApiError, page

# "App Runner resource quotas".
_SERVICES = 30
_VARIABLES = 50
_PAGE = 20
# How long a deleted service can still be described.
_DELETED_KEPT_SECONDS = 3600.0
_IN_PROGRESS, _RUNNING, _PAUSED = "OPERATION_IN_PROGRESS", "RUNNING", "PAUSED"
_CREATE_FAILED, _DELETED = "CREATE_FAILED", "DELETED"

# InstanceConfiguration: the sizes that go together ("Supported CPU and memory configurations").
_MEMORY_OF_CPU = {
    256: (512, 1024),
    512: (1024,),
    1024: (2048, 3072, 4096),
    2048: (4096, 6144),
    4096: (8192, 10240, 12288),
}
_HEALTH_CHECK = {
    "Protocol": "TCP",
    "Path": "/",
    "Interval": 5,
    "Timeout": 2,
    "HealthyThreshold": 1,
    "UnhealthyThreshold": 5,
}
_NETWORK = {
    "EgressConfiguration": {"EgressType": "DEFAULT"},
    "IngressConfiguration": {"IsPubliclyAccessible": True},
    "IpAddressType": "IPV4",
}
_ECR_IMAGE = re.compile(
    r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/"
    r"(?P<repository>[^:@]+)(?:@(?P<digest>.+)|:(?P<tag>.+))?"
)
_SECRET_ARN = re.compile(r"(?P<arn>arn:aws:secretsmanager:[^:]+:[^:]+:secret:[^:]+)(?::(?P<key>[^:]*):[^:]*:[^:]*)?")
# The service shows them only when they were given.
_GIVEN_AT_CREATION = ("EncryptionConfiguration", "ObservabilityConfiguration")
_SUMMARY = ("ServiceName", "ServiceId", "ServiceArn", "ServiceUrl", "CreatedAt", "UpdatedAt", "Status")

_logger = logging.getLogger(__name__)

Json = dict[str, Any]


class _Service:
    """A service: what DescribeService says of it, its operations, and what runs.

    Args:
        record: what DescribeService says, but for its auto scaling configuration.
        configuration_arn: ARN of that.
        engine: runs its instances.
    """

    def __init__(self, record: Json, configuration_arn: str, engine: Engine) -> None:
        self.record = record
        self.configuration_arn = configuration_arn
        self.operations: list[Json] = []
        labels = {
            "com.amazonaws.apprunner.service-arn": record["ServiceArn"],
            "com.amazonaws.apprunner.service-name": record["ServiceName"],
        }
        self.fleet = Fleet(engine, labels, f"{self.log_group_prefix}/application", self.log_event)

    @property
    def log_group_prefix(self) -> str:
        """What the names of its two log groups begin with."""
        return f"/aws/apprunner/{self.record['ServiceName']}/{self.record['ServiceId']}"

    def log_event(self, message: str, stream: str = "events") -> None:
        """Write a line to the service's log."""
        group = f"{self.log_group_prefix}/service"
        config = {"group": group, "stream": stream, "region": get_region(), "create_group": True}
        if ecs._ensure_awslogs_stream(config):
            ecs._emit_awslogs_event(config, f"[AppRunner] {message}")

    def set_status(self, status: str) -> None:
        """Change the status, and say so in the log."""
        # Whoever sees the status finds the log complete.
        self.log_event(f"Service status is set to {status}.")
        self.record |= {"Status": status, "UpdatedAt": time.time()}


class AppRunner(AutoScalingConfigurations):
    """The service: its records and its operations.

    Args:
        client: a client of the engine that runs the containers.
        network: the network they join.
        gateway_port: where they find the AWS APIs.
        registry_address: host and port of the container registry, as the engine reaches it.
        roles: who may act as which role.
        tokens: the registry's.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        network: ContainerNetwork,
        gateway_port: int,
        registry_address: str,
        roles: Roles,
        tokens: Tokens,
    ) -> None:
        super().__init__()
        self._engine = Engine(client, network, gateway_port, roles, tokens)
        self._roles = roles
        self._registry = registry_address
        self._services = AccountRegionScopedDict()
        self._connectors = VpcConnectors()
        self._sites: dict[str, _Service] = {}

    def halt(self) -> None:
        """Replace nothing any more: the containers are about to go."""
        for _, service in self._services.all_items():
            service.fleet.halt()

    # -- services --

    def _CreateService(self, request: Json) -> Json:
        self._forget_deleted()
        name = request["ServiceName"]
        services = [s.record for s in self._services.values() if s.record["Status"] != _DELETED]
        if name in (record["ServiceName"] for record in services):
            raise ApiError(INVALID, f"Service with the provided name already exists: {name}.")
        if len(services) >= _SERVICES:
            raise ApiError("ServiceQuotaExceededException", f"There are {_SERVICES} services, the most there can be")
        if request.get("ObservabilityConfiguration", {}).get("ObservabilityEnabled"):
            raise ApiError(INVALID, "the rehearsal knows no observability configurations")
        tags = tags_by_key(request)
        identifier, region = new_uuid().replace("-", ""), get_region()
        arn = f"arn:aws:apprunner:{region}:{get_account_id()}:service/{name}/{identifier}"
        now = time.time()
        service = _Service(
            {
                "ServiceName": name,
                "ServiceId": identifier,
                "ServiceArn": arn,
                # As <id>.<region>.awsapprunner.com; names under .localhost resolve to this machine.
                "ServiceUrl": f"{secrets.token_hex(5)}.{region}.awsapprunner.localhost",
                "CreatedAt": now,
                "UpdatedAt": now,
                "Status": _IN_PROGRESS,
                **{key: request[key] for key in _GIVEN_AT_CREATION if key in request},
                **self._checked({}, request),
            },
            self._configuration_arn(request),
            self._engine,
        )
        self._services[arn] = service
        self._sites[service.record["ServiceUrl"]] = service
        self._tags[arn] = tags
        service.log_event("Service creation started.")
        return self._begin(service, "CREATE_SERVICE", self._create)

    def _DescribeService(self, request: Json) -> Json:
        return {"Service": self._shown(self._service(request))}

    def _ListServices(self, request: Json) -> Json:
        records = (service.record for service in self._services.values())
        found = [{key: record[key] for key in _SUMMARY} for record in records if record["Status"] != _DELETED]
        return page("ServiceSummaryList", found, request, _PAGE, INVALID)

    def _UpdateService(self, request: Json) -> Json:
        service = self._service(request)
        self._require(service, (_RUNNING, _PAUSED, _CREATE_FAILED), "updated")
        if request.get("ObservabilityConfiguration", {}).get("ObservabilityEnabled"):
            raise ApiError(INVALID, "the rehearsal knows no observability configurations")
        changed = self._checked(service.record, request)
        before = {key: service.record[key] for key in changed}
        before_arn = service.configuration_arn
        if "AutoScalingConfigurationArn" in request:
            service.configuration_arn = self._configuration_arn(request)
        paused, failed = (service.record["Status"] == status for status in (_PAUSED, _CREATE_FAILED))
        service.record |= changed
        service.log_event("Service update started.")

        def restore() -> None:
            service.record |= before
            service.configuration_arn = before_arn

        def update(service: _Service, operation: Json) -> str:
            if paused:
                return _PAUSED
            if failed:
                return self._create(service, operation)
            return self._roll(service, operation, restore)

        return self._begin(service, "UPDATE_SERVICE", update)

    def _StartDeployment(self, request: Json) -> Json:
        service = self._service(request)
        if service.record["Status"] != _RUNNING:
            # The API reference names no InvalidStateException for this operation.
            raise ApiError(INVALID, f"Service status must be RUNNING to be deployed: {service.record['ServiceArn']}")
        service.log_event("Deployment started.")
        answer = self._begin(service, "START_DEPLOYMENT", lambda s, o: self._roll(s, o, lambda: None))
        return {"OperationId": answer["OperationId"]}

    def _PauseService(self, request: Json) -> Json:
        service = self._service(request)
        self._require(service, (_RUNNING,), "paused")

        def pause(service: _Service, _: Json) -> str:
            service.fleet.stop()
            return _PAUSED

        return self._begin(service, "PAUSE_SERVICE", pause)

    def _ResumeService(self, request: Json) -> Json:
        service = self._service(request)
        self._require(service, (_PAUSED,), "resumed")

        def resume(service: _Service, operation: Json) -> str:
            try:
                self._deploy(service, operation)
            except DeploymentError as error:
                self._note_failure(service, operation, error)
                return _PAUSED
            return _RUNNING

        return self._begin(service, "RESUME_SERVICE", resume)

    def _DeleteService(self, request: Json) -> Json:
        service = self._service(request)
        self._require(service, (_RUNNING, _PAUSED, _CREATE_FAILED), "deleted")

        def delete(service: _Service, _: Json) -> str:
            # First the name, then what it leads to.
            self._sites.pop(service.record["ServiceUrl"])
            service.fleet.stop()
            service.record["DeletedAt"] = time.time()
            self._tags.pop(service.record["ServiceArn"], None)
            return _DELETED

        return self._begin(service, "DELETE_SERVICE", delete)

    def _ListOperations(self, request: Json) -> Json:
        operations = list(reversed(self._service(request).operations))
        return page("OperationSummaryList", operations, request, _PAGE, INVALID)

    # -- VPC connectors --

    def _CreateVpcConnector(self, request: Json) -> Json:
        tags = tags_by_key(request)
        record = self._connectors.create(request)
        self._tags[record["VpcConnectorArn"]] = tags
        return {"VpcConnector": copy.deepcopy(record)}

    def _DescribeVpcConnector(self, request: Json) -> Json:
        return {"VpcConnector": copy.deepcopy(self._connectors.find(request["VpcConnectorArn"]))}

    def _ListVpcConnectors(self, request: Json) -> Json:
        return copy.deepcopy(self._connectors.page(request))

    def _DeleteVpcConnector(self, request: Json) -> Json:
        arn = request["VpcConnectorArn"]
        records = [service.record for service in self._services.values()]
        used_by = [
            record["ServiceArn"]
            for record in records
            if record["Status"] != _DELETED
            and record["NetworkConfiguration"]["EgressConfiguration"].get("VpcConnectorArn") == arn
        ]
        record = self._connectors.delete(arn, used_by)
        self._tags.pop(arn, None)
        return {"VpcConnector": copy.deepcopy(record)}

    # -- tags --

    def _TagResource(self, request: Json) -> Json:
        self._tags_of(request).update(tags_by_key(request))
        return {}

    def _UntagResource(self, request: Json) -> Json:
        tags = self._tags_of(request)
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _ListTagsForResource(self, request: Json) -> Json:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tags_of(request).items()]}

    def _tags_of(self, request: Json) -> dict[str, str]:
        tags: dict[str, str] | None = self._tags.get(request["ResourceArn"])
        if tags is None:
            raise ApiError("ResourceNotFoundException", f"Resource {request['ResourceArn']} does not exist")
        return tags

    def tagged(self) -> Iterator[tuple[str, list[dict[str, str]]]]:
        """ARN and tags of everything there is, as the Resource Groups Tagging API lists them."""
        for arn, tags in self._tags.items():
            yield arn, [{"Key": key, "Value": value} for key, value in tags.items()]

    # -- what a request may ask for --

    def _checked(self, present: Json, request: Json) -> Json:
        """The configuration that a request leads to.

        Args:
            present: what the service has now; empty for a new one.
            request: of CreateService or UpdateService; what it leaves out stays as it is.
        """
        check = present.get("HealthCheckConfiguration", _HEALTH_CHECK) | request.get("HealthCheckConfiguration", {})
        instance = present.get("InstanceConfiguration", {"Cpu": "1024", "Memory": "2048"})
        instance = instance | request.get("InstanceConfiguration", {})
        instance["Cpu"] = str(int(_amount(instance["Cpu"], "vCPU")))
        instance["Memory"] = str(int(_amount(instance["Memory"], "GB")))
        if int(instance["Memory"]) not in _MEMORY_OF_CPU.get(int(instance["Cpu"]), ()):
            raise ApiError(INVALID, f"Invalid combination of Cpu {instance['Cpu']} and Memory {instance['Memory']}")
        network = present.get("NetworkConfiguration", _NETWORK) | request.get("NetworkConfiguration", {})
        if not network["IngressConfiguration"].get("IsPubliclyAccessible", True):
            raise ApiError(INVALID, "the rehearsal knows no private services")
        self._connectors.of_egress(network["EgressConfiguration"])
        source = _checked_source(request.get("SourceConfiguration") or present.get("SourceConfiguration") or {})
        role = source.get("AuthenticationConfiguration", {}).get("AccessRoleArn")
        if source["ImageRepository"]["ImageRepositoryType"] == "ECR":
            if not role:
                raise ApiError(INVALID, "Authentication configuration is invalid.")
            self._assume("access", role, "build.apprunner.amazonaws.com")
        role = instance.get("InstanceRoleArn")
        if role:
            self._assume("instance", role, "tasks.apprunner.amazonaws.com")
        elif source["ImageRepository"]["ImageConfiguration"].get("RuntimeEnvironmentSecrets"):
            raise ApiError(INVALID, "Instance Role have to be provided if passing in RuntimeEnvironmentSecrets.")
        return copy.deepcopy(
            {
                "SourceConfiguration": source,
                "InstanceConfiguration": instance,
                "HealthCheckConfiguration": check,
                "NetworkConfiguration": network,
            }
        )

    def _assume(self, what: str, role_arn: str, principal: str) -> None:
        """See that App Runner may take a role, as it does when a service is made or changed."""
        if not self._roles.trusts(role_arn, principal):
            raise ApiError(INVALID, f"Error in assuming {what} role {role_arn}")

    def _configuration_arn(self, request: Json) -> str:
        record = self._active_configuration(request.get("AutoScalingConfigurationArn"))
        return str(record["AutoScalingConfigurationArn"])

    def _require(self, service: _Service, statuses: tuple[str, ...], what: str) -> None:
        if service.record["Status"] not in statuses:
            raise ApiError(
                "InvalidStateException",
                f"Service status must be {' or '.join(statuses)} to be {what}; it is {service.record['Status']}: "
                f"{service.record['ServiceArn']}",
            )

    # -- look-ups --

    def _service(self, request: Json) -> _Service:
        service: _Service | None = self._services.get(request["ServiceArn"])
        if service is None:
            raise ApiError("ResourceNotFoundException", f"Service {request['ServiceArn']} does not exist")
        return service

    def _shown(self, service: _Service) -> Json:
        summary = self._scaling_summary(service.configuration_arn)
        return copy.deepcopy(service.record) | {"AutoScalingConfigurationSummary": summary}

    def _arns_of_services(self, configuration_arn: str) -> list[str]:
        return [
            arn
            for arn, service in self._services.items()
            if service.configuration_arn == configuration_arn and service.record["Status"] != _DELETED
        ]

    def _forget_deleted(self) -> None:
        for arn, service in list(self._services.items()):
            if service.record.get("DeletedAt", time.time()) < time.time() - _DELETED_KEPT_SECONDS:
                del self._services[arn]

    # -- operations --

    def _begin(self, service: _Service, kind: str, work: Callable[[_Service, Json], str]) -> Json:
        """Start an operation; the service has no other until it has ended.

        Args:
            service: what it works on.
            kind: its `Type`.
            work: does it, and returns the service's status after it. It may change the operation's `Status`; an
                operation that is in progress when it returns has succeeded.
        """
        now = time.time()
        operation = {
            "Id": new_uuid(),
            "Type": kind,
            "Status": "IN_PROGRESS",
            "TargetArn": service.record["ServiceArn"],
            "StartedAt": now,
            "UpdatedAt": now,
        }
        service.operations.append(operation)
        before = _CREATE_FAILED if kind == "CREATE_SERVICE" else service.record["Status"]
        service.set_status(_IN_PROGRESS)
        account, region = get_account_id(), get_region()

        def run() -> None:
            status = before
            with request_scope(account, region):
                try:
                    status = work(service, operation)
                except Exception:
                    operation["Status"] = "FAILED"
                    raise
                finally:
                    with self._lock:
                        ended = "SUCCEEDED" if operation["Status"] == "IN_PROGRESS" else operation["Status"]
                        now = time.time()
                        operation.update(Status=ended, EndedAt=now, UpdatedAt=now)
                        service.set_status(status)

        spawn_background(run, thread_name=f"apprunner-{kind.lower()}")
        return {"Service": self._shown(service), "OperationId": operation["Id"]}

    def _create(self, service: _Service, operation: Json) -> str:
        try:
            self._deploy(service, operation)
        except DeploymentError as error:
            self._note_failure(service, operation, error)
            return _CREATE_FAILED
        return _RUNNING

    def _roll(self, service: _Service, operation: Json, restore: Callable[[], None]) -> str:
        """Deploy what the record says; where that fails, the old instances still serve, and `restore` says so."""
        try:
            self._deploy(service, operation)
        except DeploymentError as error:
            operation.update(Status="ROLLBACK_IN_PROGRESS", UpdatedAt=time.time())
            self._note_failure(service, operation, error, "ROLLBACK_SUCCEEDED")
            with self._lock:
                restore()
        return _RUNNING

    def _note_failure(self, service: _Service, operation: Json, error: DeploymentError, status: str = "FAILED") -> None:
        service.log_event(str(error))
        service.log_event(f"Deployment with ID : {operation['Id']} failed. Failure reason : {_short(error)}")
        operation.update(Status=status, UpdatedAt=time.time())

    def _deploy(self, service: _Service, operation: Json) -> None:
        stream = f"deployment/{operation['Id']}"
        try:
            with self._lock:
                specification = self._specification(service)
            service.log_event("Starting to pull your application image.", stream)
            self._check_access(service)
            self._engine.pull(specification.image, private=specification.image.startswith(f"{self._registry}/"))
        except DeploymentError as error:
            service.log_event(str(error), stream)
            raise
        service.log_event("Successfully pulled your application image from ECR.", stream)
        service.log_event("Provisioning instances and deploying image for publicly accessible service.")
        check = specification.health_check
        path = f" [Path: '{check['Path']}']," if check["Protocol"] == "HTTP" else ""
        service.log_event(
            f"Performing health check on protocol `{check['Protocol']}`{path} [Port: '{specification.port}']."
        )
        service.fleet.deploy(specification)
        service.log_event("Health check is successful. Routing traffic to application.")

    def _check_access(self, service: _Service) -> None:
        """See that the access role may pull the image."""
        source = service.record["SourceConfiguration"]
        found = _ECR_IMAGE.fullmatch(source["ImageRepository"]["ImageIdentifier"])
        role = source.get("AuthenticationConfiguration", {}).get("AccessRoleArn")
        if found and role:
            repository = f"arn:aws:ecr:{found['region']}:{found['account']}:repository/{found['repository']}"
            for action, resource in (
                ("ecr:GetAuthorizationToken", "*"),
                ("ecr:BatchGetImage", repository),
                ("ecr:GetDownloadUrlForLayer", repository),
            ):
                if self._roles.denial(role, "AppRunner", action, resource):
                    raise DeploymentError(
                        "Failed to pull your application image. Be sure you configure your service with a valid access "
                        "role to your ECR repository."
                    )

    def _specification(self, service: _Service) -> Specification:
        repository = service.record["SourceConfiguration"]["ImageRepository"]
        image, instance = repository["ImageConfiguration"], service.record["InstanceConfiguration"]
        variables = image.get("RuntimeEnvironmentVariables", {})
        role = instance.get("InstanceRoleArn", "")
        values = {name: self._secret(arn, role) for name, arn in image.get("RuntimeEnvironmentSecrets", {}).items()}
        return Specification(
            image=self._reference(repository["ImageIdentifier"], repository["ImageRepositoryType"]),
            command=words(image.get("StartCommand", "")),
            environment=variables | values | {"PORT": image["Port"]},
            port=int(image["Port"]),
            cpu_units=int(instance["Cpu"]),
            memory_mib=int(instance["Memory"]),
            role_arn=role,
            health_check=service.record["HealthCheckConfiguration"],
            connector=self._connectors.of_egress(service.record["NetworkConfiguration"]["EgressConfiguration"]),
            count=self._scaling[service.configuration_arn]["MinSize"],
        )

    def _secret(self, reference: str, role_arn: str) -> str:
        """The value of a secret, or of one key of its JSON, as the instance role reads it.

        Raises:
            DeploymentError: there is none, or the role may not read it.
        """
        parts = _SECRET_ARN.fullmatch(reference)
        failure = DeploymentError("Failed to retrieve secrets and configurations from the specified resources.")
        if parts is None or self._roles.denial(role_arn, "AppRunner", "secretsmanager:GetSecretValue", parts["arn"]):
            raise failure
        status, _, body = secretsmanager._get_secret_value({"SecretId": parts["arn"]})
        text = json.loads(body).get("SecretString") if status == 200 else None
        if text is None:
            raise failure
        if not parts["key"]:
            return str(text)
        try:
            return str(json.loads(text)[parts["key"]])
        except (ValueError, KeyError, TypeError):
            raise failure from None

    def _reference(self, identifier: str, kind: str) -> str:
        """How the engine names an image: by its digest, in the rehearsal's registry."""
        found = _ECR_IMAGE.fullmatch(identifier)
        if kind == "ECR_PUBLIC" or found is None:
            return identifier
        with request_scope(found["account"], found["region"]):
            digest, _, _ = ecr._resolve_manifest(found["repository"], found["digest"] or found["tag"] or "latest")
        if digest is None:
            # Docker's cache may have what the registry has lost.
            raise DeploymentError("Failed to pull your application image. Reason: Invalid image.")
        return f"{self._registry}/{found['repository']}@{digest}"

    # -- requests to services --

    def has_site(self, host: str) -> bool:
        """Whether a host name is that of a service."""
        return host in self._sites

    async def handle_site(self, scope: Scope, receive: Receive, send: Send, host: str, port: int) -> None:
        """Answer one request to a service.

        Args:
            scope, receive, send: the request, as ASGI has it.
            host: the name that is asked for.
            port: 80 or 443.
        """
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        query, path = scope["query_string"].decode("latin-1"), scope["raw_path"].decode("latin-1")
        if port == 80:
            location = f"https://{host}{path}" + (f"?{query}" if query else "")
            await ministack._send_response(send, 301, {"Location": location}, b"")
            return
        try:
            body = await ministack._read_request_body(receive, scope["method"], headers)
        except (ministack._RequestBodyDisconnected, ministack._IncompleteRequestBody):
            return
        client = (scope.get("client") or ("127.0.0.1",))[0]
        forwarded = headers.get("x-forwarded-for")
        headers |= {
            "x-forwarded-for": f"{forwarded}, {client}" if forwarded else client,
            "x-forwarded-proto": "https",
            "x-request-id": new_uuid(),
        }
        service = self._sites.get(host)
        fleet = service.fleet if service else None
        instance = fleet.acquire() if fleet else None
        if fleet is None or instance is None:
            content = {"Content-Type": "text/plain"}
            await ministack._send_response(send, 503, content, b"no instance of this service is running\n")
            return
        with contextlib.ExitStack() as under_way:
            under_way.callback(fleet.release, instance)
            target = {"Id": instance.host, "Port": instance.port}
            status, answer, content = await alb._proxy_http_target(
                target, {}, scope["method"], path, headers, body, {}, query
            )
            if isinstance(content, StreamingResponse):
                content = released_at_end(content, under_way.pop_all().close)
            head = scope["method"] == "HEAD"
            await ministack._send_if_handled(send, (status, answer, content), receive, head=head)


def _checked_source(source: Json) -> Json:
    """`SourceConfiguration` with its defaults.

    Raises:
        ApiError: it is none that App Runner, or the rehearsal, can run.
    """
    if ("ImageRepository" in source) == ("CodeRepository" in source):
        raise ApiError(INVALID, "Exactly one of ImageRepository and CodeRepository must be specified")
    if "CodeRepository" in source:
        raise ApiError(INVALID, "the rehearsal runs images, not source code")
    source = copy.deepcopy(source)
    source.setdefault("AutoDeploymentsEnabled", source["ImageRepository"]["ImageRepositoryType"] == "ECR")
    repository = source["ImageRepository"]
    image = repository.setdefault("ImageConfiguration", {})
    image.setdefault("Port", "8080")
    if not re.fullmatch("[0-9]{1,5}", image["Port"]) or not 1 <= int(image["Port"]) <= 65535:
        raise ApiError(INVALID, f"Port is invalid: {image['Port']}")
    try:
        words(image.get("StartCommand", ""))
    except ValueError as error:
        raise ApiError(INVALID, f"StartCommand is invalid: {error}") from None
    variables, values = (image.get(f"RuntimeEnvironment{kind}", {}) for kind in ("Variables", "Secrets"))
    reserved = sorted(name for name in [*variables, *values] if name.startswith("AWSAPPRUNNER"))
    if reserved:
        raise ApiError(INVALID, f"Environment variable names with the prefix AWSAPPRUNNER are reserved: {reserved[0]}")
    if "PORT" in variables or "PORT" in values:
        # "Managing your environment variables" in the developer guide.
        raise ApiError(INVALID, "The environment variable name PORT is reserved")
    twice = sorted(set(variables) & set(values))
    if twice:
        raise ApiError(INVALID, f"Environment variable and secret have the same name: {twice[0]}")
    if len(variables) + len(values) > _VARIABLES:
        raise ApiError(INVALID, f"There can be at most {_VARIABLES} environment variables and secrets")
    for name, value in values.items():
        if not _SECRET_ARN.fullmatch(value):
            raise ApiError(INVALID, f"the rehearsal takes secrets from Secrets Manager, by ARN; {name} is: {value}")
    return source


def _amount(text: str, unit: str) -> float:
    """CPU units or MiB of an amount in those, or in the unit that holds 1024 of them."""
    number, _, given = text.partition(" ")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", number):
        # The model's pattern takes any character for the point.
        raise ApiError(INVALID, f"Invalid amount: {text}")
    return float(number) * (1024 if given == unit else 1)


def _short(error: DeploymentError) -> str:
    return str(error).partition(" on protocol")[0].partition(". ")[0].rstrip(".") + "."
