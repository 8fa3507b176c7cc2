output "api_key_secret_arn" {
  description = "ARN of the secret whose value is the API key; null without one."
  value       = one(aws_secretsmanager_secret.api_key[*].arn)
}

output "app_security_group_id" {
  description = "Id of the application's security group, which is allowed to reach the database."
  value       = aws_security_group.app.id
}

output "bucket_arn" {
  description = "ARN of the application's bucket; null without one."
  value       = one(concat(aws_s3_bucket.this[*].arn, data.aws_s3_bucket.existing[*].arn))
}

output "bucket_name" {
  description = "Name of the application's bucket; null without one."
  value       = one(concat(aws_s3_bucket.this[*].bucket, data.aws_s3_bucket.existing[*].bucket))
}

output "database_access_task_role_arn" {
  description = "ARN of the role of the task that sets users and grants; null without a database."
  value       = one(aws_iam_role.database_access[*].arn)
  depends_on  = [aws_iam_role_policy.database_access]
}

output "database_host" {
  description = "Host name of the database; null without one."
  value       = one(local.instance[*].address)
}

output "database_instance_identifier" {
  description = "Identifier of the RDS instance; null without one."
  value       = one(local.instance[*].identifier)
}

output "database_name" {
  description = "Name of the PostgreSQL database; null without one."
  value       = local.instance == null ? null : var.database_name
}

output "database_port" {
  description = "TCP port of the database; null without one."
  value       = one(local.instance[*].port)
}

output "database_resource_id" {
  description = "Id of the RDS instance that stays when it is renamed; null without one."
  value       = one(local.instance[*].resource_id)
}

output "environment_secret_arns" {
  description = "ARNs of the secrets that the application has in its environment."
  value       = local.environment_secret_arns["app"]
}

output "environment_secret_versions" {
  description = "A hash that is another one whenever a value of the application's secrets is; empty without secrets."
  value = length(local.environment_secrets["app"]) == 0 ? "" : sha256(jsonencode(merge(
    var.secret_versions,
    { for name, version in aws_secretsmanager_secret_version.generated : name => version.version_id },
    { for key, version in aws_secretsmanager_secret_version.database_url : "DATABASE_URL" => version.version_id if key == "app" },
  )))
}

output "environment_secrets" {
  description = "Secrets in the application's environment: the name of a variable to the ARN of the secret, with the key of one in JSON after it, as ECS takes it."
  value       = local.environment_secrets["app"]
}

output "master_secret_arn" {
  description = "ARN of the secret with the master user's name and password (JSON: username, password); null without a database."
  value       = local.master_secret_arn
}

output "migration_cluster_name" {
  description = "Name of the ECS cluster that migrations run on; null without a database."
  value       = one(aws_ecs_cluster.migration[*].name)
}

output "migration_environment_secrets" {
  description = "The same for migrations, whose DATABASE_URL is that of the migrator."
  value       = local.environment_secrets["migrator"]
}

output "migration_execution_role_arn" {
  description = "ARN of the role that ECS takes to start a migration; null without a database."
  value       = one(module.migration_roles[*].execution_role_arn)
}

output "migration_log_group_name" {
  description = "Name of the log group that migrations write to; null without a database."
  value       = one(module.migration_roles[*].log_group_name)
}

output "migration_task_role_arn" {
  description = "ARN of the role that a migration has; null without a database."
  value       = one(module.migration_roles[*].task_role_arn)
}

output "secret_arns" {
  description = "ARNs of the secrets of the database's users by purpose: app, migrator, readonly (JSON: username, password); empty without a database."
  value       = { for key, secret in aws_secretsmanager_secret.database : key => secret.arn if key != "master" }
}
