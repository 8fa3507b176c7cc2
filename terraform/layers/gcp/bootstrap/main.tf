locals {
  environment = trimsuffix(var.name, "-bootstrap")

  # A deployment's own APIs, and those by which it gets its credentials and finds what is enabled.
  services = toset([
    "artifactregistry.googleapis.com",
    "cloudscheduler.googleapis.com",
    "compute.googleapis.com",
    "dns.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "serviceusage.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
  ])

  accounts = {
    deployer = {
      description  = "Deploys and destroys the environment ${local.environment}."
      bucket_roles = ["roles/storage.legacyBucketReader", "roles/storage.objectUser"]
      roles = [
        "roles/artifactregistry.writer",
        # A service runs as an account of its app; those are made later, so it is the project that has the role.
        "roles/iam.serviceAccountUser",
        # A failed run shows the log of the revision.
        "roles/logging.viewer",
        "roles/run.developer",
        "roles/serviceusage.serviceUsageConsumer",
      ]
    }
    planner = {
      description  = "Says what a deployment of ${local.environment} would change."
      bucket_roles = ["roles/storage.legacyBucketReader", "roles/storage.objectViewer"]
      roles = [
        "roles/artifactregistry.reader",
        "roles/cloudscheduler.viewer",
        "roles/cloudsql.viewer",
        "roles/compute.networkViewer",
        "roles/dns.reader",
        "roles/iam.serviceAccountViewer",
        "roles/run.viewer",
        # Of secrets all but their values; of users of databases those, too, below.
        "roles/secretmanager.viewer",
        "roles/serviceusage.serviceUsageConsumer",
      ]
    }
  }

  grants = {
    for grant in flatten([
      for account, settings in local.accounts : [for role in settings.roles : { account = account, role = role }]
    ]) : "${grant.account} ${grant.role}" => grant
  }
  bucket_grants = {
    for grant in flatten([
      for account, settings in local.accounts : [for role in settings.bucket_roles : { account = account, role = role }]
    ]) : "${grant.account} ${grant.role}" => grant
  }
  # What a deployment does with secrets, apart from making and listing them: of its own, whose names begin with the
  # environment's, and to let applications read them and those that the inventory names.
  secret_permissions = {
    secrets = [
      "secretmanager.secrets.delete",
      "secretmanager.secrets.get",
      "secretmanager.secrets.update",
      "secretmanager.versions.add",
      "secretmanager.versions.enable",
    ]
    secret_access = [
      "secretmanager.secrets.getIamPolicy",
      "secretmanager.secrets.setIamPolicy",
      "secretmanager.versions.get",
    ]
  }
  # What a deployment does with networks, whose parts have no names that a condition could tell apart, and with the making of
  # databases, which is in the project.
  network_permissions = concat(
    [for verb in ["createInternal", "deleteInternal", "get", "list", "setLabels"] : "compute.globalAddresses.${verb}"],
    [for verb in ["create", "delete", "get", "list", "removePeering", "updatePolicy", "use"] : "compute.networks.${verb}"],
    [for verb in ["create", "delete", "get", "list", "setPrivateIpGoogleAccess", "use"] : "compute.subnetworks.${verb}"],
    ["compute.globalOperations.get", "compute.regionOperations.get"],
    [for verb in ["create", "get"] : "dns.changes.${verb}"],
    [for verb in ["create", "delete", "get", "list", "update"] : "dns.managedZones.${verb}"],
    [for verb in ["create", "delete", "list", "update"] : "dns.resourceRecordSets.${verb}"],
    ["dns.networks.bindPrivateDNSZone"],
    ["servicenetworking.services.addPeering", "servicenetworking.services.get"],
    ["cloudsql.instances.create", "cloudsql.instances.list"],
  )
  # With databases of its own, apart from making and listing them. Operations are the project's: to see one takes
  # cloudsql.instances.get there.
  database_permissions = concat(
    [for verb in ["delete", "get", "update"] : "cloudsql.instances.${verb}"],
    [for verb in ["create", "delete", "get", "list"] : "cloudsql.databases.${verb}"],
    [for verb in ["create", "delete", "list", "update"] : "cloudsql.users.${verb}"],
  )
  impersonators = {
    for grant in setproduct(keys(local.accounts), var.trusted_members) :
    "${grant[0]} ${grant[1]}" => { account = grant[0], member = grant[1] }
  }
}

# The provider reads each of the others by it.
resource "google_project_service" "resource_manager" {
  service = "cloudresourcemanager.googleapis.com"

  disable_on_destroy = false
}

resource "google_project_service" "this" {
  for_each = local.services

  service = each.key

  # The project's other users need it, too.
  disable_on_destroy = false

  depends_on = [google_project_service.resource_manager]
}

resource "google_service_account" "this" {
  for_each = local.accounts

  account_id   = "${local.environment}-${each.key}"
  display_name = "${local.environment}-${each.key}"
  description  = each.value.description

  depends_on = [google_project_service.this]
}

# What a deployment needs and no predefined role grants alone: Artifact Registry Admin may also change who reads the images,
# Service Account Admin who acts as an account, Cloud Run Admin who changes worker pools, and Cloud Scheduler Admin may run
# its jobs.
resource "google_project_iam_custom_role" "deployer" {
  role_id     = replace("${local.environment}-deployer", "-", "_")
  title       = "${local.environment}-deployer"
  description = "What the predefined roles leave out that a deployment of ${local.environment} needs."
  permissions = [
    "artifactregistry.repositories.create",
    "artifactregistry.repositories.delete",
    "artifactregistry.repositories.update",
    "cloudscheduler.jobs.create",
    "cloudscheduler.jobs.delete",
    # The provider also resumes what is not paused.
    "cloudscheduler.jobs.enable",
    "cloudscheduler.jobs.fullView",
    "cloudscheduler.jobs.get",
    "cloudscheduler.jobs.list",
    "cloudscheduler.jobs.update",
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.delete",
    "iam.serviceAccounts.update",
    # To let the account of an app's schedules run their jobs.
    "run.jobs.setIamPolicy",
    # The smoke check of a service that is not public.
    "run.routes.invoke",
    # "Allowing public (unauthenticated) access": to turn the invoker check of a service off or on.
    "run.services.setIamPolicy",
    "secretmanager.secrets.create",
    # What is left after a destruction.
    "secretmanager.secrets.list",
  ]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_custom_role" "secrets" {
  for_each = local.secret_permissions

  role_id     = replace("${local.environment}-${each.key}", "-", "_")
  title       = replace("${local.environment}-${each.key}", "_", "-")
  description = "What a deployment of ${local.environment} does with ${each.key == "secrets" ? "its secrets" : "who may read secrets"}."
  permissions = each.value

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "this" {
  for_each = local.grants

  project = var.project
  role    = each.value.role
  member  = google_service_account.this[each.value.account].member
}

resource "google_project_iam_member" "deployer" {
  project = var.project
  role    = google_project_iam_custom_role.deployer.name
  member  = google_service_account.this["deployer"].member
}

# The project's other secrets are nobody's business. A secret is made in the project, which has no such name.
resource "google_project_iam_member" "secrets" {
  for_each = google_project_iam_custom_role.secrets

  project = var.project
  role    = each.value.name
  member  = google_service_account.this["deployer"].member

  condition {
    title       = "secrets of ${local.environment}"
    description = "Secrets whose names begin with ${local.environment}-."
    # "extract() function" in the attribute reference of IAM Conditions: a name begins with the project's number.
    expression = "resource.name.extract(\"/secrets/{name}\").startsWith(\"${local.environment}-\")"
  }
}

resource "google_project_iam_custom_role" "networks" {
  role_id     = replace("${local.environment}-networks", "-", "_")
  title       = "${local.environment}-networks"
  description = "What a deployment of ${local.environment} does with networks, and to make databases."
  permissions = concat(local.network_permissions, ["cloudsql.instances.get"])

  depends_on = [google_project_service.this]
}

resource "google_project_iam_custom_role" "databases" {
  role_id     = replace("${local.environment}-databases", "-", "_")
  title       = "${local.environment}-databases"
  description = "What a deployment of ${local.environment} does with its databases."
  permissions = local.database_permissions

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "networks" {
  project = var.project
  role    = google_project_iam_custom_role.networks.name
  member  = google_service_account.this["deployer"].member
}

# Terraform hands the passwords of databases over, and reads no other value. A plan reads them, too.
resource "google_project_iam_custom_role" "database_secrets" {
  role_id     = replace("${local.environment}-database_secrets", "-", "_")
  title       = "${local.environment}-database-secrets"
  description = "Reads the passwords of the databases of ${local.environment}."
  permissions = ["secretmanager.versions.access"]

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "database_secrets" {
  for_each = google_service_account.this

  project = var.project
  role    = google_project_iam_custom_role.database_secrets.name
  member  = each.value.member

  condition {
    title       = "database secrets of ${local.environment}"
    description = "Secrets of users of databases, whose names begin with ${local.environment}-."
    # Nothing is extracted of a name without the part behind.
    expression = "resource.name.extract(\"/secrets/{name}_database_\").startsWith(\"${local.environment}-\")"
  }
}

# The project's other databases are nobody's business.
resource "google_project_iam_member" "databases" {
  project = var.project
  role    = google_project_iam_custom_role.databases.name
  member  = google_service_account.this["deployer"].member

  condition {
    title       = "databases of ${local.environment}"
    description = "Instances of Cloud SQL whose names begin with ${local.environment}-."
    expression  = "resource.name.extract(\"/instances/{name}\").startsWith(\"${local.environment}-\")"
  }
}

# Of secrets that the inventory names: which version is current, and the grant to the application.
resource "google_secret_manager_secret_iam_member" "named" {
  for_each = toset(var.secret_names)

  project   = var.project
  secret_id = split("/", each.key)[3]
  role      = google_project_iam_custom_role.secrets["secret_access"].name
  member    = google_service_account.this["deployer"].member
}

# Of the bucket alone: the project's other buckets are nobody's business.
resource "google_storage_bucket_iam_member" "this" {
  for_each = local.bucket_grants

  bucket = var.state_bucket
  role   = each.value.role
  member = google_service_account.this[each.value.account].member
}

resource "google_service_account_iam_member" "people" {
  for_each = local.impersonators

  service_account_id = google_service_account.this[each.value.account].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value.member
}
