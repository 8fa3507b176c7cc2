locals {
  # Of the cluster, once it has it; null for FARGATE.
  capacity_provider = one(flatten(aws_ecs_cluster_capacity_providers.spot[*].capacity_providers))
}

module "process" {
  source   = "../../../modules/ecs_process"
  for_each = var.processes

  alarm_action_arns          = var.alarm_action_arns
  assign_public_ip           = var.assign_public_ip
  capacity_provider          = local.capacity_provider
  cluster_arn                = aws_ecs_cluster.this.arn
  cluster_name               = aws_ecs_cluster.this.name
  container_insights_enabled = var.container_insights_enabled
  cpu_target_percent         = var.cpu_target_percent
  execute_command_enabled    = var.execute_command_enabled
  max_count                  = coalesce(each.value.max_count, each.value.min_count)
  min_count                  = each.value.min_count
  name                       = local.commands[each.key].name
  security_group_ids         = [var.data_app_security_group_id]
  subnet_ids                 = var.assign_public_ip ? var.network_public_subnet_ids : var.network_private_subnet_ids
  task_definition_arn        = module.task[each.key].arn
}
