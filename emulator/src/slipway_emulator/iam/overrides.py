"""What of MiniStack is replaced for IAM."""

from slipway_emulator import late
from slipway_emulator.iam import decisions, roles
from slipway_emulator.overrides import Override, Table

TABLE: Table = (
    Override(
        "core.iam_evaluator",
        "enforce",
        "fcf4e6146835b9b7",
        "checks no iam:PassRole, makes no service-linked role, and keeps no record",
        decisions.enforce,
    ),
    Override(
        "core.iam_actions",
        "extract_iam_action",
        "1c5bf4bb74976406",
        "forgets the request's parameters, by which the roles are found that it passes",
        decisions.extract_action,
    ),
    Override(
        "core.iam_actions",
        "extract_resource_arn",
        "4f721b00d35d8a33",
        "names no resource for what a request makes, so that a narrow policy allows nothing",
        decisions.extract_resource,
    ),
    Override(
        "core.iam_actions",
        "request_tag_context",
        "c373057a68f63560",
        "does not find the tags of EC2's TagSpecifications",
        decisions.tag_context,
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
        "knows plain HTTP from TLS, for which it stands here",
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
)
