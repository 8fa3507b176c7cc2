output "deployer" {
  description = "E-mail address of the account that deploys: the value of GOOGLE_IMPERSONATE_SERVICE_ACCOUNT for who may act as it."
  value       = google_service_account.this["deployer"].email
}

output "planner" {
  description = "E-mail address of the account that plans and changes nothing."
  value       = google_service_account.this["planner"].email
}

output "workload_identity_provider" {
  description = "Name of the provider that a workflow exchanges its token at; null without github_repository."
  value       = one(google_iam_workload_identity_pool_provider.github[*].name)
}
