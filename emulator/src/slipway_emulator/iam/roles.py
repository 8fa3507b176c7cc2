"""What acts as a role: who may assume it, its temporary credentials, and what it may do.

Sources: "Amazon ECS task IAM role" (credentials at 169.254.170.2), "Retrieve security credentials from instance
metadata", and the policy evaluation logic of the IAM user guide.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import EvalContext
from ministack.core.responses import get_region, new_uuid
from ministack.services import iam, imds, sts

from slipway_emulator.endpoints import Receive, Scope, Send
from slipway_emulator.late import Late

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]

_PREFIX = "/v2/credentials/"
_SECONDS = 6 * 3600


class Roles:
    """Gives roles to what runs as them.

    Args:
        late: knows which roles are too new.
    """

    def __init__(self, late: Late) -> None:
        self._late = late
        # By the last part of the path where a container asks: role and session.
        self._offers: dict[str, tuple[str, str]] = {}
        # By role and session: credentials, and until when they are given out.
        self._issued: dict[tuple[str, str], tuple[Json, float]] = {}

    def trusts(self, role_arn: str, service: str, context: dict[str, str] | None = None) -> bool:
        """Whether a role exists and its trust policy lets a service assume it.

        Args:
            role_arn: of the role.
            service: its principal, such as `ecs-tasks.amazonaws.com`.
            context: condition keys that the service sends.
        """
        role = _find(role_arn)
        if role is None or not self._late.knows_role(role_arn):
            return False
        if not ministack.AUTH:
            return True
        keys = {name.lower(): value for name, value in (context or {}).items()}
        request = EvalContext("", "Service", "", "sts:AssumeRole", role_arn, get_region(), service_context=keys)
        document = role["AssumeRolePolicyDocument"]
        try:
            found = iam_evaluator.evaluate_resource_policy(document, request, service=service)
        except (AttributeError, TypeError):
            # It has the form of no policy, and MiniStack took it all the same.
            return False
        return bool(found.decision == "Allow")

    def credentials(self, role_arn: str, session: str) -> Json:
        """Temporary credentials, which stay the same for half of their time.

        Args:
            role_arn: of the role; credentials of one that is gone may do nothing.
            session: name of the session, by which the service tells what runs.

        Returns:
            `AccessKeyId`, `SecretAccessKey`, `Token`, `Expiration`, as both metadata services have them.
        """
        issued, until = self._issued.get((role_arn, session), ({}, 0.0))
        if time.time() < until:
            return issued
        key, secret, token = imds._gen_session_access_key(), imds._gen_secret(), imds._gen_session_token()
        sts.register_session(
            key,
            {
                "Arn": _session_arn(role_arn, session),
                "UserId": f"{(_find(role_arn) or {}).get('RoleId', '')}:{session}",
                "SecretAccessKey": secret,
                "SessionToken": token,
                "Expiration": time.time() + _SECONDS,
                "AccountId": role_arn.split(":")[4],
                "PrincipalType": "AssumedRole",
            },
        )
        expiration = imds._future(_SECONDS)
        issued = {"AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": expiration}
        self._issued[role_arn, session] = issued, time.time() + _SECONDS / 2
        return issued

    def expire(self, access_key: str) -> bool:
        """Have the credentials of a session expire now, whoever has them; whether there are such.

        Args:
            access_key: their access key, as `sts:AssumeRole` gives it.
        """
        session = sts._sessions.get(access_key)
        if session is not None:
            session["Expiration"] = 0.0
        return session is not None

    def offer(self, role_arn: str, session: str) -> str:
        """The path at which a container gets credentials of its role; nobody else knows it."""
        name = new_uuid()
        self._offers[name] = role_arn, session
        return f"{_PREFIX}{name}"

    def denial(
        self, role_arn: str, session: str, action: str, resource: str, context: dict[str, str] | None = None
    ) -> str:
        """What AWS says where a service acts as a role that may not do something; empty where it may.

        Args:
            role_arn: of the role.
            session: name of the session, by which the service tells what runs.
            action: as IAM names it.
            resource: its ARN, or `*`.
            context: condition keys of the request.
        """
        if not ministack.AUTH:
            return ""
        key = self.credentials(role_arn, session)["AccessKeyId"]
        service = action.partition(":")[0]
        denied = iam_evaluator.enforce(key, action, service, get_region(), resource, context or {})
        if denied is None:
            return ""
        if isinstance(denied, iam_evaluator.AuthError):
            return str(denied.message)
        explicit = denied.decision == "Deny"
        if explicit and denied.resource_policy_arn:
            who, arn = denied.principal_arn, denied.resource_policy_arn
            return str(iam_actions._resource_policy_denial(service, action, who, arn))
        return str(iam_actions.identity_denial_message(action, denied.principal_arn, resource, explicit))

    def matches(self, scope: Scope) -> bool:
        """Whether an HTTP request asks for a container's credentials."""
        return str(scope["path"]).startswith(_PREFIX)

    async def handle(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one such request, as the agent of Amazon ECS does."""
        found = self._offers.get(scope["path"].removeprefix(_PREFIX))
        if found:
            status, answer = 200, self.credentials(*found) | {"RoleArn": found[0]}
        else:
            text = "CredentialsV2Request: Credentials not found"
            status, answer = 400, {"code": "InvalidIdInRequest", "message": text, "HTTPErrorCode": 400}
        await ministack._send_response(send, status, {"Content-Type": "application/json"}, json.dumps(answer).encode())


def _find(role_arn: str) -> Json | None:
    """MiniStack's record of a role."""
    record: Json | None = iam._roles.get(role_arn.rpartition("/")[2])
    return record if record and record["Arn"] == role_arn else None


def _session_arn(role_arn: str, session: str) -> str:
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    return f"arn:aws:sts::{account}:assumed-role/{name}/{session}"


def keep_expired_sessions(_: Callable[[], None], __: Parts) -> Callable[[], None]:
    # Some hundred bytes each, for as long as the emulator runs.
    return lambda: None
