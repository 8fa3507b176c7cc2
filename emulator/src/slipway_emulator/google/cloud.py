"""Google's half of the emulator as one ASGI application: APIs on a port of their own, services by host name.

What is told apart by host name at Google is told apart by the beginning of the path here:

    /run/v2/ /artifactregistry/v1/ /iam/v1/ /iamcredentials/v1/ /serviceusage/v1/ /cloudresourcemanager/v1/ /logging/v2/
    /cloudscheduler/v1/ /secretmanager/v1/ /storage/v1/ /sts/v1/ /compute/v1/ /dns/v1/ /servicenetworking/v1/
    /sqladmin/sql/v1beta4/ /token /v2/
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

import docker
from ministack import app as ministack
from ministack.core import container_reaper
from ministack.core.responses import StreamingResponse
from ministack.services import alb

from slipway_emulator.elbv2.target_health import released_at_end
from slipway_emulator.endpoints import Receive, Scope, Send
from slipway_emulator.google.api import OAUTH_PATH, STS_PATH, ApiError, Request, Response, Routes
from slipway_emulator.google.artifact_registry.api import ArtifactRegistry
from slipway_emulator.google.artifact_registry.docker_registry import DockerRegistry
from slipway_emulator.google.cloud_scheduler.api import CloudScheduler
from slipway_emulator.google.compute.api import Compute
from slipway_emulator.google.dns.api import Dns
from slipway_emulator.google.iam.access import Access, denied
from slipway_emulator.google.iam.credentials import Credentials
from slipway_emulator.google.iam.federation import Federated, Federation
from slipway_emulator.google.iam.permissions import Need
from slipway_emulator.google.iam.policies import Policies, project_resource
from slipway_emulator.google.iam.roles import Roles
from slipway_emulator.google.iam.service_accounts import ServiceAccounts, account_email
from slipway_emulator.google.iam.tokens import Tokens, unauthenticated
from slipway_emulator.google.iam.workload_identity_pools import WorkloadIdentityPools
from slipway_emulator.google.logging.api import Logging
from slipway_emulator.google.organization_policies.api import OrganizationPolicies
from slipway_emulator.google.run.api import CloudRun, Service
from slipway_emulator.google.run.instances import Instances
from slipway_emulator.google.run.jobs import Jobs
from slipway_emulator.google.run.networks import Networks
from slipway_emulator.google.run.resources import Shared
from slipway_emulator.google.run.worker_pools import WorkerPools
from slipway_emulator.google.secret_manager.api import SecretManager, secret_resource
from slipway_emulator.google.service_networking.api import ServiceNetworking
from slipway_emulator.google.service_usage.api import ServiceUsage
from slipway_emulator.google.sql.api import CloudSql
from slipway_emulator.google.sql.databases import Databases
from slipway_emulator.google.storage.api import Storage
from slipway_emulator.network import ContainerNetwork
from slipway_emulator.settings import Settings

_LOG = logging.getLogger(__name__)

# Cloud Run's `run.app`; names under .localhost lead to this machine (RFC 6761, section 6.3).
_DOMAIN = "run.localhost"
# "Reserved URL paths" among Cloud Run's known issues: a request for one of them does not reach the service.
_RESERVED_PATHS = ("/eventlog", "/healthz")
# The account whose key a rehearsal has.
_ACCOUNT_ID = "slipway-deployer"
_APIS = (
    "/run/v2/",
    "/artifactregistry/v1/",
    "/iam/v1/",
    "/iamcredentials/v1/",
    "/serviceusage/v1/",
    "/cloudresourcemanager/v1/",
    "/cloudscheduler/v1/",
    "/logging/v2/",
    "/secretmanager/v1/",
    "/compute/v1/",
    "/dns/v1/",
    "/servicenetworking/v1/",
    "/sqladmin/sql/v1beta4/",
    "/storage/v1/",
    "/upload/storage/v1/",
    "/download/storage/v1/",
)


class GoogleCloud:
    """All of it.

    Args:
        settings: ports and folders.
        client: a client of the engine that runs the containers.
        network: the network that containers join.
    """

    def __init__(self, settings: Settings, client: docker.DockerClient, network: ContainerNetwork) -> None:
        self._routes = Routes()
        services = ServiceUsage(self._routes, settings.late_seconds)
        email = account_email(settings.google_project, _ACCOUNT_ID)
        policies = Policies(email, settings.late_seconds)
        policies.serve(self._routes, "/cloudresourcemanager/v1/projects/{project}", project_resource, "POST")
        policies.permitted = self._permitted
        self._organization = OrganizationPolicies(self._routes)
        self._access = Access(services, policies, Roles(self._routes))
        self._pools = WorkloadIdentityPools(self._routes)
        self._routes.guard = self._guard
        self._accounts = ServiceAccounts(self._routes, policies)
        self._accounts.add(settings.google_project, _ACCOUNT_ID)
        self._tokens = Tokens(self._routes, email, settings.google_url)
        Credentials(self._routes, self._accounts, self._tokens)
        Federation(self._routes, services, self._pools, self._tokens)
        settings.state_directory.mkdir(parents=True, exist_ok=True)
        self._credentials_file = settings.google_credentials_file
        self._tokens.write_credentials(self._credentials_file, settings.google_project)
        self._storage = Storage(self._routes, policies, settings.google_url)
        directory = settings.state_directory / "artifact-registry"
        self._images = DockerRegistry(self._tokens, self._access, directory, settings.google_url)
        ArtifactRegistry(self._routes, policies, self._images, settings.google_registry_address)
        mark = {container_reaper.INSTANCE_LABEL: container_reaper.instance_id()}
        logs = Logging(self._routes, self._access)
        secrets = SecretManager(self._routes, policies, self._access)
        registry = settings.google_registry_address
        compute = Compute(self._routes, self._access, settings.late_seconds)
        networks = Networks(self._access, compute, Dns(self._routes, self._access, compute))
        compute.subnets_in_use = networks.subnets
        connections = ServiceNetworking(self._routes, self._access, compute)
        self._sql = CloudSql(self._routes, compute, connections, Databases(client, network, mark))
        instances = Instances(client, network, mark, registry, self._images, self._tokens, logs, secrets, networks)
        self._shared = Shared(self._routes, self._access, self._accounts, policies, instances, registry, networks)
        self._run = CloudRun(self._shared, self._tokens, _DOMAIN)
        WorkerPools(self._shared)
        Jobs(self._shared)
        self._scheduler = CloudScheduler(self._routes, self._access, self._accounts, self._tokens, logs, self._answer)

    def stop(self) -> None:
        """Start no container any more; images and the account's key go."""
        self._scheduler.stop()
        self._shared.stop()
        self._sql.stop()
        self._images.remove()
        self._credentials_file.unlink(missing_ok=True)

    def has_site(self, host: str) -> bool:
        """Whether a host name is that of a Cloud Run service."""
        return self._run.find_site(host) is not None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to an API."""
        headers = _headers(scope)
        try:
            body = await ministack._read_request_body(receive, scope["method"], headers)
        except (ministack._RequestBodyDisconnected, ministack._IncompleteRequestBody):
            return
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        request = Request(scope["method"], scope["path"], query, headers, body)
        try:
            response = self._answer(request)
        except ApiError as error:
            response = error.response()
        status, answer_headers, content = response.encoded()
        await ministack._send_response(send, status, answer_headers, content, head=scope["method"] == "HEAD")

    def _answer(self, request: Request) -> Response:
        if request.path.startswith("/v2/"):
            return self._images.answer(request)
        if request.path in (OAUTH_PATH, STS_PATH):
            return self._routes.answer(request)
        caller = self._tokens.caller(request.headers)
        if caller is None:
            raise unauthenticated(
                "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
                "other valid authentication credential.",
                "CREDENTIALS_MISSING",
            )
        if isinstance(caller.email, Federated) and not self._pools.is_active_pool(caller.email.pool):
            # "While a pool is deleted, you cannot [...] use existing tokens to access resources."
            raise unauthenticated("Request had invalid authentication credentials.", "ACCESS_TOKEN_TYPE_UNSUPPORTED")
        request = dataclasses.replace(request, principal=caller.email, scopes=caller.scopes)
        if not request.path.startswith(_APIS) and self._storage.is_download(request.method, request.path):
            bucket = request.path.split("/")[1]
            self._guard(request, Need("storage", "storage.objects.get"), {"bucket": bucket})
            return self._storage.download(request)
        self._organization.check(request)
        return self._routes.answer(request)

    def _guard(self, request: Request, need: Need, names: Mapping[str, str]) -> None:
        """Refuse who may not do what a request needs.

        Args:
            request: with who asks.
            need: permission and scope.
            names: what the pattern's names stand for in the path.

        Raises:
            ApiError: it is refused.
        """
        self._access.check_scopes(request, need)
        project, resource = names.get("project", ""), ""
        if "bucket" in names:
            project, resource = self._storage.project_of(names["bucket"]), f"projects/_/buckets/{names['bucket']}"
        elif need.api == "storage":
            project = request.query.get("project", "")
        elif "account" in names:
            found = self._accounts.find(project, names["account"])
            if project == "-" and found is None:
                # "Method: serviceAccounts.get": with "-", what is not there answers 403 instead of 404.
                raise denied(request.principal, need, "")
            project = found["projectId"] if found else project
            resource = found["name"] if found else ""
        elif "secret" in names:
            resource = secret_resource(project, names["secret"])
        elif "repository" in names:
            resource = _name(names, "repositories", "repository")
        elif need.api == "compute" and "subnet" in names:
            resource = f"projects/{project}/regions/{names['location']}/subnetworks/{names['subnet']}"
        elif need.api == "compute" and {"network", "address"} & set(names):
            kind = "network" if "network" in names else "address"
            resource = f"projects/{project}/global/{kind}{'s' if kind == 'network' else 'es'}/{names[kind]}"
        elif "instance" in names:
            resource = f"projects/{project}/instances/{names['instance']}"
        elif "zone" in names:
            resource = f"projects/{project}/managedZones/{names['zone']}"
        elif need.api == "run" and "service" in names:
            resource = _name(names, "services", "service")
        elif "job" in names:
            resource = _name(names, "jobs", "job")
        elif "workerpool" in names:
            resource = _name(names, "workerPools", "workerpool")
        elif need.api == "serviceusage" and "service" in names:
            resource = f"projects/{project}/services/{names['service']}"
        elif "location" in names:
            resource = f"projects/{project}/locations/{names['location']}"
        # Without a project there is nothing to have a permission on, and the method itself says what is wrong.
        if project:
            self._access.check(request, need, project, resource)

    def _permitted(self, request: Request, resource: str, asked: list[str]) -> list[str]:
        """Which permissions of some the caller has on a resource."""
        project = resource.split("/")[1]
        return [one for one in asked if self._access.allows(request.principal, one, project, resource)]

    async def handle_site(self, scope: Scope, receive: Receive, send: Send, host: str, port: int) -> None:
        """Answer one request to a Cloud Run service.

        Args:
            scope, receive, send: the request, as ASGI has it.
            host: the name that is asked for.
            port: 80 or 443.
        """
        headers = _headers(scope)
        found = self._run.find_site(host)
        query = scope["query_string"].decode("latin-1")
        path = scope["raw_path"].decode("latin-1")
        if found is None or path in _RESERVED_PATHS:
            await _say(send, 404, "Page not found")
            return
        if port == 80:
            # "Cloud Run redirects all HTTP requests to HTTPS".
            location = f"https://{host}{path}" + (f"?{query}" if query else "")
            await ministack._send_response(send, 302, {"Location": location}, b"")
            return
        service, tag = found
        refused = self._run.refusal(service, headers)
        if refused:
            await _say(send, *refused)
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
            "x-cloud-trace-context": f"{secrets.token_hex(16)}/{secrets.randbits(63)};o=0",
        }
        await self._forward(service, tag, scope["method"], path, query, headers, body, receive, send)

    async def _forward(
        self,
        service: Service,
        tag: str,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: bytes,
        receive: Receive,
        send: Send,
    ) -> None:
        instance = self._run.choose_instance(service, tag)
        if instance is None:
            await _say(send, 503, "Service Unavailable")
            return

        def release() -> None:
            instance.requests -= 1

        instance.requests += 1
        with contextlib.ExitStack() as under_way:
            under_way.callback(release)
            target = {"Id": instance.host, "Port": instance.port}
            status, answer, content = await alb._proxy_http_target(target, {}, method, path, headers, body, {}, query)
            answer["server"] = "Google Frontend"
            if isinstance(content, StreamingResponse):
                content = released_at_end(content, under_way.pop_all().close)
            await ministack._send_if_handled(send, (status, answer, content), receive, head=method == "HEAD")


def _name(names: Mapping[str, str], collection: str, kind: str) -> str:
    return f"projects/{names['project']}/locations/{names['location']}/{collection}/{names[kind]}"


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _say(send: Send, status: int, text: str) -> None:
    content: Mapping[str, str] = {"Content-Type": "text/html; charset=UTF-8"}
    page = f"<html><head><title>{status} {text}</title></head><body><h1>Error: {text}</h1></body></html>\n"
    await ministack._send_response(send, status, dict(content), page.encode())
