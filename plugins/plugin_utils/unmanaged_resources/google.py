"""Resources of Google Cloud that a plan would create and that exist already, left by an interrupted apply."""

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


def _service(project: str, values: Json) -> tuple[str, str]:
    return "cloud_run_v2", f"projects/{project}/locations/{values['location']}/services/{values['name']}"


def _service_account(project: str, values: Json) -> tuple[str, str]:
    email = f"{values['account_id']}@{project}.iam.gserviceaccount.com"
    return "iam", f"projects/{project}/serviceAccounts/{email}"


# Where each type of resource is looked for: the API, and the path, which is also the id to import it by.
PLACES: dict[str, Callable[[str, Json], tuple[str, str]]] = {
    "google_artifact_registry_repository": _repository,
    "google_cloud_run_v2_service": _service,
    "google_service_account": _service_account,
}
# What comes out the same when it is made twice.
REPEATABLE = frozenset({"google_project_service"})


def is_ours(found: Json, values: Json) -> bool:
    """Whether something that exists is what a plan would create: it has all of the labels.

    An account has none; its description names the app.
    """
    labels = values.get("effective_labels") or {}
    if not labels:
        return bool(found.get("description") == values.get("description"))
    return bool(labels.items() <= found.get("labels", {}).items())


def find_unmanaged(cloud: GoogleCloud, project: str, creations: list[Json]) -> list[dict[str, str]]:
    """What exists of the resources that a plan would create, ready to be imported.

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
    for creation in creations:
        if creation["type"] not in PLACES:
            continue
        product, path = PLACES[creation["type"]](project, creation["values"])
        found = cloud.get(product, path)
        if found is None:
            continue
        if not is_ours(found, creation["values"]):
            obstacles.append(
                f"{creation['address']}: {path} exists and was not made by this environment. Give one of the two "
                "another name."
            )
        resources.append({"address": creation["address"], "id": path})
    if obstacles:
        raise ActionError("\n".join(["The plan cannot be applied, and nothing was changed.", *obstacles]))
    return resources
