output "deployer_email" {
  description = "E-mail address of the account that deploys and destroys the environment."
  value       = google_service_account.this["deployer"].email
  # Set last: a run that finds it begins to deploy.
  depends_on = [
    google_project_iam_member.deployer,
    google_project_iam_member.secrets,
    google_project_iam_member.this,
    google_secret_manager_secret_iam_member.named,
    google_service_account_iam_member.people,
    google_storage_bucket_iam_member.this,
  ]
}

output "planner_email" {
  description = "E-mail address of the account that may only say what a deployment would change."
  value       = google_service_account.this["planner"].email
  depends_on = [
    google_project_iam_member.this,
    google_service_account_iam_member.people,
    google_storage_bucket_iam_member.this,
  ]
}

output "workload_identity_provider" {
  description = "Name of the provider that a workflow exchanges its token at; null without github_repository."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}
