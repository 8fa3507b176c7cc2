"""The decision about each request: MiniStack's evaluator, asked for all that AWS asks for, and a record of it."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, new_uuid, set_request_account_id, set_request_region
from ministack.core.router import extract_access_key_id, extract_region
from ministack.services import iam, tagging

from slipway_emulator.iam.checks import Check, checks
from slipway_emulator.iam.reference import resource_types
from slipway_emulator.iam.requests import NOTHING, SERVICE_LINKED_ROLES, Request, Tags, parameters_of

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

    def add(self, principal: str, check: Check, allowed: bool) -> None:
        """Add one decision.

        Args:
            principal: ARN of the user or of the role's session.
            check: what was decided. Its condition keys are kept, because a policy may name them; tags are not.
            allowed: what was decided.
        """
        entry: Json = {"principal": principal, "action": check.action, "resource": check.resource, "allowed": allowed}
        types = resource_types(check.action)
        # Whether a policy may name resources for the action: where it may not, it has to say `*`.
        entry["resource_level"] = None if types is None else bool(types)
        line = json.dumps(entry | ({"context": check.context} if check.context else {}))
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
        def decide(check: Check) -> Any:
            namespace = check.action.partition(":")[0]
            # Of the same service: what MiniStack knows of the request counts, too.
            is_own = namespace == iam_action.partition(":")[0]
            context = (service_context or {} if is_own else {}) | _tag_keys(check.tags) | check.context
            asked = service if is_own else namespace
            denied = original(access_key_id, check.action, asked, region, check.resource, context)
            caller = iam_evaluator.resolve_credential(access_key_id or "")
            if isinstance(caller, iam_evaluator.ResolvedCredential):
                parts.decisions.add(caller.principal_arn, check, denied is None)
            if denied is not None:
                _refused.set((check.action, check.resource))
            return denied

        request = _request.get()
        if request.action != iam_action:
            return decide(Check(iam_action, resource_arn))
        _caller_key.set(access_key_id)
        # Once: MiniStack asks for each of a request's resources that it knows of.
        _request.set(NOTHING)
        for check in checks(request, resource_arn, region, get_account_id()):
            denied = decide(check)
            if denied is not None and not check.is_optional:
                return denied
            if denied is None and check.makes:
                iam._create_service_linked_role({"AWSServiceName": [check.makes]})
        return None

    return enforce


def parse_policy_document(original: Function, _: Parts) -> Function:
    # Each request is decided by all policies of its role. The key is the text, so nothing gets stale.
    cached = functools.lru_cache(maxsize=512)(original)

    def parse_policy_document(doc: str | Json) -> Any:
        return cached(doc) if isinstance(doc, str) else original(doc)

    return parse_policy_document


def _tag_keys(tags: Tags) -> Json:
    """The condition keys of the tags of a request."""
    context: Json = {f"aws:requesttag/{name}".lower(): value for name, value in tags.items()}
    return context | ({"aws:TagKeys": list(tags)} if tags else {})


def extract_action(original: Function, _: Parts) -> Function:
    def extract_action(
        service: str, method: str, path: str, headers: Json, body: bytes, query_params: Json
    ) -> str | None:
        action: str | None = original(service, method, path, headers, body, query_params)
        _request.set(Request(action or "", parameters_of(body, query_params), path))
        return action

    return extract_action


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
        namespace, _, name = key.lower().partition(":")
        if (namespace, name) == ("aws", "securetransport"):
            # Plain HTTP stands for TLS here: a policy that allows TLS only would refuse everybody otherwise.
            return "true"
        # Services have names of their own for the tags of a resource and of a request.
        kind, separator, tag = name.partition("/")
        if separator and namespace == "rds" and kind == "req-tag":
            return original(f"aws:RequestTag/{tag}", ctx)
        if separator and (
            kind == "resourcetag" or (namespace == "rds" and f":{kind.removesuffix('-tag')}:" in ctx.resource_arn)
        ):
            return next((value for found, value in _resource_tags(ctx.resource_arn) if found.lower() == tag), None)
        return original(key, ctx)

    return condition_key


def _resource_tags(arn: str) -> Iterator[tuple[str, str]]:
    """The tags of a resource, as the services have them."""
    service, arn = arn.split(":")[2] if arn.count(":") > 4 else "", arn.removesuffix(":*")
    # MiniStack has a list of its own for services that Resource Groups Tagging does not list.
    collect = tagging._COLLECTORS.get(service) or tagging._RESOURCE_TAG_COLLECTORS.get(service)
    for candidate, tags in collect() if collect else ():
        if candidate == arn:
            yield from ((tag["Key"], tag["Value"]) for tag in tags)


def create_service_linked_role(original: Function, _: Parts) -> Function:
    def create_service_linked_role(p: Json) -> Response:
        service = iam._p(p, "AWSServiceName")
        suggested = f"AWSServiceRoleFor{service.partition('.')[0].capitalize()}"
        name = SERVICE_LINKED_ROLES.get(service, suggested)
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
    )
    return answer
