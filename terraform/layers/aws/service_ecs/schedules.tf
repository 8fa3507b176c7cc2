module "schedules" {
  source = "../../../modules/ecs_schedules"
  count  = length(var.schedules) > 0 ? 1 : 0

  account_id               = var.account_id
  alarm_action_arns        = var.alarm_action_arns
  assign_public_ip         = var.assign_public_ip
  capacity_provider        = local.capacity_provider
  cluster_arn              = aws_ecs_cluster.this.arn
  cluster_name             = aws_ecs_cluster.this.name
  container_name           = module.task["web"].container_name
  execute_command_enabled  = var.execute_command_enabled
  name                     = var.name
  passed_role_arns         = [module.task_roles.execution_role_arn, module.task_roles.task_role_arn]
  permissions_boundary_arn = var.permissions_boundary_arn
  region                   = var.region
  security_group_ids       = [var.data_app_security_group_id]
  subnet_ids               = var.assign_public_ip ? var.network_public_subnet_ids : var.network_private_subnet_ids

  schedules = {
    for name, schedule in var.schedules :
    name => { schedule = schedule.schedule, task_definition_arn = module.task[name].arn, timezone = schedule.timezone }
  }
}
