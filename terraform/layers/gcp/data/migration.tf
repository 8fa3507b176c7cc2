# What the one-off jobs of Cloud Run may do that migrate the database, and that set its users and grants. A job names an image,
# and is therefore made by the role that runs it.
locals {
  # No app's name has two hyphens in a row, and the id of an account has 30 characters at most.
  job_accounts = local.database_enabled ? {
    database_access = { id = "${var.name}--d", does = "sets users and grants of the database of ${var.name}" }
    migration       = { id = "${var.name}--m", does = "migrates the database of ${var.name}" }
  } : {}

  # Secrets of this project by their ids, which a plan knows.
  readable_secrets = local.database_enabled ? {
    database_access = [for key in keys(local.database_users) : "${var.name}_database_${key}"]
    migration = concat(
      ["${var.name}_database_migrator"],
      var.database_url_enabled ? ["${var.name}_database_ca", "${var.name}_database_migrator_url"] : [],
      [for name in local.generated_secrets : "${var.name}_environment_${name}"],
      [for source in values(var.secrets) : split("/", source)[3] if source != "generated"],
    )
  } : {}
  job_grants = merge([
    for job, secrets in local.readable_secrets : { for secret in toset(secrets) : "${job} ${secret}" => { job = job, secret = secret } }
  ]...)
}

resource "google_project_service" "job" {
  for_each = local.database_enabled ? toset(["iam.googleapis.com", "run.googleapis.com"]) : toset([])

  service = each.key

  # The project's other services need it, too.
  disable_on_destroy = false
}

resource "google_service_account" "job" {
  for_each = local.job_accounts

  account_id   = each.value.id
  display_name = "${var.name}-${replace(each.key, "_", "-")}"
  description  = "What the job may do that ${each.value.does}."

  depends_on = [google_project_service.job]
}

resource "google_secret_manager_secret_iam_member" "job" {
  for_each = local.job_grants

  project   = var.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.job[each.value.job].member

  depends_on = [
    google_secret_manager_secret.database,
    google_secret_manager_secret.database_ca,
    google_secret_manager_secret.database_url,
    google_secret_manager_secret.generated,
  ]
}
