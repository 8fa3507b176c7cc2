# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Action plugin of aws_account_prerequisites."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]

# "Configuring OpenID Connect in Amazon Web Services" in GitHub's documentation. AWS verifies this provider by its own
# store of authorities, so there is no thumbprint (CreateOpenIDConnectProvider in the IAM API reference).
_GITHUB = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


def make(session: Any, arguments: Json, check_mode: bool) -> Json:
    """Make what the account lacks.

    Args:
        session: boto3 session of the region.
        arguments: those of the module.
        check_mode: whether only to say what would be made.

    Returns:
        The task's result.

    Raises:
        ActionError: the account trusts GitHub for others only.
    """
    iam = session.client("iam")
    made = []
    for service in arguments["service_linked_roles"]:
        if not iam.list_roles(PathPrefix=f"/aws-service-role/{service}/")["Roles"]:
            made.append(f"the service-linked role of {service}")
            if not check_mode:
                iam.create_service_linked_role(AWSServiceName=service)
    if arguments["github"]:
        made += _trust_github(session, arguments["account_id"], check_mode)
    return {"changed": bool(made), "made": made}


def _trust_github(session: Any, account_id: str, check_mode: bool) -> list[str]:
    iam = session.client("iam")
    partition = session.get_partition_for_region(session.region_name)
    arn = f"arn:{partition}:iam::{account_id}:oidc-provider/{_GITHUB}"
    try:
        audiences = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["ClientIDList"]
    except iam.exceptions.NoSuchEntityException:
        if not check_mode:
            iam.create_open_id_connect_provider(Url=f"https://{_GITHUB}", ClientIDList=[_AUDIENCE])
        return [f"the identity provider {_GITHUB}"]
    if _AUDIENCE not in audiences:
        # Others use it, so it is theirs to change.
        raise ActionError(
            f"{arn} is there and takes no tokens for {_AUDIENCE}. Allow it, and run this again: "
            f"aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {arn} "
            f"--client-id {_AUDIENCE}"
        )
    return []


class ActionModule(AwsActionModule):
    """Makes what the account lacks."""

    PURPOSE = "make what the account has once"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return what was made."""
        return make(session, arguments, self._task.check_mode)
