"""What a method of Google's APIs needs, permission and scope, and what a role grants.

Permissions and roles are those of "IAM roles and permissions index", and of each API's page on access control; scopes
those of its discovery document.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re

SCOPE = "https://www.googleapis.com/auth/"

_PARENT = "projects/{project}/locations/{location}"
_SERVICE = f"{_PARENT}/services/{{service}}"
_JOBS = f"{_PARENT}/jobs"
_EXECUTION = f"{_JOBS}/{{job}}/executions/{{execution}}"
_POOL = f"{_PARENT}/workerPools/{{workerpool}}"
_REPOSITORY = f"{_PARENT}/repositories/{{repository}}"
_ACCOUNT = "projects/{project}/serviceAccounts/{account}"
_ENABLED = "projects/{project}/services"
_POOLS = f"{_PARENT}/workloadIdentityPools"
_PROVIDERS = f"{_POOLS}/{{pool}}/providers"
_SECRETS = "projects/{project}/secrets"
_SECRET = f"{_SECRETS}/{{secret}}"
_ROLES_OF_PROJECT = "projects/{project}/roles"
_NETWORKS = "projects/{project}/global/networks"
_SUBNETS = "projects/{project}/regions/{location}/subnetworks"
_ADDRESSES = "projects/{project}/global/addresses"
_CONNECTIONS = "services/{service}/connections"
_ZONES = "projects/{project}/managedZones"
_INSTANCES = "projects/{project}/instances"
_INSTANCE = f"{_INSTANCES}/{{instance}}"


def _of_collection(path: str, kind: str, resource: str) -> dict[str, dict[str, str]]:
    """The permissions for what can be made, found, changed, deleted and undeleted in a collection, by operations."""
    one = f"{path}/{{{kind}}}"
    return {
        path: {"GET": f"{resource}.list", "POST": f"{resource}.create"},
        one: {"GET": f"{resource}.get", "PATCH": f"{resource}.update", "DELETE": f"{resource}.delete"},
        f"{one}:undelete": {"POST": f"{resource}.undelete"},
        f"{one}/operations/{{operation}}": {"GET": f"{resource}.get"},
    }


# The permission that each method needs, by API, path behind the version and method of HTTP. Those with none are for
# everybody who has a token.
_METHODS: dict[str, dict[str, dict[str, str]]] = {
    "run": {
        f"{_PARENT}/services": {"GET": "run.services.list", "POST": "run.services.create"},
        _SERVICE: {"GET": "run.services.get", "PATCH": "run.services.update", "DELETE": "run.services.delete"},
        f"{_SERVICE}:getIamPolicy": {"GET": "run.services.getIamPolicy"},
        f"{_SERVICE}:setIamPolicy": {"POST": "run.services.setIamPolicy"},
        f"{_SERVICE}:testIamPermissions": {"POST": ""},
        f"{_SERVICE}/revisions": {"GET": "run.revisions.list"},
        f"{_SERVICE}/revisions/{{revision}}": {"GET": "run.revisions.get", "DELETE": "run.revisions.delete"},
        _JOBS: {"GET": "run.jobs.list", "POST": "run.jobs.create"},
        f"{_JOBS}/{{job}}": {"GET": "run.jobs.get", "PATCH": "run.jobs.update", "DELETE": "run.jobs.delete"},
        # With overrides it is another one, too.
        f"{_JOBS}/{{job}}:run": {"POST": "run.jobs.run"},
        f"{_JOBS}/{{job}}:getIamPolicy": {"GET": "run.jobs.getIamPolicy"},
        f"{_JOBS}/{{job}}:setIamPolicy": {"POST": "run.jobs.setIamPolicy"},
        f"{_JOBS}/{{job}}:testIamPermissions": {"POST": ""},
        f"{_JOBS}/{{job}}/executions": {"GET": "run.executions.list"},
        _EXECUTION: {"GET": "run.executions.get", "DELETE": "run.executions.delete"},
        f"{_EXECUTION}:cancel": {"POST": "run.executions.cancel"},
        f"{_EXECUTION}/tasks": {"GET": "run.tasks.list"},
        f"{_EXECUTION}/tasks/{{task}}": {"GET": "run.tasks.get"},
        f"{_PARENT}/workerPools": {"GET": "run.workerpools.list", "POST": "run.workerpools.create"},
        _POOL: {"GET": "run.workerpools.get", "PATCH": "run.workerpools.update", "DELETE": "run.workerpools.delete"},
        f"{_POOL}:getIamPolicy": {"GET": "run.workerpools.getIamPolicy"},
        f"{_POOL}:setIamPolicy": {"POST": "run.workerpools.setIamPolicy"},
        f"{_POOL}:testIamPermissions": {"POST": ""},
        f"{_POOL}/revisions": {"GET": "run.revisions.list"},
        f"{_POOL}/revisions/{{revision}}": {"GET": "run.revisions.get"},
        f"{_PARENT}/operations": {"GET": "run.operations.list"},
        f"{_PARENT}/operations/{{operation}}": {"GET": "run.operations.get", "DELETE": "run.operations.delete"},
        f"{_PARENT}/operations/{{operation}}:wait": {"POST": "run.operations.get"},
    },
    "artifactregistry": {
        f"{_PARENT}/repositories": {
            "GET": "artifactregistry.repositories.list",
            "POST": "artifactregistry.repositories.create",
        },
        _REPOSITORY: {
            "GET": "artifactregistry.repositories.get",
            "PATCH": "artifactregistry.repositories.update",
            "DELETE": "artifactregistry.repositories.delete",
        },
        f"{_REPOSITORY}:getIamPolicy": {"GET": "artifactregistry.repositories.getIamPolicy"},
        f"{_REPOSITORY}:setIamPolicy": {"POST": "artifactregistry.repositories.setIamPolicy"},
        f"{_REPOSITORY}:testIamPermissions": {"POST": ""},
        f"{_REPOSITORY}/dockerImages": {"GET": "artifactregistry.dockerimages.list"},
        f"{_REPOSITORY}/dockerImages/{{image:.+}}": {"GET": "artifactregistry.dockerimages.get"},
        f"{_REPOSITORY}/packages/{{package:.+}}/tags": {"GET": "artifactregistry.tags.list"},
        f"{_REPOSITORY}/packages/{{package:.+}}/tags/{{tag}}": {"GET": "artifactregistry.tags.get"},
        f"{_PARENT}/operations": {"GET": ""},
        f"{_PARENT}/operations/{{operation}}": {"GET": "", "DELETE": ""},
        f"{_PARENT}/operations/{{operation}}:wait": {"POST": ""},
    },
    "iam": {
        "projects/{project}/serviceAccounts": {
            "GET": "iam.serviceAccounts.list",
            "POST": "iam.serviceAccounts.create",
        },
        _ACCOUNT: {
            "GET": "iam.serviceAccounts.get",
            "PATCH": "iam.serviceAccounts.update",
            "DELETE": "iam.serviceAccounts.delete",
        },
        f"{_ACCOUNT}:disable": {"POST": "iam.serviceAccounts.disable"},
        f"{_ACCOUNT}:enable": {"POST": "iam.serviceAccounts.enable"},
        f"{_ACCOUNT}:getIamPolicy": {"POST": "iam.serviceAccounts.getIamPolicy"},
        f"{_ACCOUNT}:setIamPolicy": {"POST": "iam.serviceAccounts.setIamPolicy"},
        f"{_ACCOUNT}:testIamPermissions": {"POST": ""},
        _ROLES_OF_PROJECT: {"GET": "iam.roles.list", "POST": "iam.roles.create"},
        f"{_ROLES_OF_PROJECT}/{{role}}": {
            "GET": "iam.roles.get",
            "PATCH": "iam.roles.update",
            "DELETE": "iam.roles.delete",
        },
        f"{_ROLES_OF_PROJECT}/{{role}}:undelete": {"POST": "iam.roles.undelete"},
        **_of_collection(_POOLS, "pool", "iam.workloadIdentityPools"),
        f"{_POOLS}/{{pool}}:listAttestationRules": {"GET": "iam.workloadIdentityPools.get"},
        **_of_collection(_PROVIDERS, "provider", "iam.workloadIdentityPoolProviders"),
    },
    "iamcredentials": {
        f"{_ACCOUNT}:generateAccessToken": {"POST": "iam.serviceAccounts.getAccessToken"},
        f"{_ACCOUNT}:generateIdToken": {"POST": "iam.serviceAccounts.getOpenIdToken"},
    },
    "serviceusage": {
        _ENABLED: {"GET": "serviceusage.services.list"},
        f"{_ENABLED}/{{service}}": {"GET": "serviceusage.services.get"},
        f"{_ENABLED}/{{service}}:enable": {"POST": "serviceusage.services.enable"},
        f"{_ENABLED}/{{service}}:disable": {"POST": "serviceusage.services.disable"},
        f"{_ENABLED}:batchEnable": {"POST": "serviceusage.services.enable"},
        "operations/{operation}": {"GET": ""},
    },
    "cloudresourcemanager": {
        # An organization's administrators may, whom nobody here is.
        "projects/{project}:clearOrgPolicy": {"POST": ""},
        "projects/{project}:getOrgPolicy": {"POST": ""},
        "projects/{project}:setOrgPolicy": {"POST": ""},
        "projects/{project}": {"GET": "resourcemanager.projects.get", "DELETE": "resourcemanager.projects.delete"},
        "projects/{project}:undelete": {"POST": "resourcemanager.projects.undelete"},
        "projects/{project}:getIamPolicy": {"POST": "resourcemanager.projects.getIamPolicy"},
        "projects/{project}:setIamPolicy": {"POST": "resourcemanager.projects.setIamPolicy"},
        "projects/{project}:testIamPermissions": {"POST": ""},
    },
    "cloudscheduler": {
        _JOBS: {"GET": "cloudscheduler.jobs.list", "POST": "cloudscheduler.jobs.create"},
        f"{_JOBS}/{{job}}": {
            "GET": "cloudscheduler.jobs.get",
            "PATCH": "cloudscheduler.jobs.update",
            "DELETE": "cloudscheduler.jobs.delete",
        },
        f"{_JOBS}/{{job}}:pause": {"POST": "cloudscheduler.jobs.pause"},
        f"{_JOBS}/{{job}}:resume": {"POST": "cloudscheduler.jobs.enable"},
        f"{_JOBS}/{{job}}:run": {"POST": "cloudscheduler.jobs.run"},
    },
    "logging": {"entries:list": {"POST": "logging.logEntries.list"}},
    "secretmanager": {
        _SECRETS: {"GET": "secretmanager.secrets.list", "POST": "secretmanager.secrets.create"},
        _SECRET: {
            "GET": "secretmanager.secrets.get",
            "PATCH": "secretmanager.secrets.update",
            "DELETE": "secretmanager.secrets.delete",
        },
        f"{_SECRET}:addVersion": {"POST": "secretmanager.versions.add"},
        f"{_SECRET}:getIamPolicy": {"GET": "secretmanager.secrets.getIamPolicy"},
        f"{_SECRET}:setIamPolicy": {"POST": "secretmanager.secrets.setIamPolicy"},
        f"{_SECRET}:testIamPermissions": {"POST": ""},
        f"{_SECRET}/versions": {"GET": "secretmanager.versions.list"},
        f"{_SECRET}/versions/{{version}}": {"GET": "secretmanager.versions.get"},
        f"{_SECRET}/versions/{{version}}:access": {"GET": "secretmanager.versions.access"},
        f"{_SECRET}/versions/{{version}}:destroy": {"POST": "secretmanager.versions.destroy"},
        f"{_SECRET}/versions/{{version}}:disable": {"POST": "secretmanager.versions.disable"},
        f"{_SECRET}/versions/{{version}}:enable": {"POST": "secretmanager.versions.enable"},
    },
    "compute": {
        _NETWORKS: {"GET": "compute.networks.list", "POST": "compute.networks.create"},
        f"{_NETWORKS}/{{network}}": {
            "GET": "compute.networks.get",
            "PATCH": "compute.networks.updatePolicy",
            "DELETE": "compute.networks.delete",
        },
        f"{_NETWORKS}/{{network}}/removePeering": {"POST": "compute.networks.removePeering"},
        _SUBNETS: {"GET": "compute.subnetworks.list", "POST": "compute.subnetworks.create"},
        f"{_SUBNETS}/{{subnet}}": {"GET": "compute.subnetworks.get", "DELETE": "compute.subnetworks.delete"},
        f"{_SUBNETS}/{{subnet}}/setPrivateIpGoogleAccess": {"POST": "compute.subnetworks.setPrivateIpGoogleAccess"},
        _ADDRESSES: {"GET": "compute.globalAddresses.list", "POST": "compute.globalAddresses.createInternal"},
        f"{_ADDRESSES}/{{address}}": {
            "GET": "compute.globalAddresses.get",
            "DELETE": "compute.globalAddresses.deleteInternal",
        },
        f"{_ADDRESSES}/{{address}}/setLabels": {"POST": "compute.globalAddresses.setLabels"},
        "projects/{project}/global/operations/{operation}": {"GET": "compute.globalOperations.get"},
        "projects/{project}/global/operations/{operation}/wait": {"POST": "compute.globalOperations.get"},
        "projects/{project}/regions/{location}/operations/{operation}": {"GET": "compute.regionOperations.get"},
        "projects/{project}/regions/{location}/operations/{operation}/wait": {"POST": "compute.regionOperations.get"},
    },
    # Of the project whose network a request names, and so looked at where that is read.
    "servicenetworking": {
        _CONNECTIONS: {"GET": "", "POST": ""},
        f"{_CONNECTIONS}/{{connection}}": {"PATCH": "", "POST": ""},
        "operations/{operation}": {"GET": ""},
    },
    "dns": {
        _ZONES: {"GET": "dns.managedZones.list", "POST": "dns.managedZones.create"},
        f"{_ZONES}/{{zone}}": {
            "GET": "dns.managedZones.get",
            "PUT": "dns.managedZones.update",
            "DELETE": "dns.managedZones.delete",
        },
        f"{_ZONES}/{{zone}}/rrsets": {"GET": "dns.resourceRecordSets.list"},
        f"{_ZONES}/{{zone}}/changes": {"POST": "dns.changes.create"},
        f"{_ZONES}/{{zone}}/changes/{{change}}": {"GET": "dns.changes.get"},
    },
    "sqladmin": {
        _INSTANCES: {"GET": "cloudsql.instances.list", "POST": "cloudsql.instances.create"},
        _INSTANCE: {
            "GET": "cloudsql.instances.get",
            "PATCH": "cloudsql.instances.update",
            "PUT": "cloudsql.instances.update",
            "DELETE": "cloudsql.instances.delete",
        },
        f"{_INSTANCE}/connectSettings": {"GET": "cloudsql.instances.get"},
        f"{_INSTANCE}/listServerCas": {"GET": "cloudsql.instances.listServerCas"},
        f"{_INSTANCE}/databases": {"GET": "cloudsql.databases.list", "POST": "cloudsql.databases.create"},
        f"{_INSTANCE}/databases/{{database}}": {
            "GET": "cloudsql.databases.get",
            "DELETE": "cloudsql.databases.delete",
        },
        f"{_INSTANCE}/users": {
            "GET": "cloudsql.users.list",
            "POST": "cloudsql.users.create",
            "PUT": "cloudsql.users.update",
            "DELETE": "cloudsql.users.delete",
        },
        "projects/{project}/operations": {"GET": "cloudsql.instances.get"},
        "projects/{project}/operations/{operation}": {"GET": "cloudsql.instances.get"},
    },
    "storage": {
        "b": {"GET": "storage.buckets.list", "POST": "storage.buckets.create"},
        "b/{bucket:[^/]+}": {
            "GET": "storage.buckets.get",
            "PATCH": "storage.buckets.update",
            "DELETE": "storage.buckets.delete",
        },
        "b/{bucket:[^/]+}/iam": {"GET": "storage.buckets.getIamPolicy", "PUT": "storage.buckets.setIamPolicy"},
        # Whoever was let begin an upload may go on with it.
        "b/{bucket:[^/]+}/o": {"GET": "storage.objects.list", "POST": "storage.objects.create", "PUT": ""},
        "b/{bucket:[^/]+}/o/{name:.+}": {"GET": "storage.objects.get", "DELETE": "storage.objects.delete"},
    },
}
_PATTERN = re.compile(r"/(?:(?:up|down)load/)?(?P<api>\w+)/(?:sql/)?(?:v\d+(?:beta\d+)?/)+(?P<path>.+)")
_READING = ("get", "getIamPolicy", "list")
# Scopes by API: those that open every method of it, and those that open only what reads.
_SCOPES = {
    "artifactregistry": (("cloud-platform",), ("cloud-platform.read-only",)),
    "cloudresourcemanager": (("cloud-platform",), ("cloud-platform.read-only",)),
    "cloudscheduler": (("cloud-platform",), ()),
    "compute": (("cloud-platform", "compute"), ("compute.readonly",)),
    "dns": (("cloud-platform", "ndev.clouddns.readwrite"), ("cloud-platform.read-only", "ndev.clouddns.readonly")),
    "iam": (("cloud-platform",), ()),
    "iamcredentials": (("cloud-platform", "iam"), ()),
    "logging": (("cloud-platform", "logging.admin"), ("cloud-platform.read-only", "logging.read")),
    "run": (("cloud-platform", "run"), ("run.readonly",)),
    "secretmanager": (("cloud-platform",), ()),
    "servicenetworking": (("cloud-platform", "service.management"), ()),
    "serviceusage": (("cloud-platform", "service.management"), ("cloud-platform.read-only",)),
    "sqladmin": (("cloud-platform", "sqlservice.admin"), ()),
    "storage": (
        ("cloud-platform", "devstorage.full_control", "devstorage.read_write"),
        ("cloud-platform.read-only", "devstorage.read_only"),
    ),
}
# What a scope leaves out that opens the rest of its API ("Cloud Storage OAuth 2.0 scopes").
_CLOSED = {"devstorage.read_write": ("storage.buckets.update",)}

_ADMINISTRATE_ACCOUNTS = tuple(
    f"iam.serviceAccounts.{verb}"
    for verb in (
        "create", "delete", "disable", "enable", "get", "getIamPolicy", "list", "setIamPolicy", "update",
    )
)  # fmt: skip
_ADMINISTRATE_POOLS = ("iam.workloadIdentityPools.*", "iam.workloadIdentityPoolProviders.*")
_FIND_PROJECT = "resourcemanager.projects.get"
_READ_IMAGES = (
    "artifactregistry.dockerimages.*",
    "artifactregistry.repositories.downloadArtifacts",
    "artifactregistry.repositories.get",
    "artifactregistry.repositories.list",
    "artifactregistry.tags.get",
    "artifactregistry.tags.list",
)
_VIEW_RUN = (
    "run.*.get",
    "run.*.list",
    "run.jobs.getIamPolicy",
    "run.services.getIamPolicy",
    "run.workerpools.getIamPolicy",
    _FIND_PROJECT,
)
_VIEW_SCHEDULER = (
    "cloudscheduler.jobs.fullView",
    "cloudscheduler.jobs.get",
    "cloudscheduler.jobs.list",
    _FIND_PROJECT,
)
# What a role grants, of the permissions that are asked for here. `*` stands for any characters.
_ROLES: dict[str, tuple[str, ...]] = {
    # An owner may create no tokens of an account. Each new bucket grants what is in it to the owners of its project.
    "roles/owner": (
        "artifactregistry.*",
        "cloudscheduler.*",
        *_ADMINISTRATE_ACCOUNTS,
        "cloudsql.*",
        "compute.*",
        "dns.*",
        "iam.roles.*",
        "iam.serviceAccounts.actAs",
        *_ADMINISTRATE_POOLS,
        "logging.*",
        "resourcemanager.*",
        "run.*",
        "secretmanager.*",
        "servicenetworking.*",
        "serviceusage.*",
        "storage.*",
    ),
    "roles/artifactregistry.admin": ("artifactregistry.*",),
    "roles/artifactregistry.reader": _READ_IMAGES,
    "roles/artifactregistry.writer": (*_READ_IMAGES, "artifactregistry.repositories.uploadArtifacts"),
    "roles/browser": ("resourcemanager.projects.get", "resourcemanager.projects.getIamPolicy"),
    "roles/cloudscheduler.admin": ("cloudscheduler.*", _FIND_PROJECT),
    "roles/cloudscheduler.viewer": _VIEW_SCHEDULER,
    "roles/cloudsql.admin": ("cloudsql.*", _FIND_PROJECT),
    "roles/cloudsql.client": ("cloudsql.instances.connect", "cloudsql.instances.get"),
    "roles/cloudsql.viewer": (
        "cloudsql.*.get",
        "cloudsql.*.list",
        "cloudsql.instances.listServerCas",
        _FIND_PROJECT,
    ),
    "roles/compute.networkAdmin": (
        "compute.globalAddresses.*",
        "compute.globalOperations.get",
        "compute.networks.*",
        "compute.regionOperations.get",
        "compute.subnetworks.*",
        "servicenetworking.services.addPeering",
        "servicenetworking.services.get",
        _FIND_PROJECT,
    ),
    "roles/compute.networkViewer": (
        "compute.*.get",
        "compute.*.list",
        "servicenetworking.services.get",
        _FIND_PROJECT,
    ),
    "roles/dns.admin": ("dns.*", _FIND_PROJECT),
    "roles/dns.reader": ("dns.*.get", "dns.*.list", _FIND_PROJECT),
    "roles/iam.roleAdmin": ("iam.roles.*", _FIND_PROJECT, "resourcemanager.projects.getIamPolicy"),
    "roles/iam.serviceAccountAdmin": (*_ADMINISTRATE_ACCOUNTS, _FIND_PROJECT),
    "roles/iam.serviceAccountTokenCreator": (
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
    ),
    "roles/iam.serviceAccountUser": (
        "iam.serviceAccounts.actAs",
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.list",
        _FIND_PROJECT,
    ),
    "roles/iam.serviceAccountViewer": (
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.getIamPolicy",
        "iam.serviceAccounts.list",
        _FIND_PROJECT,
    ),
    "roles/iam.workloadIdentityPoolAdmin": (*_ADMINISTRATE_POOLS, _FIND_PROJECT),
    "roles/iam.workloadIdentityUser": (
        "iam.serviceAccounts.get",
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
        "iam.serviceAccounts.list",
    ),
    "roles/logging.viewer": ("logging.logEntries.list",),
    "roles/resourcemanager.projectIamAdmin": ("resourcemanager.projects.*",),
    "roles/run.admin": ("run.*", "resourcemanager.projects.get"),
    "roles/run.developer": (
        *_VIEW_RUN,
        "run.executions.*",
        "run.jobs.create",
        "run.jobs.delete",
        "run.jobs.run",
        "run.jobs.runWithOverrides",
        "run.jobs.update",
        "run.operations.*",
        "run.revisions.*",
        "run.services.create",
        "run.services.delete",
        "run.services.update",
        "run.workerpools.create",
        "run.workerpools.delete",
        "run.workerpools.update",
    ),
    "roles/run.invoker": ("run.jobs.run", "run.routes.invoke"),
    # Of Cloud Run's own account, which pulls images, and takes addresses of subnets.
    "roles/run.serviceAgent": (
        *_READ_IMAGES,
        "compute.networks.get",
        "compute.subnetworks.get",
        "compute.subnetworks.use",
    ),
    "roles/run.viewer": _VIEW_RUN,
    "roles/secretmanager.admin": ("secretmanager.*", _FIND_PROJECT),
    "roles/secretmanager.secretAccessor": ("secretmanager.versions.access", _FIND_PROJECT),
    "roles/secretmanager.secretVersionAdder": ("secretmanager.versions.add", _FIND_PROJECT),
    "roles/secretmanager.viewer": (
        "secretmanager.secrets.get",
        "secretmanager.secrets.getIamPolicy",
        "secretmanager.secrets.list",
        "secretmanager.versions.get",
        "secretmanager.versions.list",
        _FIND_PROJECT,
    ),
    "roles/serviceusage.serviceUsageAdmin": ("serviceusage.*",),
    "roles/serviceusage.serviceUsageConsumer": (
        "serviceusage.services.get",
        "serviceusage.services.list",
        "serviceusage.services.use",
    ),
    "roles/storage.admin": ("storage.*",),
    # Of a bucket alone.
    "roles/storage.legacyBucketReader": ("storage.buckets.get", "storage.objects.list"),
    "roles/storage.objectAdmin": ("storage.objects.*",),
    "roles/storage.objectUser": tuple(
        f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list", "update")
    ),
    "roles/storage.objectViewer": ("storage.objects.get", "storage.objects.list"),
}


@dataclasses.dataclass(frozen=True)
class Need:
    """What a method needs.

    Attributes:
        api: the API, as its host is called: `run`.
        permission: the permission; empty where none is needed.
    """

    api: str
    permission: str

    def opened_by(self, scopes: frozenset[str]) -> bool:
        """Whether a token with these scopes opens the method."""
        every, reading = _SCOPES[self.api]
        is_reading = self.permission.rpartition(".")[2] in _READING
        opening = (*every, *reading) if is_reading or not self.permission else every
        return any(SCOPE + name in scopes and self.permission not in _CLOSED.get(name, ()) for name in opening)


def need(method: str, pattern: str) -> Need:
    """What a method needs.

    Args:
        method: of HTTP.
        pattern: of its paths, as `Routes` has it.

    Raises:
        LookupError: nothing says it.
    """
    match = _PATTERN.fullmatch(pattern)
    permission = match and _METHODS.get(match["api"], {}).get(match["path"], {}).get(method)
    if match is None or permission is None:
        raise LookupError(
            f"{method} {pattern} is not among the methods of {__name__}, which say what permission it needs"
        )
    return Need(match["api"], permission)


def grants(role: str, permission: str) -> bool:
    """Whether a role grants a permission; a role that is not known here grants none."""
    return any(fnmatch.fnmatchcase(permission, granted) for granted in _ROLES.get(role, ()))
