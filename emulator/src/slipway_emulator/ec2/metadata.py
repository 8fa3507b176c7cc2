"""The instance metadata service (IMDS) of each EC2 instance, told apart by the address that asks.

Source of paths and status codes: "Use the Instance Metadata Service to access instance metadata" in the Amazon EC2
User Guide. MiniStack has one answer for whoever asks, with or without a token.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from ministack import app as ministack
from ministack.core.responses import request_scope

from slipway_emulator.ec2 import instances as ec2_instances
from slipway_emulator.ec2.instances import role_of
from slipway_emulator.endpoints import Receive, Scope, Send
from slipway_emulator.iam.roles import Roles

_PREFIX = "/latest/"
_LONGEST_TOKEN_SECONDS = 21600

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


class MetadataService:
    """The service, and the tokens it has given out.

    Args:
        roles: gives instances their credentials.
        clock: monotonic seconds.
    """

    def __init__(self, roles: Roles, clock: Callable[[], float] = time.monotonic) -> None:
        self._roles = roles
        self._clock = clock
        # By instance and token: when it ends. A token opens the metadata of its own instance only.
        self._tokens: dict[tuple[str, str], float] = {}

    def matches(self, scope: Scope) -> bool:
        """Whether an HTTP request is one of an instance to its metadata service."""
        return scope["path"].startswith(_PREFIX) and ec2_instances.find_by_address(scope["client"][0]) is not None

    async def handle(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        instance = ec2_instances.find_by_address(scope["client"][0])
        if instance is None:
            # It has been terminated since.
            await ministack._send_response(send, 404, {}, b"")
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        with request_scope(instance["_account"], ec2_instances.region_of(instance)):
            status, answer_headers, body = self.answer(instance, scope["method"], scope["path"], headers)
        await ministack._send_response(send, status, answer_headers, body)

    def answer(self, instance: Json, method: str, path: str, headers: dict[str, str]) -> Answer:
        """Answer one request of an instance.

        Args:
            instance: its record.
            method: of the HTTP request.
            path: with `/latest/` in front.
            headers: with names in lower case.
        """
        options = instance["MetadataOptions"]
        if options["HttpEndpoint"] == "disabled":
            return _text(403, "Forbidden")
        if path == "/latest/api/token":
            return self._issue(instance, method, headers)
        if method != "GET":
            return _text(405, "Method Not Allowed")
        token = headers.get("x-aws-ec2-metadata-token")
        if token is None and options["HttpTokens"] == "required":
            return _text(401, "Unauthorized")
        if token is not None and self._tokens.get((instance["InstanceId"], token), 0.0) < self._clock():
            return _text(401, "Unauthorized")
        found = self._documents(instance).get(path.removeprefix(_PREFIX).rstrip("/"))
        return _text(404, "Not Found") if found is None else (200, {"Content-Type": "text/plain"}, found)

    def _issue(self, instance: Json, method: str, headers: dict[str, str]) -> Answer:
        if method != "PUT":
            return _text(405, "Method Not Allowed")
        # A request that came through a proxy gets no token.
        if "x-forwarded-for" in headers:
            return _text(403, "Forbidden")
        lifetime = headers.get("x-aws-ec2-metadata-token-ttl-seconds", "")
        if not re.fullmatch("[0-9]{1,5}", lifetime) or not 1 <= int(lifetime) <= _LONGEST_TOKEN_SECONDS:
            return _text(400, "Bad Request")
        token = secrets.token_urlsafe(40)
        self._tokens = {key: end for key, end in self._tokens.items() if end > self._clock()}
        self._tokens[instance["InstanceId"], token] = self._clock() + int(lifetime)
        answer = {"Content-Type": "text/plain", "X-aws-ec2-metadata-token-ttl-seconds": lifetime}
        return 200, answer, token.encode()

    def _documents(self, instance: Json) -> dict[str, bytes]:
        """Everything there is for an instance, by path below `/latest/`."""
        zone = instance["Placement"]["AvailabilityZone"]
        leaves: dict[str, str] = {
            "ami-id": instance["ImageId"],
            "hostname": instance["PrivateDnsName"],
            "instance-id": instance["InstanceId"],
            "instance-type": instance["InstanceType"],
            "local-hostname": instance["PrivateDnsName"],
            "local-ipv4": instance["PrivateIpAddress"],
            "placement/availability-zone": zone,
            "placement/region": zone[:-1],
            "security-groups": "\n".join(group["GroupName"] for group in instance["SecurityGroups"]),
        }
        profile = instance.get("IamInstanceProfile")
        role = role_of(instance, self._roles)
        if profile and role:
            leaves["iam/info"] = json.dumps(
                {"Code": "Success", "InstanceProfileArn": profile["Arn"], "InstanceProfileId": profile["Id"]}
            )
            # The session has the instance's id.
            credentials = self._roles.credentials(role["Arn"], instance["InstanceId"])
            about = {
                "Code": "Success",
                "LastUpdated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "Type": "AWS-HMAC",
            }
            leaves[f"iam/security-credentials/{role['RoleName']}"] = json.dumps(about | credentials)
        documents = {f"meta-data/{path}": content.encode() for path, content in leaves.items()}
        for folder in ("", "/iam", "/iam/security-credentials", "/placement"):
            below = [
                path.removeprefix(folder[1:] + "/" if folder else "") for path in leaves if path.startswith(folder[1:])
            ]
            names = {name if not rest else f"{name}/" for name, _, rest in (path.partition("/") for path in below)}
            if names:
                documents[f"meta-data{folder}"] = "\n".join(sorted(names)).encode()
        documents["dynamic/instance-identity/document"] = json.dumps(_identity(instance), indent=2).encode()
        if instance.get("UserData"):
            documents["user-data"] = base64.b64decode(instance["UserData"])
        return documents


def _text(status: int, text: str) -> Answer:
    return status, {"Content-Type": "text/plain"}, text.encode()


def _identity(instance: Json) -> Json:
    zone = instance["Placement"]["AvailabilityZone"]
    return {
        "accountId": instance["_account"],
        "architecture": instance["Architecture"],
        "availabilityZone": zone,
        "imageId": instance["ImageId"],
        "instanceId": instance["InstanceId"],
        "instanceType": instance["InstanceType"],
        "pendingTime": instance["LaunchTime"],
        "privateIp": instance["PrivateIpAddress"],
        "region": zone[:-1],
        "version": "2017-09-30",
    }
