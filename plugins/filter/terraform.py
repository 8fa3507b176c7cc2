# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filters about Terraform layers: what a root declares, what it is given, what a plan would do."""

from __future__ import annotations

import difflib
import re
from datetime import datetime
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.slipway.provision.plugins.plugin_utils.new_roles import refused_roles

# Resources whose loss loses data. A plan that deletes or replaces one stops, unless it is allowed by address.
# Artifact Registry deletes a repository with its images, where Amazon ECR refuses.
_PROTECTED_TYPES = (
    "aws_db_instance",
    "aws_s3_bucket",
    "aws_secretsmanager_secret",
    "google_artifact_registry_repository",
    "google_secret_manager_secret",
    "google_sql_database_instance",
)
# What has secrets in its environment.
_ON_CLOUD_RUN = ("google_cloud_run_v2_job", "google_cloud_run_v2_service", "google_cloud_run_v2_worker_pool")
# For how long a role may be unknown to other services.
_NEW_ROLE_SECONDS = 60

Json = dict[str, Any]


def has_changes(said: str) -> bool:
    """Whether a plan has changes, by what `terraform plan` said of it.

    Terraform says that there are none at the beginning of a line; elsewhere it is somebody's text.

    Args:
        said: its output.
    """
    return not re.search(r"^No changes\.", said, re.MULTILINE)


def layer_inputs(given: Json, layer: str, declared: list[str], common: Json, upstream_outputs: Json) -> Json:
    """Everything a layer is given, by one naming rule.

    A variable `<layer>_<output>` takes that output of an upstream layer, one of the common names takes the
    common value, and any other takes the Ansible variable `<layer>_<variable>` where there is one;
    what is left keeps Terraform's default.

    Args:
        given: the layer's Ansible variables, `<layer>_<variable>` to value.
        layer: name of the layer.
        declared: names of the variables its root declares.
        common: values every layer may declare, such as `name`, `region` and `tags`.
        upstream_outputs: outputs of the layers before it, by layer.

    Raises:
        AnsibleFilterError: an Ansible variable that the root does not declare, and that is not empty.
    """
    inputs: Json = {}
    for name in declared:
        upstream, _, output = name.partition("_")
        if upstream in upstream_outputs:
            # Terraform keeps no output whose value is null.
            inputs[name] = upstream_outputs[upstream].get(output)
        elif name in common:
            inputs[name] = common[name]
        elif f"{layer}_{name}" in given:
            inputs[name] = given[f"{layer}_{name}"]
    # Empty values are ignored: playbooks/vars/ sets service_readable_secret_arns for platforms without that input, too.
    asked = {name for name, value in given.items() if value not in (None, [], {})}
    inputs_of_its_own = [f"{layer}_{name}" for name in declared if name not in common]
    unknown = sorted(asked - set(inputs_of_its_own))
    if unknown:
        hints = [did_you_mean(name, inputs_of_its_own) for name in unknown]
        raise AnsibleFilterError(
            f"not an input of layer {layer}: {', '.join(hints)}. Its inputs are described in "
            f"roles/{layer}/README.md; look for the name in the inventory's host_vars and group_vars"
        )
    return inputs


def did_you_mean(name: str, allowed: list[str]) -> str:
    """A name that is not allowed, with the one that was probably meant."""
    close = difflib.get_close_matches(name, allowed, n=1)
    return f"{name} (did you mean {close[0]}?)" if close else name


def missing_outputs(declared: list[str], upstream_outputs: Json, inputs: Json) -> list[str]:
    """Outputs that a layer needs of layers that are not applied yet, such as `network.vpc_id`.

    An input `shared_<output>` says that the layer uses what another has for several apps: then an empty output means
    that the other layer was applied without it, before the inventory asked for it.

    Args:
        declared: names of the variables the layer's root declares.
        upstream_outputs: outputs of the layers before it, by layer.
        inputs: what the layer is given.
    """
    names = (name.partition("_") for name in declared)
    return [
        f"{layer}.{output}"
        for layer, _, output in names
        if layer in upstream_outputs
        and (
            not upstream_outputs[layer]
            or (boolean(inputs.get(f"shared_{output}") or False) and not upstream_outputs[layer].get(output))
        )
    ]


def output_values(outputs: Json) -> Json:
    """Output names to values, from what `terraform output -json` prints or a state holds."""
    return {name: output["value"] for name, output in outputs.items()}


def plan_changes(plan: Json) -> list[str]:
    """One line for each resource and output that a plan would change, such as `create aws_vpc.this`.

    Outputs are named where no resource changes: those of a resource follow from it.

    Args:
        plan: the plan as `terraform show -json` prints it.
    """
    lines = []
    for change in plan.get("resource_changes", []):
        actions = change["change"]["actions"]
        verbs = ["import"] if "importing" in change["change"] else []
        if actions not in (["no-op"], ["read"]):
            verbs.append("replace" if len(actions) == 2 else actions[0])
        if verbs:
            lines.append(f"{' and '.join(verbs)} {change['address']}")
    outputs = plan.get("output_changes", {}).items()
    return sorted(lines) or sorted(
        f"{one['actions'][0]} output {name}" for name, one in outputs if one["actions"] != ["no-op"]
    )


def protected_deletions(plan: Json, allowed: list[str]) -> list[str]:
    """Addresses of databases, buckets and secrets that a plan would delete or replace without being allowed to.

    Args:
        plan: the plan as `terraform show -json` prints it.
        allowed: addresses that may be deleted or replaced.
    """
    return sorted(
        change["address"]
        for change in plan.get("resource_changes", [])
        if "delete" in change["change"]["actions"]
        and change["type"] in _PROTECTED_TYPES
        and change["address"] not in allowed
    )


def waits_for_api(said: str, plan: Json) -> bool:
    """Whether Google Cloud has refused because of an API that a plan switches on.

    It counts as enabled before it answers, which takes minutes at times; until then each request is refused with
    SERVICE_DISABLED and the address at which to enable it.

    Args:
        said: what Terraform said.
        plan: the plan as `terraform show -json` prints it.
    """
    resources = [item for item in plan.get("resource_changes", []) if item["type"] == "google_project_service"]
    services = {(resource["change"].get("after") or {}).get("service") for resource in resources}
    return any(f"/apis/api/{service}/overview" in said for service in services)


def waits_for_grant(said: str, plan: Json) -> bool:
    """Whether Cloud Run has refused something new because of a secret that a plan lets its account read.

    A grant takes seconds as a rule to be known everywhere, 7 minutes at times ("Access change propagation", IAM). What
    could not be made is made anew; a change of a service that is there is not repeated, because it has been made.

    Args:
        said: what Terraform said.
        plan: the plan as `terraform show -json` prints it.
    """
    resources = plan.get("resource_changes", [])
    if not any(item["type"] in _ON_CLOUD_RUN and "create" in item["change"]["actions"] for item in resources):
        return False
    grants = [item for item in resources if item["type"] == "google_secret_manager_secret_iam_member"]
    secrets = {(grant["change"].get("after") or {}).get("secret_id") for grant in grants}
    denied = re.findall(r"Permission denied on secret: projects/\w+/secrets/([\w-]+)/versions/", said)
    return bool(denied) and set(denied) <= secrets


def waits_for_role(said: str, plan: Json, now: float) -> bool:
    """Whether AWS has refused because of a role that a plan creates, or created a minute ago.

    A new role is unknown to other services for some seconds ("Changes that I make are not always immediately visible",
    AWS IAM user guide): ECS then refuses to register a task definition, and App Runner cannot assume it.

    Args:
        said: what Terraform said.
        plan: the plan as `terraform show -json` prints it.
        now: seconds since 1970.
    """
    changes = [item["change"] for item in plan.get("resource_changes", []) if item["type"] == "aws_iam_role"]
    roles = {
        change["after"]["name"]
        for change in changes
        if change["actions"] == ["create"]
        or (change.get("after") and now < _seconds(change["after"].get("create_date")) + _NEW_ROLE_SECONDS)
    }
    return any(name in roles or (name is None and roles) for name in refused_roles(said))


def _seconds(date: str | None) -> float:
    return datetime.fromisoformat(date).timestamp() if date else 0.0


class FilterModule:
    """The filters, by the names playbooks use."""

    def filters(self) -> Json:
        return {
            "has_changes": has_changes,
            "layer_inputs": layer_inputs,
            "missing_outputs": missing_outputs,
            "output_values": output_values,
            "plan_changes": plan_changes,
            "protected_deletions": protected_deletions,
            "waits_for_api": waits_for_api,
            "waits_for_grant": waits_for_grant,
            "waits_for_role": waits_for_role,
        }
