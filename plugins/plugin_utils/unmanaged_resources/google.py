# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Resources of Google Cloud that a plan would create and that exist already, left by an interrupted apply.

Or deleted, and still there: a workload identity pool keeps its name for 30 days.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.google_action import GoogleCloud

# What the google provider waits for an instance of Cloud SQL, and how often it is looked at.
_LONGEST_CREATION_SECONDS, _LOOK_SECONDS = 2400, 2.0

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


def _instance(project: str, values: Json) -> tuple[str, str]:
    return "sql", f"projects/{project}/instances/{values['name']}"


def _database(project: str, values: Json) -> tuple[str, str]:
    return "sql", f"projects/{project}/instances/{values['instance']}/databases/{values['name']}"


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
    "google_sql_database": _database,
    "google_sql_database_instance": _instance,
}
# Parts of another resource, which have neither labels nor a description: they are ours if that is.
_PARTS = frozenset({"google_sql_database"})
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
        # Who is there gets the password.
        "google_sql_user",
        "google_storage_bucket_iam_member",
    }
)


def is_ours(found: Json, values: Json) -> bool:
    """Whether something that exists is what a plan would create: it has all of the labels.

    What has none has a description that names the app or the environment. Instances of Cloud SQL have their labels in
    their settings.
    """
    if "settings" in values:
        labels = values["settings"][0]["user_labels"]
        return bool(labels.items() <= found["settings"].get("userLabels", {}).items())
    labels = values.get("effective_labels") or {}
    if not labels:
        return bool(found.get("description") == values.get("description"))
    return bool(labels.items() <= found.get("labels", {}).items())


def _created(cloud: GoogleCloud, path: str) -> Json | None:
    """An instance of Cloud SQL as soon as it is made: before, it has no address, no name in DNS and no certificate."""
    deadline = time.monotonic() + _LONGEST_CREATION_SECONDS
    while True:
        found: Json | None = cloud.get("sql", path)
        if found is None or found["state"] != "PENDING_CREATE":
            return found
        if time.monotonic() > deadline:
            raise ActionError(
                f"{path} has been PENDING_CREATE for {_LONGEST_CREATION_SECONDS} s. Run again when it is RUNNABLE."
            )
        time.sleep(_LOOK_SECONDS)


def _obstacle(found: Json, path: str) -> str:
    """Why something that is ours cannot be imported, and what to do; empty where it can."""
    name = path.rpartition("/")[2]
    if found.get("kind") != "sql#instance" or found["state"] not in ("FAILED", "PENDING_DELETE"):
        return ""
    # The name stays taken for a week.
    secret = f"gcloud secrets delete {name.rpartition('-')[0]}_database_master"
    if found["state"] == "PENDING_DELETE":
        return f"it is being deleted. Delete the secret that its name comes from ({secret}) and run again"
    delete = f"gcloud sql instances delete {name}"
    return (
        f"its creation failed. Delete it ({delete}) and the secret that its name comes from ({secret}), and run again"
    )


def find_unmanaged(cloud: GoogleCloud, project: str, creations: list[Json]) -> list[dict[str, str]]:
    """What exists of the resources that a plan would create, ready to be imported; what was deleted is undeleted.

    A resource whose name is not known yet (an instance's, which comes from a secret) is found in a later plan, once the
    other is imported. So is a database of an instance that the plan would create.

    Args:
        cloud: answers questions.
        project: id of the project they are in.
        creations: address, type and known planned values of each resource.

    Returns:
        Address and import id of each that exists.

    Raises:
        ActionError: something exists that cannot be imported.
    """
    resources: list[dict[str, str]] = []
    obstacles: list[str] = []
    deleted: list[tuple[str, str]] = []
    new_instances = {one["values"].get("name") for one in creations if one["type"] == "google_sql_database_instance"}
    for creation in creations:
        address, kind, values = creation["address"], creation["type"], creation["values"]
        if kind not in PLACES or (kind == "google_sql_database" and values.get("instance") in new_instances):
            continue
        try:
            product, path = PLACES[kind](project, values)
        except KeyError:
            continue
        found = _created(cloud, path) if kind == "google_sql_database_instance" else cloud.get(product, path)
        # Terraform's provider undeletes a role itself.
        if found is None or found.get("deleted"):
            continue
        if kind not in _PARTS and not is_ours(found, values):
            obstacles.append(
                f"{address}: {path} exists and was not made by this environment. Give one of the two another name."
            )
        elif obstacle := _obstacle(found, path):
            obstacles.append(f"{address}: {path} cannot be imported: {obstacle}.")
        if found.get("state") == "DELETED":
            deleted.append((product, path))
        resources.append({"address": address, "id": path})
    if obstacles:
        raise ActionError("\n".join(["The plan cannot be applied, and nothing was changed.", *obstacles]))
    # A pool before its providers.
    for product, path in sorted(deleted):
        cloud.undelete(product, path)
    return resources
