"""The resources that this provider makes: those of Slipway's own layers."""

from __future__ import annotations

from slipway_emulator.google_provider.resource import Resource
from slipway_emulator.google_provider.resources.artifact_registry import Repository
from slipway_emulator.google_provider.resources.cloud_run import Service
from slipway_emulator.google_provider.resources.custom_role import CustomRole
from slipway_emulator.google_provider.resources.iam_member import (
    BucketIamMember,
    IamMember,
    ProjectIamMember,
    ServiceAccountIamMember,
)
from slipway_emulator.google_provider.resources.project_service import ProjectService
from slipway_emulator.google_provider.resources.secret_manager import Secret, SecretVersion
from slipway_emulator.google_provider.resources.service_account import ServiceAccount
from slipway_emulator.google_provider.resources.workload_identity import Pool, Provider
from slipway_emulator.google_provider.schema import StoredSchema


def made_by(schema: StoredSchema) -> dict[str, Resource]:
    """All resources that can be made, by the name of the type."""

    def member(of: str, product: str, path: str) -> Resource:
        return IamMember(schema.resource(f"{of}_iam_member"), product, path)

    return {
        "google_artifact_registry_repository": Repository(schema.resource("google_artifact_registry_repository")),
        "google_artifact_registry_repository_iam_member": member(
            "google_artifact_registry_repository",
            "artifact_registry",
            "projects/{project}/locations/{location}/repositories/{repository}",
        ),
        "google_cloud_run_v2_service": Service(schema.resource("google_cloud_run_v2_service")),
        "google_cloud_run_v2_service_iam_member": member(
            "google_cloud_run_v2_service", "cloud_run_v2", "projects/{project}/locations/{location}/services/{name}"
        ),
        "google_iam_workload_identity_pool": Pool(schema.resource("google_iam_workload_identity_pool")),
        "google_iam_workload_identity_pool_provider": Provider(
            schema.resource("google_iam_workload_identity_pool_provider")
        ),
        "google_project_iam_custom_role": CustomRole(schema.resource("google_project_iam_custom_role")),
        "google_project_iam_member": ProjectIamMember(schema.resource("google_project_iam_member")),
        "google_project_service": ProjectService(schema.resource("google_project_service")),
        "google_secret_manager_secret": Secret(schema.resource("google_secret_manager_secret")),
        "google_secret_manager_secret_iam_member": member(
            "google_secret_manager_secret", "secret_manager", "projects/{project}/secrets/{secret_id}"
        ),
        "google_secret_manager_secret_version": SecretVersion(schema.resource("google_secret_manager_secret_version")),
        "google_service_account": ServiceAccount(schema.resource("google_service_account")),
        "google_service_account_iam_member": ServiceAccountIamMember(
            schema.resource("google_service_account_iam_member")
        ),
        "google_storage_bucket_iam_member": BucketIamMember(schema.resource("google_storage_bucket_iam_member")),
    }
