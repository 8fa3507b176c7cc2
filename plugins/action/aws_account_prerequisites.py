"""Action plugin of aws_account_prerequisites."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]

# "Configuring OpenID Connect in Amazon Web Services" in GitHub's documentation. AWS verifies this provider by its own
# store of authorities, so there is no thumbprint (CreateOpenIDConnectProvider in the IAM API reference).
_GITHUB = "token.actions.githubusercontent.com"
_AUDIENCE = "sts.amazonaws.com"


class ActionModule(AwsActionModule):
    """Makes what the account lacks."""

    PURPOSE = "make what the account has once"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return what was made."""
        iam, check_mode = session.client("iam"), self._task.check_mode
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
    if _AUDIENCE in audiences:
        return []
    if not check_mode:
        iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID=_AUDIENCE)
    return [f"the audience {_AUDIENCE} of the identity provider {_GITHUB}"]
