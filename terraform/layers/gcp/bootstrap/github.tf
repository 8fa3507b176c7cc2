# Workflows of one repository get tokens of the accounts for the tokens that GitHub gives them ("Configure Workload Identity
# Federation with deployment pipelines"): there is no key.

locals {
  # The pool is there when the repository is.
  pool = one(google_iam_workload_identity_pool.github[*].name)

  # Whom GitHub says a job is for: "Example subject claims" in GitHub's OpenID Connect reference. A job is in an environment
  # when the workflow says so, and GitHub lets it in by that environment's own rules. Pull requests are planned, and main is,
  # every night.
  subjects = {
    deployer = ["environment:${local.environment}"]
    planner  = ["pull_request", "ref:refs/heads/main"]
  }
  github_grants = var.github_repository == null ? {} : {
    for grant in flatten([
      for account, subjects in local.subjects : [for subject in subjects : { account = account, subject = subject }]
    ]) : "${grant.account} ${grant.subject}" => grant
  }
}

resource "google_iam_workload_identity_pool" "github" {
  count = var.github_repository == null ? 0 : 1

  workload_identity_pool_id = "${local.environment}-github"
  display_name              = "${local.environment}-github"
  description               = "Workflows that deploy ${local.environment}."

  depends_on = [google_project_service.this]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  #checkov:skip=CKV_GCP_125:wants the subject in this condition; it is in the principal that may act as each account, by equality
  count = var.github_repository == null ? 0 : 1

  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub"
  description                        = "Workflows that deploy ${local.environment}."

  attribute_mapping = { "google.subject" = "assertion.sub" }

  # All of GitHub has one issuer: without it, a workflow of any repository would get a token of this pool.
  attribute_condition = "assertion.repository == '${var.github_repository}'"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "github" {
  for_each = local.github_grants

  service_account_id = google_service_account.this[each.value.account].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${local.pool}/subject/repo:${var.github_repository}:${each.value.subject}"
}
