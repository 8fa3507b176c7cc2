"""What AWS takes of policies: their size, their versions and their number.

Source: "IAM and AWS STS quotas" of the IAM user guide, for the quotas that an account begins with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.services import iam

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, str], bytes]

# Characters of a managed policy, of all inline policies of a role, and of a role's trust policy.
_MANAGED, _INLINE, _TRUST = 6144, 10_240, 2048
_VERSIONS = 5
_ATTACHED = 10


def size_of(document: str) -> int:
    """The size of a policy: "IAM doesn't count white space when calculating the size of a policy"."""
    return len("".join(document.split()))


def limited(problem: Callable[[Json], str]) -> Callable[[Function, Parts], Function]:
    """Has an operation refuse what is over a quota.

    Args:
        problem: says from the parameters what is, or nothing.
    """

    def replacement(original: Function, _: Parts) -> Function:
        def operation(p: Json) -> Response:
            text = problem(p)
            answer: Response = iam._error(409, "LimitExceeded", text, ns="iam") if text else original(p)
            return answer

        return operation

    return replacement


def managed_policy(p: Json) -> str:
    """What is wrong with the size of a managed policy."""
    return f"Cannot exceed quota for PolicySize: {_MANAGED}" if size_of(iam._p(p, "PolicyDocument")) > _MANAGED else ""


def policy_version(p: Json) -> str:
    """What is wrong with one more version of a managed policy."""
    policy = iam._policies.get(iam._p(p, "PolicyArn")) or {}
    if len(policy.get("Versions", {})) >= _VERSIONS:
        return (
            f"A managed policy can have up to {_VERSIONS} versions. Before you create a new version, you must delete "
            "an existing version."
        )
    return managed_policy(p)


def inline_policy(p: Json) -> str:
    """What is wrong with the size of an inline policy of a role beside those that it has."""
    name = iam._p(p, "RoleName")
    documents = dict((iam._roles.get(name) or {}).get("InlinePolicies", {}))
    documents[iam._p(p, "PolicyName")] = iam._p(p, "PolicyDocument")
    if sum(map(size_of, documents.values())) > _INLINE:
        return f"Maximum policy size of {_INLINE} bytes exceeded for role {name}"
    return ""


def trust_policy(p: Json) -> str:
    """What is wrong with the size of a role's trust policy."""
    document = iam._p(p, "AssumeRolePolicyDocument") or iam._p(p, "PolicyDocument")
    return f"Cannot exceed quota for ACLSizePerRole: {_TRUST}" if size_of(document) > _TRUST else ""


def attach_role_policy(original: Function, _: Parts) -> Function:
    def attach_role_policy(p: Json) -> Response:
        arn, attached = (
            iam._p(p, "PolicyArn"),
            (iam._roles.get(iam._p(p, "RoleName")) or {}).get("AttachedPolicies", []),
        )
        answer: Response
        if arn not in attached and len(attached) >= _ATTACHED:
            answer = iam._error(409, "LimitExceeded", f"Cannot exceed quota for PoliciesPerRole: {_ATTACHED}", ns="iam")
        elif not iam._is_aws_managed_arn(arn) and not iam._policy_exists(arn):
            answer = iam._error(404, "NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", ns="iam")
        else:
            answer = original(p)
        return answer

    return attach_role_policy
