"""The resources that this provider makes: those of Slipway's own layers."""

from __future__ import annotations

from slipway_emulator.google_provider.resource import Resource
from slipway_emulator.google_provider.resources import cloud_scheduler
from slipway_emulator.google_provider.resources.artifact_registry import Repository
from slipway_emulator.google_provider.resources.cloud_run import Job, Service, WorkerPool
from slipway_emulator.google_provider.resources.compute import GlobalAddress, Network, Subnetwork
from slipway_emulator.google_provider.resources.custom_role import CustomRole
from slipway_emulator.google_provider.resources.dns import ManagedZone, RecordSet
from slipway_emulator.google_provider.resources.iam_member import (
    BucketIamMember,
    IamMember,
    ProjectIamMember,
    ServiceAccountIamMember,
)
from slipway_emulator.google_provider.resources.project_service import ProjectService
from slipway_emulator.google_provider.resources.secret_manager import Secret, SecretVersion
from slipway_emulator.google_provider.resources.service_account import ServiceAccount
from slipway_emulator.google_provider.resources.service_networking import Connection
from slipway_emulator.google_provider.resources.sql import Database, DatabaseInstance, User
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
        "google_cloud_run_v2_job": Job(schema.resource("google_cloud_run_v2_job")),
        "google_cloud_run_v2_job_iam_member": member(
            "google_cloud_run_v2_job", "cloud_run_v2", "projects/{project}/locations/{location}/jobs/{name}"
        ),
        "google_cloud_run_v2_service": Service(schema.resource("google_cloud_run_v2_service")),
        "google_cloud_run_v2_service_iam_member": member(
            "google_cloud_run_v2_service", "cloud_run_v2", "projects/{project}/locations/{location}/services/{name}"
        ),
        "google_cloud_run_v2_worker_pool": WorkerPool(schema.resource("google_cloud_run_v2_worker_pool")),
        "google_cloud_scheduler_job": cloud_scheduler.Job(schema.resource("google_cloud_scheduler_job")),
        "google_compute_global_address": GlobalAddress(schema.resource("google_compute_global_address")),
        "google_compute_network": Network(schema.resource("google_compute_network")),
        "google_compute_subnetwork": Subnetwork(schema.resource("google_compute_subnetwork")),
        "google_dns_managed_zone": ManagedZone(schema.resource("google_dns_managed_zone")),
        "google_dns_record_set": RecordSet(schema.resource("google_dns_record_set")),
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
        "google_service_networking_connection": Connection(schema.resource("google_service_networking_connection")),
        "google_sql_database": Database(schema.resource("google_sql_database")),
        "google_sql_database_instance": DatabaseInstance(schema.resource("google_sql_database_instance")),
        "google_sql_user": User(schema.resource("google_sql_user")),
        "google_storage_bucket_iam_member": BucketIamMember(schema.resource("google_storage_bucket_iam_member")),
    }
