output "database_access_service_account" {
  description = "E-mail address of the service account of the job that sets users and grants; null without a database."
  value       = one([for key, account in google_service_account.job : account.email if key == "database_access"])
  depends_on  = [google_secret_manager_secret_iam_member.job]
}

output "database_ca_certificates" {
  description = "Authorities that may sign the database's certificate, PEM; null without a database."
  value       = local.database_ca_certificates
}

output "database_host" {
  description = "Host name of the database, which its certificate is for, with the dot at its end; null without one."
  value       = local.database_host
  depends_on  = [google_dns_record_set.database]
}

output "database_instance_name" {
  description = "Name of the Cloud SQL instance, which no other one ever has; null without one."
  value       = one(google_sql_database_instance.this[*].name)
}

output "database_name" {
  description = "Name of the PostgreSQL database; null without one."
  value       = one(google_sql_database.this[*].name)
}

output "database_port" {
  description = "TCP port of the database; null without one."
  value       = local.database_enabled ? local.database_port : null
}

output "environment_secrets" {
  description = "Secrets in the application's environment: the name of a variable to the whole name of a version, projects/<project>/secrets/<secret>/versions/<number>."
  value       = local.environment_secrets["app"]
}

output "master_secret_name" {
  description = "Name of the secret with the master user's name and password (JSON: username, password), projects/<project>/secrets/<secret>; null without a database."
  value       = one([for key, secret in google_secret_manager_secret.database : secret.id if key == "master"])
}

output "migration_environment_secrets" {
  description = "The same for migrations, whose DATABASE_URL is that of the migrator."
  value       = local.environment_secrets["migrator"]
}

output "migration_service_account" {
  description = "E-mail address of the service account of migrations; null without a database."
  value       = one([for key, account in google_service_account.job : account.email if key == "migration"])
  depends_on  = [google_secret_manager_secret_iam_member.job]
}

output "secret_files" {
  description = "Files that the application and its migrations have of secrets: the path to the whole name of a version. With DATABASE_URL, the authorities that may sign the database's certificate."
  value       = local.secret_files
}

output "secret_names" {
  description = "Names of the secrets of the database's users by purpose: app, migrator, readonly (JSON: username, password); empty without a database."
  value       = { for key, secret in google_secret_manager_secret.database : key => secret.id if key != "master" }
}
