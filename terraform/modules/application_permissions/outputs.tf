output "application_statements" {
  description = "Statements of an IAM policy: what the application may do with its bucket and its secrets; none of either, no statement."
  value       = concat(local.bucket_statements, local.secret_statements)
}

output "pull_statements" {
  description = "Statements of an IAM policy: what pulling the application's image takes."
  value       = local.pull_statements
}
