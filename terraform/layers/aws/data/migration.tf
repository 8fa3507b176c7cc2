# Where a one-off task migrates the database before the service gets its new image, whatever the service runs on.
# Its task definition names an image and is therefore registered by the migration itself.
resource "aws_ecs_cluster" "migration" {
  #checkov:skip=CKV_AWS_65:one task a deployment, whose exit code and log the run shows
  count = local.database_enabled ? 1 : 0

  name = "${var.name}-migration"
}

module "migration_roles" {
  source = "../../../modules/ecs_task_roles"
  count  = local.database_enabled ? 1 : 0

  account_id               = var.account_id
  environment_secret_arns  = local.environment_secret_arns["migrator"]
  log_retention_days       = var.log_retention_days
  name                     = "${var.name}/migration"
  permissions_boundary_arn = var.permissions_boundary_arn
  readable_secret_arns     = [aws_secretsmanager_secret.database["migrator"].arn]
  region                   = var.region
  registry_repository_arn  = var.registry_repository_arn
}
