"""What the tests of Google's half share: its APIs, asked with google-auth as Google's own libraries ask, and Docker."""

from __future__ import annotations

import contextlib
import copy
import subprocess
from pathlib import Path
from typing import Any

import docker
import requests
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from emulator.tests.stack import Json, push, wait_until
from slipway_emulator.google.service_usage.api import project_number
from slipway_emulator.settings import Settings

LOCATION = "us-central1"
RUN, ARTIFACTS, ACCOUNTS = "/run/v2", "/artifactregistry/v1", "/iam/v1"
USAGE, STORAGE = "/serviceusage/v1", "/storage/v1"
PROJECTS, CREDENTIALS = "/cloudresourcemanager/v1/projects", "/iamcredentials/v1/projects/-/serviceAccounts"
LOGGING = "/logging/v2"
SECRETS = "/secretmanager/v1"
COMPUTE, DNS = "/compute/v1", "/dns/v1"
CONNECTIONS = "/servicenetworking/v1/services/servicenetworking.googleapis.com/connections"
SQL = "/sqladmin/sql/v1beta4"
PEERING = "servicenetworking-googleapis-com"
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
# The user name that stands for an access token ("Authentication methods", Artifact Registry).
DOCKER_USER = "oauth2accesstoken"


def credentials(cloud: Settings) -> Any:
    """The rehearsal's service account, from its key."""
    return Credentials.from_service_account_file(str(cloud.google_credentials_file), scopes=(CLOUD_PLATFORM,))


class Google:
    """Google's APIs in one project.

    Args:
        cloud: the emulator.
        project: the project; any name will do, and each has its own resources.
        services: the APIs that it may use: "run" for run.googleapis.com.
    """

    def __init__(self, cloud: Settings, project: str, *services: str) -> None:
        self.cloud = cloud
        self.project = project
        self.session = requests.Session()
        # google-auth's own session would ask Google itself for the account's locations.
        self.session.headers["Authorization"] = f"Bearer {self.token()}"
        for service in services:
            self.call("POST", f"{USAGE}/projects/{project}/services/{service}.googleapis.com:enable")

    @property
    def parent(self) -> str:
        """The name of this project's location."""
        return f"projects/{self.project}/locations/{LOCATION}"

    def ask(self, method: str, path: str, body: Any = None, **parameters: str) -> requests.Response:
        """The answer to a request; a body of bytes goes as it is, any other as JSON."""
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        return self.session.request(method, self.cloud.google_url + path, params=parameters, timeout=30, **content)

    def call(self, method: str, path: str, body: Any = None, **parameters: str) -> Json:
        """What an API answers; it must agree."""
        response = self.ask(method, path, body, **parameters)
        assert response.ok, f"{method} {path}: {response.text}"
        answer: Json = response.json() if response.content else {}
        return answer

    def refusal(self, method: str, path: str, body: Any = None, **parameters: str) -> Json:
        """The google.rpc.Status with which an API refuses."""
        return refusal(self.ask(method, path, body, **parameters))

    def operate(self, api: str, method: str, path: str, body: Any = None, **parameters: str) -> Json:
        """The operation that a request begins, when it is done."""
        operation = self.call(method, f"{api}/{path}", body, **parameters)
        done: Json = wait_until(lambda: self._if_done(api, operation["name"]))
        return done

    def change_sql(self, method: str, path: str, body: Any = None, **parameters: str) -> Json:
        """The operation of Cloud SQL that a request begins, when it is done; the path is below the project."""
        operation = self.call(method, f"{SQL}/projects/{self.project}/{path}", body, **parameters)
        return self.until_sql_is_done(operation["name"])

    def until_sql_is_done(self, operation: str) -> Json:
        """An operation of Cloud SQL, by its name, when it is done."""
        where = f"{SQL}/projects/{self.project}/operations/{operation}"

        def done() -> Json | None:
            found = self.call("GET", where)
            return found if found["status"] == "DONE" else None

        ended: Json = wait_until(done)
        return ended

    def make_network(self, name: str, connected: bool = True) -> str:
        """Make a VPC network with a subnet and a range of addresses for services of Google; its name.

        Args:
            name: of all of them.
            connected: whether it has its private connection.
        """
        project = f"{COMPUTE}/projects/{self.project}"
        network = f"projects/{self.project}/global/networks/{name}"
        self.call("POST", f"{project}/global/networks", {"name": name, "autoCreateSubnetworks": False})
        subnet = {"name": name, "network": network, "ipCidrRange": "10.0.0.0/24"}
        self.call("POST", f"{project}/regions/{LOCATION}/subnetworks", subnet)
        addresses = {"purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 20}
        self.call("POST", f"{project}/global/addresses", addresses | {"name": name, "network": network})
        if connected:
            operation = self.connect("POST", CONNECTIONS, self.connection(name))
            assert "error" not in operation, operation
        return network

    def connect(self, method: str, path: str, body: Any, **parameters: str) -> Json:
        """The operation of Service Networking that a request begins, when it is done."""
        operation = self.call(method, path, body, **parameters)
        assert "done" not in operation
        return self.call("GET", f"/servicenetworking/v1/{operation['name']}")

    def connection(self, network: str) -> Json:
        """The private connection of a network to be, with the range of the same name."""
        return {
            "network": f"projects/{project_number(self.project)}/global/networks/{network}",
            "reservedPeeringRanges": [network],
        }

    def _if_done(self, api: str, name: str) -> Json | None:
        operation = self.call("GET", f"{api}/{name}")
        return operation if operation["done"] else None

    def token(self) -> str:
        """A new access token."""
        fresh = credentials(self.cloud)
        fresh.refresh(Request())
        return str(fresh.token)

    def grant(self, path: str, role: str, member: str, reading: str = "POST") -> None:
        """Give somebody a role on a resource, or on a project, beside all that others have.

        Args:
            path: of the resource.
            role: such as `roles/run.admin`.
            member: such as `serviceAccount:<e-mail address>`.
            reading: the method of its `getIamPolicy`.
        """
        policy = self.call(reading, f"{path}:getIamPolicy")
        bindings = [*policy.get("bindings", []), {"role": role, "members": [member]}]
        self.call("POST", f"{path}:setIamPolicy", {"policy": policy | {"bindings": bindings}})

    def make_account(self, account_id: str, *roles: str) -> str:
        """Make a service account with these roles on the project, whose tokens this one may create; its address."""
        parent = f"projects/{self.project}/serviceAccounts"
        made = self.call("POST", f"{ACCOUNTS}/{parent}", {"accountId": account_id})
        for role in roles:
            self.grant(f"{PROJECTS}/{self.project}", role, f"serviceAccount:{made['email']}")
        creator = f"serviceAccount:{credentials(self.cloud).service_account_email}"
        self.grant(f"{ACCOUNTS}/{made['name']}", "roles/iam.serviceAccountTokenCreator", creator)
        return str(made["email"])

    def impersonate(self, email: str, *scopes: str) -> Google:
        """The same project, asked with a token of a service account; of all of Google Cloud where no scope is given."""
        body = {"scope": scopes or [CLOUD_PLATFORM]}
        token = self.call("POST", f"{CREDENTIALS}/{email}:generateAccessToken", body)["accessToken"]
        other = copy.copy(self)
        other.session = requests.Session()
        other.session.headers["Authorization"] = f"Bearer {token}"
        return other

    def make_repository(self, identifier: str, **body: Any) -> str:
        """Make a repository of images; how their names begin."""
        parent = f"{self.parent}/repositories"
        operation = self.operate(ARTIFACTS, "POST", parent, {"format": "DOCKER"} | body, repositoryId=identifier)
        assert "error" not in operation
        return str(operation["response"]["registryUri"])

    def push(self, engine: docker.DockerClient, repository: str, tag: str) -> str:
        """Push an image with a new token; the error, if any."""
        return push(engine, repository, tag, {"username": DOCKER_USER, "password": self.token()})


def refusal(response: requests.Response) -> Json:
    """The google.rpc.Status of an answer, which must be one of the client's mistakes."""
    assert 400 <= response.status_code < 500, f"{response.status_code}: {response.text}"
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
    error: Json = response.json()["error"]
    assert error["code"] == response.status_code
    assert error["message"]
    return error


def detail(error: Json, kind: str) -> Json:
    """The detail of a refusal of that kind: "ErrorInfo"."""
    details: list[Json] = error["details"]
    return next(found for found in details if found["@type"] == f"type.googleapis.com/google.rpc.{kind}")


def build(engine: docker.DockerClient, directory: Path, content: str, repository: str, tag: str) -> None:
    """Make an image of one file."""
    (directory / "content").write_text(content)
    (directory / "Dockerfile").write_text("FROM scratch\nCOPY content /\n")
    image, _ = engine.images.build(path=str(directory), rm=True)
    image.tag(repository, tag=tag)


def log_in(directory: Path, registry: str, user: str, password: str) -> subprocess.CompletedProcess[str]:
    """`docker login` with a configuration of its own."""
    return subprocess.run(
        ["docker", "--config", str(directory), "login", "--username", user, "--password-stdin", registry],
        input=password,
        capture_output=True,
        text=True,
        check=False,
    )


def forget_images(engine: docker.DockerClient, prefix: str) -> None:
    """Remove from the engine what has a name that begins so; the same image keeps its other names."""
    for image in engine.images.list():
        for name in [*image.tags, *image.attrs.get("RepoDigests", [])]:
            if name.startswith(prefix):
                # With its last tag an image loses its digests too.
                with contextlib.suppress(docker.errors.ImageNotFound):
                    engine.images.remove(name, force=True)
