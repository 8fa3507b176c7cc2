"""The decision about each request: MiniStack's evaluator, asked for all that AWS asks for, and a record of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region, new_uuid, set_request_account_id, set_request_region
from ministack.core.router import extract_access_key_id, extract_region
from ministack.services import iam

from slipway_emulator.iam import requests
from slipway_emulator.iam.requests import NOTHING, Request

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, str], bytes]

# The request that is being authorized, and what its caller was refused.
_request: ContextVar[Request] = ContextVar("slipway_request", default=NOTHING)
_refused: ContextVar[tuple[str, str]] = ContextVar("slipway_refused", default=("", "*"))
_caller_key: ContextVar[str] = ContextVar("slipway_caller_key", default="")


def caller_key() -> str:
    """The access key of the request that is being answered."""
    return _caller_key.get()


class Decisions:
    """Keeps who asked for what, each once, in a file of one JSON object a line.

    Args:
        file: is made new.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        file.unlink(missing_ok=True)
        self._file = file

    def add(self, principal: str, action: str, resource: str, allowed: bool) -> None:
        """Add one decision.

        Args:
            principal: ARN of the user or of the role's session.
            action: as IAM names it.
            resource: its ARN, or `*`.
            allowed: what was decided.
        """
        line = json.dumps({"principal": principal, "action": action, "resource": resource, "allowed": allowed})
        with self._lock:
            if line not in self._known:
                self._known.add(line)
                with self._file.open("a") as file:
                    file.write(f"{line}\n")


def enforce(original: Function, parts: Parts) -> Function:
    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Json | None = None,
    ) -> Any:
        def decide(action: str, resource: str, context: Json) -> Any:
            denied = original(access_key_id, action, service, region, resource, context)
            caller = iam_evaluator.resolve_credential(access_key_id or "")
            if isinstance(caller, iam_evaluator.ResolvedCredential):
                parts.decisions.add(caller.principal_arn, action, resource, denied is None)
            if denied is not None:
                _refused.set((action, resource))
            return denied

        _caller_key.set(access_key_id)
        denied = decide(iam_action, resource_arn, service_context or {})
        request = _request.get()
        if denied is not None or request.action != iam_action:
            return denied
        # Once: a request on several resources is decided for each.
        _request.set(NOTHING)
        for check in requests.further_checks(request, get_account_id()):
            denied = decide(check.action, check.resource, check.context)
            if denied is not None and not check.is_optional:
                return denied
            if denied is None and check.makes:
                iam._create_service_linked_role({"AWSServiceName": [check.makes]})
        return None

    return enforce


def extract_action(original: Function, _: Parts) -> Function:
    def extract_action(
        service: str, method: str, path: str, headers: Json, body: bytes, query_params: Json
    ) -> str | None:
        action: str | None = original(service, method, path, headers, body, query_params)
        _request.set(Request(action or "", requests.parameters_of(body, query_params)))
        return action

    return extract_action


def extract_resource(original: Function, _: Parts) -> Function:
    def extract_resource(
        service: str,
        method: str,
        path: str,
        headers: Json,
        body: bytes,
        query_params: Json,
        region: str,
        account_id: str,
    ) -> str:
        found: str = original(service, method, path, headers, body, query_params, region, account_id)
        return requests.resource_of(_request.get(), region, account_id) or found

    return extract_resource


def tag_context(original: Function, _: Parts) -> Function:
    def tag_context(service: str, iam_action: str, body: bytes, params: Json) -> Json:
        if service == "ec2":
            return requests.tags_of_ec2(_request.get().parameters)
        context: Json = original(service, iam_action, body, params)
        return context

    return tag_context


def denial(original: Function, _: Parts) -> Function:
    def denial(
        service: str,
        action: str,
        principal_arn: str,
        request_id: str,
        *,
        error_code: str = "",
        message: str = "",
        headers: Json | None = None,
        resource_arn: str = "*",
        explicit_deny: bool = False,
        resource_policy_arn: str = "",
    ) -> Response:
        if not error_code and not message and not (explicit_deny and resource_policy_arn):
            action, resource_arn = _refused.get()
            message = iam_actions.identity_denial_message(action, principal_arn, resource_arn, explicit_deny)
        answer: Response = original(
            service,
            action,
            principal_arn,
            request_id,
            error_code=error_code,
            message=message,
            headers=headers,
            resource_arn=resource_arn,
            explicit_deny=explicit_deny,
            resource_policy_arn=resource_policy_arn,
        )
        return answer

    return denial


def condition_key(original: Function, _: Parts) -> Function:
    def condition_key(key: str, ctx: Any) -> Any:
        # Plain HTTP stands for TLS here: a policy that allows TLS only would refuse everybody otherwise.
        return "true" if key.lower() == "aws:securetransport" else original(key, ctx)

    return condition_key


def create_service_linked_role(original: Function, _: Parts) -> Function:
    def create_service_linked_role(p: Json) -> Response:
        service = iam._p(p, "AWSServiceName")
        suggested = f"AWSServiceRoleFor{service.partition('.')[0].capitalize()}"
        name = requests.service_linked_role_name(service, suggested)
        if name in iam._roles:
            text = f"Service role name {name} has been taken in this account, please try a different suffix."
            refused: Response = iam._error(400, "InvalidInput", text, ns="iam")
            return refused
        answer: Response = original(p)
        if name != suggested:
            record = iam._roles.pop(suggested)
            record |= {"RoleName": name, "Arn": record["Arn"].replace(suggested, name)}
            iam._roles[name] = record
            answer = (answer[0], answer[1], answer[2].replace(suggested.encode(), name.encode()))
        return answer

    return create_service_linked_role


def authorize(namespace: str, operation: str, headers: dict[str, str], parameters: Json) -> Response | None:
    """Decide a request to a service that MiniStack has not, and set its account and region.

    Args:
        namespace: the actions' prefix.
        operation: of the API.
        headers: of the HTTP request, with names in lower case.
        parameters: of the operation.

    Returns:
        The answer to a caller who may not; None where he may.
    """
    set_request_account_id(ministack._request_account_scope(extract_access_key_id(headers)))
    set_request_region(extract_region(headers))
    request = Request(f"{namespace}:{operation}", parameters)
    _request.set(request)
    answer: Response | None = ministack._enforce_data_plane(
        namespace,
        request.action,
        headers,
        {},
        new_uuid(),
        resource_arn=requests.resource_of(request, get_region(), get_account_id()) or "*",
        service_context=requests.tags_of(parameters),
    )
    return answer
