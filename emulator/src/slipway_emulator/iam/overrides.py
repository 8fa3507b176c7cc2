"""What of MiniStack is replaced for IAM."""

from slipway_emulator import late
from slipway_emulator.iam import decisions, limits, roles, web_identity
from slipway_emulator.overrides import Override, Table

TABLE: Table = (
    Override(
        "core.iam_evaluator",
        "enforce",
        "fcf4e6146835b9b7",
        "decides on one resource, checks no iam:PassRole and no tagging, makes no service-linked role, keeps no record",
        decisions.enforce,
    ),
    Override(
        "core.iam_actions",
        "extract_iam_action",
        "1c5bf4bb74976406",
        "forgets the request's parameters, by which its resources are found, its tags and the roles that it passes",
        decisions.extract_action,
    ),
    Override(
        "core.iam_actions",
        "access_denied_response",
        "93704ca254f70111",
        "does not name the resource that was refused",
        decisions.denial,
    ),
    Override(
        "core.iam_evaluator",
        "_resolve_condition_key",
        "adb736ef5631f774",
        "knows plain HTTP from TLS, for which it stands here, and no service's own ResourceTag",
        decisions.condition_key,
    ),
    Override(
        "core.iam_evaluator",
        "_gather_role_policies",
        "54484859fa357615",
        "has a policy take effect at once",
        late.gather_policies,
    ),
    Override(
        "services.sts",
        "_evict_expired_sessions",
        "8c71d4ed5462adaa",
        "forgets credentials that have expired, and calls them unknown then",
        roles.keep_expired_sessions,
    ),
    Override(
        "services.iam",
        "_create_service_linked_role",
        "ed57d105826d2fa4",
        "names the role by the service in capitals, AWSServiceRoleForEcs",
        decisions.create_service_linked_role,
        operation="CreateServiceLinkedRole",
    ),
    Override(
        "services.iam",
        "_attach_role_policy",
        "b01dcffbb8774928",
        "attaches policies that do not exist, and more than ten",
        limits.attach_role_policy,
        operation="AttachRolePolicy",
    ),
    Override(
        "services.iam",
        "_create_policy",
        "c8c02bd0b1d6b274",
        "takes policies of any size",
        limits.limited(limits.managed_policy),
        operation="CreatePolicy",
    ),
    Override(
        "services.iam",
        "_create_policy_version",
        "9c934324f6ff3dd0",
        "takes policies of any size",
        limits.limited(limits.policy_version),
        operation="CreatePolicyVersion",
    ),
    Override(
        "services.iam",
        "_create_role",
        "4c56821e325d06b1",
        "takes trust policies of any size",
        limits.limited(limits.trust_policy),
        operation="CreateRole",
    ),
    Override(
        "services.iam",
        "_put_role_policy",
        "f4d7f84ffc34b5e4",
        "takes inline policies of any size",
        limits.limited(limits.inline_policy),
        operation="PutRolePolicy",
    ),
    Override(
        "services.iam",
        "_update_assume_role_policy",
        "a2735e0a50d88710",
        "takes trust policies of any size",
        limits.limited(limits.trust_policy),
        operation="UpdateAssumeRolePolicy",
    ),
    Override(
        "services.sts",
        "_web_identity_trust_denied",
        "56b506c8fab86ba6",
        "takes tokens of providers that the account does not have, for any audience, and expired ones",
        web_identity.trust_denied,
    ),
)
