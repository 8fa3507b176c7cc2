# Workflows of one repository get tokens of the accounts for the tokens that GitHub gives them ("Configure Workload Identity
# Federation with deployment pipelines"): there is no key.

locals {
  # The pool is there when the repository is.
  pool = one(google_iam_workload_identity_pool.github[*].name)

  # Every job of the repository; and the jobs of one environment, by the subject that GitHub writes for them.
  github_jobs            = "principalSet://iam.googleapis.com/${coalesce(local.pool, "none")}/attribute.repository/${coalesce(var.github_repository, "none")}"
  github_environment_job = "principal://iam.googleapis.com/${coalesce(local.pool, "none")}/subject/repo:${coalesce(var.github_repository, "none")}:environment:${coalesce(var.github_environment, "none")}"

  github_grants = var.github_repository == null ? {} : {
    deployer = var.github_environment == null ? local.github_jobs : local.github_environment_job
    planner  = local.github_jobs
  }
}

resource "google_iam_workload_identity_pool" "github" {
  count = var.github_repository == null ? 0 : 1

  workload_identity_pool_id = "${var.name}-github"
  display_name              = "${var.name}-github"
  description               = "Workflows that deploy ${var.name}."

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  count = var.github_repository == null ? 0 : 1

  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub"
  description                        = "Workflows of ${var.github_repository}."

  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
  }

  # All of GitHub has one issuer: without it, a workflow of any repository would get a token of this pool.
  attribute_condition = "assertion.repository == '${var.github_repository}'"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "github" {
  for_each = local.github_grants

  service_account_id = google_service_account.this[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = each.value
}
