# A scheduled command runs in a task on Fargate, as migrations do: an instance would wait for its time all day.
resource "aws_ecs_cluster" "schedules" {
  #checkov:skip=CKV_AWS_65:tasks of minutes, whose exit codes alarms watch
  count = length(var.schedules) > 0 ? 1 : 0

  name = var.name
}

module "schedule_roles" {
  source = "../../../modules/ecs_task_roles"
  count  = length(var.schedules) > 0 ? 1 : 0

  account_id               = var.account_id
  bucket_arn               = var.data_bucket_arn
  environment_secret_arns  = var.data_environment_secret_arns
  log_retention_days       = var.log_retention_days
  name                     = "${var.name}/schedules"
  permissions_boundary_arn = var.permissions_boundary_arn
  readable_secret_arns     = var.readable_secret_arns
  region                   = var.region
  registry_repository_arn  = var.registry_repository_arn
}

module "schedule_task" {
  source   = "../../../modules/ecs_task"
  for_each = var.schedules

  command               = each.value.command
  container_port        = null
  cpu_architecture      = var.cpu_architecture
  cpu_units             = each.value.cpu_units
  environment_variables = var.environment_variables
  execution_role_arn    = module.schedule_roles[0].execution_role_arn
  image                 = var.image
  log_group_name        = module.schedule_roles[0].log_group_name
  log_stream_prefix     = each.key
  memory_mib            = each.value.memory_mib
  name                  = "${var.name}_${each.key}"
  region                = var.region
  secret_versions       = var.data_environment_secret_versions
  secrets               = var.data_environment_secrets
  stop_timeout_seconds  = var.stop_timeout_seconds
  task_role_arn         = module.schedule_roles[0].task_role_arn
  tmp_size_mib          = var.tmp_size_mib
  user                  = var.user
}

module "schedules" {
  source = "../../../modules/ecs_schedules"
  count  = length(var.schedules) > 0 ? 1 : 0

  account_id               = var.account_id
  alarm_action_arns        = var.alarm_action_arns
  assign_public_ip         = var.assign_public_ip
  cluster_arn              = aws_ecs_cluster.schedules[0].arn
  cluster_name             = aws_ecs_cluster.schedules[0].name
  container_name           = values(module.schedule_task)[0].container_name
  name                     = var.name
  passed_role_arns         = [module.schedule_roles[0].execution_role_arn, module.schedule_roles[0].task_role_arn]
  permissions_boundary_arn = var.permissions_boundary_arn
  region                   = var.region
  security_group_ids       = [var.data_app_security_group_id]
  subnet_ids               = var.assign_public_ip ? var.network_public_subnet_ids : var.network_private_subnet_ids

  schedules = {
    for name, schedule in var.schedules :
    name => { schedule = schedule.schedule, task_definition_arn = module.schedule_task[name].arn, timezone = schedule.timezone }
  }
}
