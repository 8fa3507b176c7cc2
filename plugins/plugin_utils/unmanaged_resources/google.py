# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Resources of Google Cloud that a plan would create and that exist already, left by an interrupted apply.

Or deleted, and still there: a workload identity pool keeps its name for 30 days.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

Json = dict[str, Any]


def _repository(project: str, values: Json) -> tuple[str, str]:
    return (
        "artifact_registry",
        f"projects/{project}/locations/{values['location']}/repositories/{values['repository_id']}",
    )


def _on_cloud_run(collection: str) -> Callable[[str, Json], tuple[str, str]]:
    return lambda project, values: (
        "cloud_run_v2",
        f"projects/{project}/locations/{values['location']}/{collection}/{values['name']}",
    )


def _scheduler_job(project: str, values: Json) -> tuple[str, str]:
    return "cloud_scheduler", f"projects/{project}/locations/{values['region']}/jobs/{values['name']}"


def _service_account(project: str, values: Json) -> tuple[str, str]:
    email = f"{values['account_id']}@{project}.iam.gserviceaccount.com"
    return "iam", f"projects/{project}/serviceAccounts/{email}"


def _pool(project: str, values: Json) -> tuple[str, str]:
    return "iam", f"projects/{project}/locations/global/workloadIdentityPools/{values['workload_identity_pool_id']}"


def _pool_provider(project: str, values: Json) -> tuple[str, str]:
    return "iam", f"{_pool(project, values)[1]}/providers/{values['workload_identity_pool_provider_id']}"


def _custom_role(project: str, values: Json) -> tuple[str, str]:
    return "iam", f"projects/{project}/roles/{values['role_id']}"


def _secret(project: str, values: Json) -> tuple[str, str]:
    return "secret_manager", f"projects/{project}/secrets/{values['secret_id']}"


def _network(project: str, values: Json) -> tuple[str, str]:
    return "compute", f"projects/{project}/global/networks/{values['name']}"


def _subnetwork(project: str, values: Json) -> tuple[str, str]:
    return "compute", f"projects/{project}/regions/{values['region']}/subnetworks/{values['name']}"


def _global_address(project: str, values: Json) -> tuple[str, str]:
    return "compute", f"projects/{project}/global/addresses/{values['name']}"


def _zone(project: str, values: Json) -> tuple[str, str]:
    return "dns", f"projects/{project}/managedZones/{values['name']}"


# Where each type of resource is looked for: the API, and the path, which is also the id to import it by.
PLACES: dict[str, Callable[[str, Json], tuple[str, str]]] = {
    "google_artifact_registry_repository": _repository,
    "google_cloud_run_v2_job": _on_cloud_run("jobs"),
    "google_cloud_run_v2_service": _on_cloud_run("services"),
    "google_cloud_run_v2_worker_pool": _on_cloud_run("workerPools"),
    "google_cloud_scheduler_job": _scheduler_job,
    "google_compute_global_address": _global_address,
    "google_compute_network": _network,
    "google_compute_subnetwork": _subnetwork,
    "google_dns_managed_zone": _zone,
    "google_iam_workload_identity_pool": _pool,
    "google_iam_workload_identity_pool_provider": _pool_provider,
    "google_project_iam_custom_role": _custom_role,
    "google_secret_manager_secret": _secret,
    "google_service_account": _service_account,
}
# What comes out the same when it is made twice.
REPEATABLE = frozenset(
    {
        "google_cloud_run_v2_job_iam_member",
        # The provider replaces what is there.
        "google_dns_record_set",
        "google_project_iam_member",
        "google_project_service",
        "google_secret_manager_secret_iam_member",
        # Another one of the same secret, which nothing has used yet.
        "google_secret_manager_secret_version",
        "google_service_account_iam_member",
        # With the same range.
        "google_service_networking_connection",
        # Of an instance that is managed: one that is not has another name, since each has one of its own.
        "google_sql_database",
        "google_sql_database_instance",
        # Who is there gets the password.
        "google_sql_user",
        "google_storage_bucket_iam_member",
    }
)


def is_ours(found: Json, values: Json) -> bool:
    """Whether something that exists is what a plan would create: it has all of the labels.

    What has none has a description that names the app or the environment.
    """
    labels = values.get("effective_labels") or {}
    if not labels:
        return bool(found.get("description") == values.get("description"))
    return bool(labels.items() <= found.get("labels", {}).items())


def find_unmanaged(cloud: GoogleCloud, project: str, creations: list[Json]) -> list[dict[str, str]]:
    """What exists of the resources that a plan would create, ready to be imported; what was deleted is undeleted.

    Args:
        cloud: answers questions.
        project: id of the project they are in.
        creations: address, type and known planned values of each resource.

    Returns:
        Address and import id of each that exists.

    Raises:
        ActionError: something exists that was made by somebody else.
    """
    resources: list[dict[str, str]] = []
    obstacles: list[str] = []
    deleted: list[tuple[str, str]] = []
    for creation in creations:
        if creation["type"] not in PLACES:
            continue
        product, path = PLACES[creation["type"]](project, creation["values"])
        found = cloud.get(product, path)
        # Terraform's provider undeletes a role itself.
        if found is None or found.get("deleted"):
            continue
        if not is_ours(found, creation["values"]):
            obstacles.append(
                f"{creation['address']}: {path} exists and was not made by this environment. Give one of the two "
                "another name."
            )
        if found.get("state") == "DELETED":
            deleted.append((product, path))
        resources.append({"address": creation["address"], "id": path})
    if obstacles:
        raise ActionError("\n".join(["The plan cannot be applied, and nothing was changed.", *obstacles]))
    # A pool before its providers.
    for product, path in sorted(deleted):
        cloud.undelete(product, path)
    return resources
