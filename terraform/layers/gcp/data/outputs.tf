output "environment_secrets" {
  description = "Secrets in the application's environment: the name of a variable to the whole name of a version, projects/<project>/secrets/<secret>/versions/<number>."
  value       = local.environment_secrets
}
