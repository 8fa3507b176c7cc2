"""Rules of listeners, and the target groups that they and listeners forward to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import acm, alb

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Response = tuple[int, Json, Any]
Function = Callable[..., Any]


def create_rule(original: Function, _: Parts) -> Function:
    def create_rule(params: Json) -> Response:
        listener, priority = alb._p(params, "ListenerArn"), alb._p(params, "Priority")
        if priority in [rule["Priority"] for rule in _rules_of(listener).values()]:
            return _priority_in_use(priority)
        return _used_elsewhere(params, "Actions", _balancer_of(listener)) or original(params)

    return create_rule


def modify_rule(original: Function, _: Parts) -> Function:
    def modify_rule(params: Json) -> Response:
        listener = alb._rules.get(alb._p(params, "RuleArn"), {}).get("ListenerArn", "")
        refused = _used_elsewhere(params, "Actions", _balancer_of(listener)) if listener else None
        return refused or original(params)

    return modify_rule


def set_priorities(original: Function, _: Parts) -> Function:
    def set_priorities(params: Json) -> Response:
        wanted: dict[str, str] = {}
        while arn := alb._p(params, f"RulePriorities.member.{len(wanted) + 1}.RuleArn"):
            wanted[arn] = alb._p(params, f"RulePriorities.member.{len(wanted) + 1}.Priority")
        for arn in wanted:
            if arn not in alb._rules:
                missing: Response = alb._error("RuleNotFound", f"Rule '{arn}' not found")
                return missing
            if alb._rules[arn].get("IsDefault"):
                default: Response = alb._error("OperationNotPermitted", f"Default rule '{arn}' cannot be modified")
                return default
        # All at once: two rules may exchange theirs.
        for arn, priority in wanted.items():
            others = _rules_of(alb._rules[arn]["ListenerArn"]).items()
            if priority in [wanted.get(other, rule["Priority"]) for other, rule in others if other != arn]:
                return _priority_in_use(priority)
        response: Response = original(params)
        return response

    return set_priorities


def create_listener(original: Function, _: Parts) -> Function:
    def create_listener(params: Json) -> Response:
        refused = _used_elsewhere(params, "DefaultActions", alb._p(params, "LoadBalancerArn"))
        return refused or _refused_certificate(params) or original(params)

    return create_listener


def modify_listener(original: Function, _: Parts) -> Function:
    def modify_listener(params: Json) -> Response:
        balancer = _balancer_of(alb._p(params, "ListenerArn"))
        refused = _used_elsewhere(params, "DefaultActions", balancer) if balancer else None
        return refused or _refused_certificate(params) or original(params)

    return modify_listener


def delete_target_group(original: Function, _: Parts) -> Function:
    def delete_target_group(params: Json) -> Response:
        arn = alb._p(params, "TargetGroupArn")
        if arn in alb._tgs and balancers_of(arn):
            refused: Response = alb._error(
                "ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule"
            )
            return refused
        response: Response = original(params)
        return response

    return delete_target_group


def tg_xml(original: Function, _: Parts) -> Function:
    def tg_xml(tg: Json) -> str:
        return str(original(tg | {"LoadBalancerArns": sorted(balancers_of(tg["TargetGroupArn"]))}))

    return tg_xml


def match_condition(original: Function, _: Parts) -> Function:
    def match_condition(cond: Json, method: str, path: str, headers: Json, query_params: Json) -> bool:
        if cond.get("Field") == "host-header":
            cond = cond | {"Values": [value.lower() for value in cond.get("Values", [])]}
            headers = headers | {"host": headers.get("host", "").lower()}
        return bool(original(cond, method, path, headers, query_params))

    return match_condition


def _refused_certificate(params: Json) -> Response | None:
    """A refusal of a certificate that ACM does not have here, or has not issued yet."""
    arn = alb._p(params, "Certificates.member.1.CertificateArn")
    if not re.match(r"arn:[a-z-]+:acm:", arn):
        return None
    certificate = acm._certificates.get(arn)
    if not certificate:
        missing: Response = alb._error("CertificateNotFound", f"Certificate '{arn}' not found")
        return missing
    if certificate["Status"] != "ISSUED":
        # ELB says the same of all that it does not take.
        text = "must have a fully-qualified domain name, a supported signature, and a supported key size."
        unsupported: Response = alb._error("UnsupportedCertificate", f"The certificate '{arn}' {text}")
        return unsupported
    return None


def _used_elsewhere(params: Json, prefix: str, balancer: str) -> Response | None:
    """A refusal where an action forwards to a target group of another load balancer: one has it ("Quotas for your
    Application Load Balancers": load balancers per target group)."""
    member = re.compile(rf"{prefix}\.member\.\d+\.(ForwardConfig\.TargetGroups\.member\.\d+\.)?TargetGroupArn")
    groups = {alb._p(params, name) for name in params if member.fullmatch(name)}
    used = sorted(arn for arn in groups if balancers_of(arn) - {balancer})
    if not used:
        return None
    refused: Response = alb._error(
        "TargetGroupAssociationLimit",
        f"The following target groups cannot be associated with more than one load balancer: {', '.join(used)}",
    )
    return refused


def _rules_of(listener: str) -> dict[str, Json]:
    return {arn: rule for arn, rule in alb._rules.items() if rule.get("ListenerArn") == listener}


def _balancer_of(listener: str) -> str:
    return str(alb._listeners.get(listener, {}).get("LoadBalancerArn", ""))


def _priority_in_use(priority: str) -> Response:
    refused: Response = alb._error("PriorityInUse", f"Priority '{priority}' is currently in use")
    return refused


def balancers_of(group: str) -> set[str]:
    """ARNs of the load balancers that forward to a target group."""
    # A load balancer takes its listeners along; MiniStack keeps their records.
    listeners = {arn: one for arn, one in alb._listeners.items() if one["LoadBalancerArn"] in alb._lbs}
    found = {
        listener["LoadBalancerArn"]
        for listener in listeners.values()
        if any(action.get("TargetGroupArn") == group for action in listener.get("DefaultActions", []))
    }
    return found | {
        listeners[rule["ListenerArn"]]["LoadBalancerArn"]
        for rule in alb._rules.values()
        if rule.get("ListenerArn") in listeners
        and any(action.get("TargetGroupArn") == group for action in rule.get("Actions", []))
    }
